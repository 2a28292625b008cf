"""Predictions, questions and data sets, read from whoever wrote them."""

__all__ = [
    "columns",
    "dataset",
    "pictures",
    "predictions",
    "prompts",
    "recognise",
    "records",
    "reference",
    "row_video",
    "streams",
    "truth",
    "whole",
]
