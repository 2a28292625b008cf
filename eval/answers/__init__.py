"""A model's answers: to every question of a split, by transformers, vLLM or an OpenAI server; to one; to a running video."""

__all__ = [
    "control_frames",
    "ensemble",
    "hf_engine",
    "live_stream",
    "one_question",
    "openai_engine",
    "origin",
    "predict",
    "ranks",
    "server",
    "sharing_check",
    "vllm_engine",
]
