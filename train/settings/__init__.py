"""The configurations of train's own verbs; those of sft, audio and grpo are TRL's."""

__all__ = ["from_masks", "pictures", "plan", "whole_models"]
