"""Pages on predictions and on data sets."""

__all__ = ["dataset_report", "pictures", "report"]
