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
<<<<<<< HEAD
    "seconds",
=======
    "row_video",
>>>>>>> p16
    "streams",
    "truth",
    "whole",
]
