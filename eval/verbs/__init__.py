"""The verbs of ``surgvqa-eval``, a module each: configuration and action; heavy imports happen inside."""

__all__ = ["controls", "pages", "predict", "score"]
