"""What is asked of a clip, when, and how it is worded."""

__all__ = ["ask", "captions", "messages", "motion", "positions", "selection", "wording"]
