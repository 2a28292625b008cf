"""Command lines from configurations: one frozen dataclass per verb, read from words and written back to words."""

__all__ = ["option", "parser", "reference", "umbrella", "words"]
