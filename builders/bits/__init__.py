"""What guessers without pixels know of answers, and which questions are left once they are held against it."""

__all__ = ["blind", "choose", "figures", "repeats", "thin"]
