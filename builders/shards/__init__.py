"""The shard of one case: what it follows from, its rows, its files."""

__all__ = ["job", "joined", "reference", "rows", "survey", "write"]
