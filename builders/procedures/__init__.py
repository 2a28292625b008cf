"""The vocabulary of each kind of operation, as YAML, and its reader."""

__all__ = ["procedure_file", "taxonomy"]
