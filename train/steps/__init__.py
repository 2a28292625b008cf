"""Parts of a training step: options, the optimiser, the labels, several processes."""

__all__ = [
    "answer_head",
    "config_files",
    "distributed",
    "early_checks",
    "kind_loss",
    "labels",
    "log_table",
    "muon",
    "optimizer",
    "option_sources",
    "options",
    "refused_options",
]
