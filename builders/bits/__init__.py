"""Guessers without pixels: what they leave open of an answer, in bits, and the questions chosen by it."""

__all__ = ["blind", "choose", "figures", "guessers", "offered", "open_bits", "repeats", "thin", "told"]
