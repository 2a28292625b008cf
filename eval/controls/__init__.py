"""Controls of a score: guessers that never look, leaks between splits, questions without their evidence."""

__all__ = [
    "baselines",
    "benchmark_audit",
    "colour",
    "leaks",
    "necessity",
    "probe_set",
    "question_files",
    "texts",
]
