"""Parts of tiny checkpoints: the words of their tokenizer, and the families that are no Qwen-VL."""

__all__ = ["gemma", "smolvlm", "words"]
