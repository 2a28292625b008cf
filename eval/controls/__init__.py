"""Controls of a score: guessers that never look, leaks between splits, questions without their evidence."""

__all__ = [
    "altered_frames",
    "baselines",
    "benchmark_audit",
    "colour",
    "keypoints",
    "leaks",
    "necessity",
    "probe_set",
    "question_files",
    "texts",
    "turned_frames",
]
