"""The agreement of points, boxes and masks with the truth."""

__all__ = ["pointing", "pointing_figures", "segmentation"]
