"""The command lines of ``surgvqa-train``: verbs that TRL's parsers read, and verbs with options of their own."""

__all__ = ["own", "trl"]
