"""The types of what eval computes and writes as JSON: every key of every document, with its type."""

__all__ = ["calibration", "comparison", "controls", "pages", "probes", "runs", "scores", "spatial"]
