"""Rendered operations: what happens in them, and their pictures."""

__all__ = ["draw", "example", "figures", "laparoscopy", "plan"]
