"""Check a finished folder, search it for names, send it to the Hub."""

__all__ = ["audit", "dry_run", "hits", "identifiers", "names", "pictures", "push", "signature", "tables"]
