"""What a published folder holds, hashed: the manifest of a data set, the sums of a model."""

__all__ = ["manifest", "sums"]
