"""Cards written from measured facts: data sets, models, instruction data, the frame audit; files of results."""

__all__ = ["dataset", "frame_audit", "instruct", "markdown", "model", "results", "small_model"]
