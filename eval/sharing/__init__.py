"""What many questions on a clip share of a model's work, and which of its libraries' inner parts that needs."""

__all__ = ["interfaces", "linear_attention"]
