"""Files that every reader and writer opens: tables, pictures, Parquet, copies; and the process pool."""

__all__ = [
    "duplicate_files",
    "faults",
    "names",
    "one_command",
    "parquet",
    "pictures",
    "process_pool",
    "sheets",
    "tables",
    "texts",
    "tree",
    "user_yaml",
]
