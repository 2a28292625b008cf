"""Read the answer out of a reply: through thoughts, wrappers, sentences and other spellings."""

__all__ = [
    "asides",
    "grid_answers",
    "hedges",
    "letters",
    "lists",
    "negation",
    "order",
    "polarity",
    "synonyms",
    "terms",
    "tokens",
    "unwrap",
]
