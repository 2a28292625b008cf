"""The kinds of question that are chosen from, a file a topic: what each needs, its answer, its certificate."""

__all__ = ["changes", "count", "phase", "pool", "presence", "templates", "things", "tips", "view"]
