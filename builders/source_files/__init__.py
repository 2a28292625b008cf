"""File formats of single data sets that their source reads: PitVQA and EndoVis."""

__all__ = [
    "cataract1k_files",
    "cataract1k_phases",
    "cataract1k_second",
    "cataract1k_times",
    "cholect",
    "endovis_masks",
    "endovis_vqa",
    "moments",
    "pitvqa_files",
    "pitvqa_official",
    "procedure_tables",
    "question_files",
]
