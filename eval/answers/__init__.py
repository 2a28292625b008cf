"""A model's answers: to every question of a split, by transformers, vLLM or an OpenAI server; to one; to a running video."""

<<<<<<< HEAD
__all__ = ["drawn", "ensemble", "hf_engine", "openai_engine", "origin", "predict", "server", "vllm_engine"]
=======
__all__ = [
    "drawn",
    "ensemble",
    "hf_engine",
    "live_stream",
    "one_question",
    "openai_engine",
    "predict",
    "server",
    "vllm_engine",
]
>>>>>>> p16
