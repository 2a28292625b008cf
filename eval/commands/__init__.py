"""The verbs that read files and print figures."""

__all__ = [
    "environment",
    "lmms",
    "run_baselines",
    "run_benchmark_audit",
    "run_board",
    "run_judge",
    "run_mask_answers",
    "run_pointing",
    "run_score",
    "run_segmentation",
    "run_texts",
]
