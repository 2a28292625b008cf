"""Check a finished folder, search it for names, send it to the Hub."""

__all__ = ["audit", "identifiers", "names", "pictures", "push", "signature"]
