"""Read the answer out of a reply: through thoughts, wrappers, hedges, lists, places, order, yes and no."""

__all__ = [
    "asides",
    "choices",
    "clause_answers",
    "grid_answers",
    "hedges",
    "letters",
    "lists",
    "order",
    "polarity",
    "question_words",
    "sequences",
    "unwrap",
]
