"""The vocabulary of each kind of operation, as YAML, and its reader."""

__all__ = ["taxonomy"]
