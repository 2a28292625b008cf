"""The demo's base, shipped: a tiny Qwen2.5-VL that `make learn` taught to look at rendered operations."""

__all__ = ["shipped_base"]
