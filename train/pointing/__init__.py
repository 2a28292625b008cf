"""GRPO, on pointing and on questions about clips: its options and rows, rewards of guessers, what can be learned."""

__all__ = ["blind_rewards", "grpo_options", "question_rewards", "question_rows", "zero_advantage"]
