"""Whether what a teacher wrote is true to a frame's labels, read without any model."""

__all__ = ["facts", "lexicon", "plain_speech", "sentence_reader", "verifier"]
