"""Measures of answers that may be nearly right: texts, sets, times, phases and boxes, each beside its blind floor."""

__all__ = ["answers", "boxes", "choice", "judge", "lexical_models", "phases", "texts", "values"]
