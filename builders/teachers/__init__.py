"""Teachers that write about a frame what its labels say: templates, or a language model behind a server."""

__all__ = ["asking", "prompt", "samples", "server", "template_teacher"]
