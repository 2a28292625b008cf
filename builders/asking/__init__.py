"""How a clip is asked: the kinds that are known, their wording, and what a user adds to both."""

__all__ = ["extensions", "pool", "templates"]
