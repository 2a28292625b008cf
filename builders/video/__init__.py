"""Videos: when frames are shown, the frame at second t, exact cuts, and what is wrong with a file."""

__all__ = [
    "case_media",
    "containers",
    "covering",
    "cut",
    "decode",
    "display",
    "probe",
    "timing",
    "torchcodec_faults",
]
