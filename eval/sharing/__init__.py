"""Shared work of many questions on a clip, and the inner parts of libraries that it needs."""

__all__ = ["interfaces", "linear_attention"]
