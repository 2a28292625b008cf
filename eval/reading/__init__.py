"""What a reply says: its answer, read out of thoughts, wrappers, sentences and other spellings."""

__all__ = [
    "grid_answers",
    "hedges",
    "letters",
    "lists",
    "negation",
    "numbers",
    "polarity",
    "refusals",
    "synonyms",
    "terms",
    "tokens",
    "unwrap",
]
