"""Segmentation models: their parts, checkpoints and the augmentation of pictures."""

__all__ = ["augment", "checkpoints", "documents", "models", "parts", "plain"]
