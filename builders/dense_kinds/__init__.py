"""Kinds that only labels without a gap can answer: what a clip shows over its seconds, a file each."""

__all__ = ["ever_seen", "goes_to", "phase_caption", "timed_caption"]
