"""Chat templates: what stands around an answer and its thoughts."""

__all__ = ["marks", "thoughts"]
