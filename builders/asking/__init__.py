"""The kinds of question and their wording, those that ship and those that a user adds."""

__all__ = ["asked_kinds", "extensions", "pool", "templates"]
