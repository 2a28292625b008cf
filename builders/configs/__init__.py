"""Configs beside clips and questions: pointing and segmentation."""

__all__ = ["pointing", "pointing_questions", "segmentation"]
