"""From clips to a trainer that is ready for its first step."""

__all__ = [
    "answering",
    "base_model",
    "clip_trainer",
    "collate",
    "frozen_tower",
    "lora_targets",
    "model_checks",
    "prepare",
    "sequences",
    "shared_prefix",
    "video_times",
    "vision_cache",
]
