"""The configuration of every verb of ``surgvqa-eval``: options, defaults and help, each written once."""

__all__ = ["controls", "one_split", "pages", "predict", "score", "spatial"]
