"""Answers in, numbers a reviewer believes out: ``surgvqa-eval``."""
