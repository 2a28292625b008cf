"""What a run begins with: rows of one data set or several, and an adapter that goes on learning."""

__all__ = ["adapter", "material", "mixture"]
