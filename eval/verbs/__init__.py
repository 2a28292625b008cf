"""What each verb of ``surgvqa-eval`` does with its configuration; heavy imports happen inside."""

__all__ = ["controls", "pages", "predict", "score"]
