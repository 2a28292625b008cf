"""The app: look through the clips of a data set, ask models, see their answers beside the truth. Needs no PyTorch to start."""

__all__ = [
    "asking",
    "clips",
    "demo",
    "film",
    "listener",
    "marks",
    "service",
    "shapes",
    "shown_clip",
    "stored_answers",
    "tracks",
    "web",
]
