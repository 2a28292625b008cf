"""How near an answer comes to the right one: texts, sets, times, phases and boxes, each beside its blind floor."""

__all__ = ["boxes", "judge", "phases", "texts", "values"]
