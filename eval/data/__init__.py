"""Predictions, questions and data sets, read from whoever wrote them."""

__all__ = [
    "columns",
    "dataset",
    "predictions",
    "prompts",
    "recognise",
    "records",
    "reference",
    "seconds",
    "streams",
    "truth",
    "whole",
]
