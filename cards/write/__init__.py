"""Cards written from measured facts: data sets, models, instruction data, the frame audit."""

__all__ = ["dataset", "frame_audit", "instruct", "markdown", "model"]
