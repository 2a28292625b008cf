"""GRPO on pointing: its options, and the rewards of guessers."""

__all__ = ["blind_rewards", "grpo_options"]
