"""What each verb of ``surgvqa-build`` does with its configuration; heavy imports happen inside."""

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
