"""To which part of the frame an instrument goes first from where it is at the start.

Needs positions, or boxes, of every annotated second of the clip, of an instrument that its name alone means and that is
in view at the start. Asked where that part is another one than at the end, for there the position at the end says it.
A frame shows it in that part, or two annotated moments in a row do. Scored as a choice.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.kinds.places import UNSURE, instrument_courses, place_choices, place_words, straight
from surgvqa.builders.kinds.view import Draft, Look, with_suffixes

MOST = 2  # instruments of a clip


def goes_to(look: Look) -> Iterator[Draft]:
    """Yield the part of the frame that an instrument goes to first."""
    drafts = []
    for name, cells in instrument_courses(look).items():
        at = next((i for i, cell in enumerate(cells) if cell != cells[0]), 0)
        place = cells[at]
        if cells[0] in (None, UNSURE) or UNSURE in (place, cells[-1]) or place in (None, cells[0], cells[-1]):
            continue
        choices = place_choices(look, name)
        slots = {"a": place_words(look, name), "choices": ", ".join(choices)}
        in_frame = look.moments[at].time_s in look.frames or cells[at : at + 2] == [place] * 2
        stable = in_frame and straight(look, name, at)
        evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
        drafts.append(Draft(place or "", evidence, slots, choices, stable=stable))
    yield from with_suffixes(drafts[:MOST])
