"""Tables for the terminal, HTML pages, and documents on disk."""

__all__ = ["documents", "page", "score_table", "terminal"]
