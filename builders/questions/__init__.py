"""The nine kinds of question that every clip can be asked, their choice and their wording."""

__all__ = ["ask", "captions", "messages", "motion", "positions", "selection", "wording"]
