"""The verbs of ``surgvqa-card``, a module each: configuration and action; heavy imports happen inside."""

__all__ = ["audit", "dataset", "model", "push", "sign"]
