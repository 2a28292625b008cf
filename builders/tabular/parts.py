"""The parts of a case while a tree is read, and the counts kept on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.schema import QA, Clip, Frame, Omission, Phase, Scene
from surgvqa.builders.tabular.description import Ask
from surgvqa.cards.command import InputError


@dataclass(slots=True)
class Part:
    """One case."""

    phases: list[Phase] = field(default_factory=list)
    steps: list[Phase] = field(default_factory=list)
    scenes: dict[int, Scene] = field(default_factory=dict)  # by millisecond
    answers: list[tuple[Ask, str, str]] = field(default_factory=list)  # what, said, where
    stated_s: float = 0.0  # how long the description says it is
    idle: list[tuple[float, float]] = field(default_factory=list)
    unknown: list[tuple[float, float]] = field(default_factory=list)
    video: Path | None = None
    frames: list[Frame] = field(default_factory=list)
    fps: float | None = None
    duration_s: float | None = None
    split: str | None = None
    files: list[Path] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    repetitions: int = 0  # starts of the label that already holds

    def add(self, scene: Scene) -> None:
        """Add a scene; outlines and presence of one moment are one scene, two outlined ones are a fault."""
        at = to_ms(scene.time_s)
        there = self.scenes.get(at)
        if there is not None and there.width and scene.width:
            raise InputError(f"second {scene.time_s:g} is annotated twice")
        if there is None or not there.width:
            self.scenes[at] = scene

    def has_labels(self) -> bool:
        """Whether anything at all is known of it."""
        return bool(self.phases or self.steps or self.scenes or self.answers)


@dataclass(slots=True)
class Tally:
    """Counts of what was read and left out, for the notes of a report."""

    rows: Counter[str] = field(default_factory=Counter)  # by kind of table
    files: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  # why -> how often
    overlaps: Counter[str] = field(default_factory=Counter)  # by case
    unknown_s: Counter[str] = field(default_factory=Counter)  # by case, seconds without any label
    repetitions: Counter[str] = field(
        default_factory=Counter
    )  # by case, starts of the label that already held
    phases: Counter[str] = field(default_factory=Counter)  # by label, cases that have it
    cases_with_phases: int = 0  # cases with phases
    cases: int = 0
    momentary: int = 0  # cases of which nobody says how long they are

    def notes(self, expected_counts: dict[str, int], remarks: Sequence[str]) -> tuple[str, ...]:
        """Return the counts as sentences, against those of the whole data set."""
        counts = dict(self.rows) | {"cases": self.cases}
        lines = [
            f"{kind}: {count:,} rows in {self.files[kind]:,} files"
            for kind, count in sorted(self.rows.items())
        ]
        lines += [
            f"{kind}: {counts.get(kind, 0):,} of the data set's {count:,} are below the root"
            if counts.get(kind, 0) < count
            else f"{kind}: {counts[kind]:,} are below the root, more than the data set's {count:,}; look for files of others"
            for kind, count in expected_counts.items()
            if counts.get(kind, 0) != count and (kind == "cases" or kind in counts)
        ]
        if self.overlaps:
            lines.append(
                f"{self.overlaps.total():,} phases of {len(self.overlaps):,} cases begin before the one before "
                f"them ends, in {min(self.overlaps)} for one; at every moment the one that began last holds"
            )
        if self.unknown_s:
            seconds = sum(self.unknown_s.values())
            lines.append(
                f"{seconds:,.0f} s of {len(self.unknown_s):,} cases lie before their first label: what happens "
                "there is unknown, not idle"
            )
        if self.repetitions:
            lines.append(
                f"{self.repetitions.total():,} starts in {len(self.repetitions):,} cases repeat the label before them: "
                "they are one stretch with it"
            )
        if common := self.common():
            lines.append(f"Not every case has all phases: {common}")
        if self.momentary:
            lines.append(
                f"{self.momentary:,} cases have neither a recording nor labels in time: how long they are is unknown, "
                "and a clip of a millisecond stands for the whole"
            )
        lines += [f"left out {count:,} times: {why}" for why, count in sorted(self.left_out.items())]
        return (*lines, *remarks)

    def common(self) -> str:
        """Return the phases that three quarters of the cases have, but not all of them; of ten cases or more."""
        return ", ".join(
            f"{label} is in {count:,} of {self.cases_with_phases:,}"
            for label, count in sorted(self.phases.items())
            if self.cases_with_phases >= 10
            and 0.75 * self.cases_with_phases <= count < self.cases_with_phases
        )

    def omissions(self) -> list[Omission]:
        """Return what was left out, for the manifest."""
        return [Omission(f"{count:,} times", why) for why, count in sorted(self.left_out.items())]


MOMENT_MS = 1  # the clip of a case of which nobody says how long it is


def make_question(spec: Ask, clip: Clip, value: str, where: str) -> QA:
    """One question on a clip, with what its table says as the answer."""
    short = spec.ids.get(value, value)
    choices = spec.choices or tuple(dict.fromkeys(spec.ids.values()))
    if not short or (choices and short not in choices):
        raise InputError(f"{where}: {spec.label} is {value!r}, none of {', '.join(spec.ids or choices)}")
    name, answer = f"{clip.clip_id}#{spec.kind}", spec.answer.format(x=short)
    return QA(name, spec.kind, spec.reasoning, spec.question, answer, short, choices)


def whole(case_id: str, length_s: float | None, phase: str | None = None) -> Clip:
    """Return the clip of a whole case."""
    end = round(length_s * 1000) if length_s else MOMENT_MS
    return Clip(case_id, 0, end, phase)
