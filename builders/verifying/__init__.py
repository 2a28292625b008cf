"""The verifier of a teacher's texts: true to a frame's labels or not, read without any model."""

__all__ = ["facts", "lexicon", "plain_speech", "sentence_reader", "verifier"]
