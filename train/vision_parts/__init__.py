"""Parts of the vision recipes: pairs of moments, and a model read from top to bottom."""

__all__ = ["pairs", "scratch_captions", "scratch_data", "scratch_model"]
