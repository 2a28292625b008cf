"""The agreement of points, boxes and masks with the truth."""

__all__ = ["mask_answers", "mask_guesses", "pointing", "pointing_figures", "segmentation"]
