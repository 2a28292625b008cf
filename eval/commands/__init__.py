"""The verbs that read files and print figures."""

__all__ = [
    "environment",
    "lmms",
    "run_baselines",
    "run_benchmark_audit",
    "run_pointing",
    "run_score",
    "run_segmentation",
]
