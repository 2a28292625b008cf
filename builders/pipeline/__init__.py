"""From a source's folder to a published data set folder: plan, shards, report, repair."""

__all__ = [
    "build",
    "count_shards",
    "executors",
    "new_procedure",
    "parameters",
    "prepare",
    "publish",
    "repair",
    "report",
    "source_options",
    "staging",
    "verify",
]
