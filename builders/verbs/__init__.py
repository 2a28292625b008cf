"""The verbs of ``surgvqa-build``, a module each: configuration and action; heavy imports happen inside."""

__all__ = [
    "build",
    "frames",
    "inspect",
    "instruct",
    "interchange",
    "labels",
    "list_sources",
    "mix",
    "new",
    "probe",
    "spoken",
    "verify",
]
