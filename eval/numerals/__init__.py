"""Read numbers out of a reply: counts, quantities with their units, times of a clock."""

__all__ = ["counts", "number_words", "places", "quantities", "stated_numbers", "units"]
