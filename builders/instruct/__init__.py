"""Conversations about frames as data sets: written and verified here, or exchanged with LLaVA files."""

__all__ = ["folder", "interchange", "llava", "rows", "write"]
