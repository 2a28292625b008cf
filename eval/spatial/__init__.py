"""How well points, boxes and masks agree with the truth."""

__all__ = ["pointing", "pointing_figures", "segmentation"]
