"""Still frames out of recordings, and their labels out of annotation tools."""

__all__ = ["choice", "entry", "extract", "frame_labels", "label_files"]
