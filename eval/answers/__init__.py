"""A model's answers to every question of a split, by transformers, vLLM or an OpenAI server."""

__all__ = ["drawn", "ensemble", "hf_engine", "openai_engine", "origin", "predict", "server", "vllm_engine"]
