"""The configuration of every verb of ``surgvqa-eval``: options, defaults and help, each written once."""

__all__ = ["controls", "pages", "predict", "score", "spatial"]
