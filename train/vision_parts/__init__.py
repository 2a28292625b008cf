"""What the vision recipes are made of: pairs of moments, and a model read from top to bottom."""

__all__ = ["pairs", "scratch_captions", "scratch_data", "scratch_model"]
