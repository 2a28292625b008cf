"""The files of a published folder, hashed: the manifest of a data set, the sums of a model; files written whole."""

__all__ = ["atomic", "documents", "json_schema", "manifest", "sums"]
