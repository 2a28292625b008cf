"""Models to be asked: loading, encoding of clips, and the parts that hear and see."""

__all__ = [
    "audio_encoder",
    "audio_graft",
    "budget",
    "encode",
    "load",
    "out_of_memory",
    "pixels",
    "precision",
    "processor_encoder",
    "row_frames",
    "spoken_rows",
    "vision_attention",
]
