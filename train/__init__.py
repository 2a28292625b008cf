"""Recipes, each read from top to bottom: ``surgvqa-train``."""
