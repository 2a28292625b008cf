"""Conversations about frames: written by a teacher, checked by a verifier, exchanged with LLaVA files."""

__all__ = [
    "folder",
    "interchange",
    "lexicon",
    "llava",
    "plain_speech",
    "samples",
    "sentence_reader",
    "teacher",
    "template_teacher",
    "verifier",
    "write",
]
