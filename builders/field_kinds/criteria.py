"""Safety by its criteria, as raters hold them to be met (the critical view of safety has three).

Needs ``Case.ratings``; yes where most raters say so. Where they are not of one mind the answer isn't stable, and it isn't
asked. Scored as yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.kinds.view import Draft, Look


def criterion(look: Look) -> Iterator[Draft]:
    """Yield each criterion rated at the latest rated frame, and at the earliest where the raters see it otherwise."""
    rated = [at for at in look.frames if at in look.view.ratings]
    said: dict[str, str] = {}
    for place, at_s in enumerate(dict.fromkeys((*rated[-1:], *rated[:1]))):
        for number, rating in enumerate(look.view.ratings[at_s], 1):
            short = "yes" if 2 * rating.met > rating.raters else "no"
            if said.get(rating.criterion) == short:
                continue
            said.setdefault(rating.criterion, short)
            yield Draft(
                short,
                (at_s,),
                {"a": rating.criterion, "when": look.when(at_s)},
                ("yes", "no"),
                nothing=short == "no",
                stable=rating.met in (0, rating.raters),
                suffix=f"-{number}" + ("-start" if place else ""),
            )
