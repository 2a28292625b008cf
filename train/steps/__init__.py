"""Parts of a training step: options, the optimiser, the labels, several processes."""

__all__ = [
    "answer_head",
    "distributed",
    "kind_loss",
    "labels",
    "log_table",
    "muon",
    "optimizer",
    "option_words",
    "options",
    "refused_options",
]
