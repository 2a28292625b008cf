"""Sources of the text family: a file a frame, a line a question; :mod:`surgvqa.builders.sources` registers them."""

__all__ = ["cholec80_vqa", "endovis18_vqa", "endovis18_vqla", "psi_ava_vqa", "ssg_vqa"]
