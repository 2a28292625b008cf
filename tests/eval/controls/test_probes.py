"""The sanity suite, on answers whose faults were put there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score


def row(clip: str, kind: str, truth: str, said: str, suffix: str = "", question: str = "Q?") -> Prediction:
    case = clip.partition("@")[0]
    return Prediction(f"{clip}#{kind}{suffix}", clip, case, kind, "", question, "", truth, (), said)


def film(truth: Sequence[str], said: Sequence[str], case: str = "c", seconds: int = 6) -> list[Prediction]:
    """A case cut into clips of equal length, asked for its phase."""
    return [
        row(f"{case}@{1000 * seconds * i}-{1000 * seconds * (i + 1)}", "phase", phase, answer)
        for i, (phase, answer) in enumerate(zip(truth, said, strict=True))
    ]


def test_invented_things() -> None:
    rows = [
        row("c@0-5", "instruments", "spatula", "spatula, forceps"),  # forceps are known, and not there
        row("c@5-10", "instruments", "forceps", "forceps"),
        row("c@10-15", "instruments", "none", "a laser"),  # never heard of
        row("c@15-20", "instruments", "spatula", "none"),  # an omission is no invention
        row("c@20-25", "instruments", "spatula", ""),
    ]
    found = score(rows)["probes"]["invented"]
    assert (found["answers"], found["rate"], found["invented_names"]) == (4, 0.5, 2)
    assert found["most_invented"] == {"a laser": 1, "forceps": 1}


def test_yes_to_everything_is_seen() -> None:
    rows = [row(f"c@{i}-{i + 1}", "presence", ("yes", "no")[i % 2], "Yes, it is visible.") for i in range(10)]
    asked = score(rows)["probes"]["asked_absent"]
    assert (asked["present"], asked["absent"]) == (5, 5)
    assert (asked["yes_if_present"], asked["yes_if_absent"], asked["no_answer"]) == (1.0, 1.0, 0)
    one_sided = [row(f"c@{i}-{i + 1}", "presence", "yes", "Yes") for i in range(4)]
    assert score(one_sided)["probes"]["asked_absent"] is None


def test_coherence() -> None:
    truth = ["incision"] * 5 + ["phaco"] * 6
    steady = score(film(truth, truth))["probes"]["coherence"]["phase"]
    assert (steady["pairs"], steady["minutes"], steady["agree"]) == (10, 1.0, 1.0)
    assert steady["flips_per_minute"] == steady["true_flips_per_minute"] == 1.0
    flicker = ["incision", "phaco"] * 5 + ["incision"]
    wild = score(film(truth, flicker))["probes"]["coherence"]["phase"]
    assert (wild["flips_per_minute"], wild["true_flips_per_minute"], wild["agree"]) == (10.0, 1.0, 0.0)


def test_coherence_knows_cases_and_gaps() -> None:
    a, b = film(["incision"] * 2, ["incision"] * 2, "a"), film(["phaco"] * 2, ["phaco"] * 2, "b")
    assert score(a + b)["probes"]["coherence"]["phase"]["pairs"] == 2
    apart = [
        row("a@0-5000", "phase", "incision", "incision"),
        row("a@60000-65000", "phase", "incision", "phaco"),
    ]
    assert score(apart)["probes"]["coherence"] is None
    unordered = score(list(reversed(a)))["probes"]["coherence"]["phase"]
    assert unordered["agree"] == 1.0


def test_stability() -> None:
    rows = [
        row("c@0-5", "side", "left", "left"),
        row("c@0-5", "side", "left", "It is left", "~1", "Which side?"),
        row("c@5-10", "side", "right", "right"),
        row("c@5-10", "side", "right", "left", "~1", "Which side?"),
    ]
    found = score(rows)["probes"]["stability"]
    assert (found["questions"], found["phrasings"], found["one_answer"]) == (2, 4, 0.5)
    assert (found["always_right"], found["sometimes_right"]) == (0.5, 1.0)
    assert (found["worst_phrasing"], found["best_phrasing"]) == (0.5, 1.0)
    assert score(rows[::2])["probes"]["stability"] is None


def test_groups() -> None:
    rows = [row("c@0-5", "phase", "incision", "incision"), row("c@0-5", "next_phase", "phaco", "incision")]
    rows += [row("c@0-5", "gate", "yes", "Yes"), row("c@5-10", "gate", "no", "Yes")]
    groups = score(rows)["probes"]["groups"]
    assert groups["perception"] == {"n": 1, "accuracy": 1.0}
    assert groups["planning"] == {"n": 1, "accuracy": 0.0}
    assert groups["safety"] == {"n": 2, "accuracy": 0.5}


@pytest.mark.parametrize("name", ["invented", "asked_absent", "coherence", "stability"])
def test_nothing_to_probe(name: str) -> None:
    assert score([row("frame.png", "side", "left", "left")])["probes"][name] is None
