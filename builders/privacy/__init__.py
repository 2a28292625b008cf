"""Names and pictures that must not be published: pseudonyms, burned-in text, frames outside the body."""

__all__ = ["burned_text", "coarse", "pseudonyms", "screen", "text_reader"]
