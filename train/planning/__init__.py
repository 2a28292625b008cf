"""A training step's memory and arithmetic, worked out on the meta device: no weight is loaded, nothing is computed."""

__all__ = ["head", "meta_mode", "plan", "step"]
