"""Safety by its criteria, as raters hold them to be met (the critical view of safety has three).

Needs ``Case.ratings``; yes where most raters say so. Where they are not of one mind the answer isn't stable, and it isn't
asked. Scored as yes or no.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.kinds.view import Draft, Look


def criterion(look: Look) -> Iterator[Draft]:
    """Yield each criterion rated at the latest rated frame, and at the earliest where the raters see it otherwise."""
    rated_frames = [at for at in look.frames if at in look.view.ratings]
    answers: dict[str, str] = {}
    for place, at_s in enumerate(dict.fromkeys((*rated_frames[-1:], *rated_frames[:1]))):
        for number, rating in enumerate(look.view.ratings[at_s], 1):
            short = "yes" if 2 * rating.yes_votes > rating.raters else "no"
            if answers.get(rating.criterion) == short:
                continue
            answers.setdefault(rating.criterion, short)
            yield Draft(
                short,
                (at_s,),
                {"a": rating.criterion, "when": look.when(at_s)},
                ("yes", "no"),
                nothing=short == "no",
                stable=rating.yes_votes in (0, rating.raters),
                suffix=f"-{number}" + ("-start" if place else ""),
            )
