"""A teacher that needs no server: the three sample types from a frame's labels and its procedure file, by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.frames.frame_labels import scene_of
from surgvqa.builders.procedures.taxonomy import Gate, Taxonomy
from surgvqa.builders.questions import positions, wording
from surgvqa.builders.schema import Entity, Role, Scene
from surgvqa.builders.teachers.samples import Sample, Turn

NAME = "template"
NO_STRUCTURE = "No anatomical structure is visible."  # nothing here may speak of annotations
MOST = 6  # turns of a conversation
DESCRIBE = (
    "Describe the frame in detail.",
    "Give a detailed, structured description of what is shown.",
    "Write a structured description of this moment of the operation.",
    "Describe what can be seen, point by point.",
)
NEXT = (
    "Which phase usually comes next, and which instruments should be prepared for it?",
    "What usually follows this phase, and what should be prepared?",
    "What is the usual next phase, and which instruments does it need?",
    "Plan ahead: which phase should come next, and what must be ready?",
)
CHECK = (
    "Is the safety check {gate} met?",
    "Has the safety check {gate} been met?",
    "Have the criteria of the safety check {gate} been met?",
    "Can it be said that the safety check {gate} is met?",
)
FLAG = (
    "Is {event} present?",
    "Is there {event}?",
    "Does the frame show {event}?",
    "Can {event} be seen?",
)


def samples(frame: FrameLabels, taxonomy: Taxonomy, seed: int = 0) -> tuple[Sample, ...]:
    """Return a conversation, a description, and reasoning about safety and the next step, each where it is known enough.

    The same frame and seed give the same samples; wording is drawn by the picture's name.
    """
    writer = _Writer(frame, taxonomy, seed)
    talk, points, thoughts = (
        writer.conversation(),
        list(writer.description()),
        list(writer.reasoning()),
    )
    all_samples = []
    if talk:
        all_samples.append(Sample("conversation", tuple(talk)))
    if points:
        question = writer.pick(DESCRIBE, "description")
        all_samples.append(
            Sample("description", (Turn(question, "\n".join(f"- {point}" for point in points)),))
        )
    if thoughts:
        all_samples.append(Sample("reasoning", tuple(thoughts)))
    return tuple(all_samples)


class _Writer:
    """The writer of one frame's samples."""

    def __init__(self, frame: FrameLabels, taxonomy: Taxonomy, seed: int) -> None:
        self.frame, self.taxonomy = frame, taxonomy
        self.key = (seed, frame.video_id, frame.image)
        self.scene: Scene = scene_of(frame)
        self.events = dict(frame.events or ())
        self.gates: dict[str, Gate] = {gate.event: gate for gate in taxonomy.gates if gate.event}
        self.things: dict[Role, tuple[Entity, ...] | None] = {
            "anatomy": frame.anatomy,
            "instrument": frame.tools,
        }
        self.placed_instruments = {
            words: node for words, node in positions.references(self.scene).items() if node.grid in CELLS
        }

    def pick(self, phrasings: Sequence[str], *what: object) -> str:
        """One of several phrasings, the same for the same picture."""
        return draws.pick(phrasings, "wording", *self.key, *what)

    def ask(self, kind: str, answer: str | None, **slots: str) -> Turn:
        """Return a question and answer in the words of `builders/questions/wording.py`; ``answer`` is None where there is nothing."""
        question = self.pick(wording.QUESTIONS[kind], kind).format(**slots)
        something, nothing = wording.ANSWERS[kind]
        nothing = NO_STRUCTURE if kind == "anatomy" else nothing
        return Turn(question, (nothing if answer is None else something).format(x=answer, **slots))

    def names(self, role: Role) -> list[str]:
        """Return the names of a role, in the taxonomy's order."""
        order = self.taxonomy.anatomy if role == "anatomy" else self.taxonomy.instruments
        there = {thing.name for thing in self.things[role] or ()}
        return [name for name in order if name in there]

    # ---- conversation

    def conversation(self) -> list[Turn]:
        """Three to six short turns on what is there; fewer where little is labelled."""
        turns = []
        if self.frame.phase is not None:
            turns.append(self.ask("phase", None if self.frame.phase == IDLE else self.frame.phase))
        for role, kind in (("instrument", "instruments"), ("anatomy", "anatomy")):
            if self.things[role] is not None:  # type: ignore[index]
                turns.append(self.ask(kind, wording.join_names(self.names(role)) or None))  # type: ignore[arg-type]
        turns.extend(self._where())
        turns.extend(self._whether())
        return turns[:MOST]

    def _where(self) -> Iterator[Turn]:
        tools = [words for words, node in self.placed_instruments.items() if node.type == "instrument"]
        if self.placed_instruments:
            words = draws.pick(tools or list(self.placed_instruments), "where", *self.key)
            yield self.ask("absolute_position", self.placed_instruments[words].grid or "", a=words)
        if pair := positions.clearest_pair(self.scene, self.placed_instruments, "pair", *self.key):
            a, b, short = pair
            if short != positions.SAME_PLACE:
                yield self.ask("relative_position", short, a=a, b=b)

    def _whether(self) -> Iterator[Turn]:
        """One thing, there or not as the picture's name decides; an absent one is usual in this phase if possible."""
        names = [name for role in self.things for name in self.names(role)]
        absent = [
            name
            for role, vocabulary in (
                ("instrument", self.taxonomy.instruments),
                ("anatomy", self.taxonomy.anatomy),
            )
            if self.things[role] is not None  # type: ignore[index]
            for name in vocabulary
            if name not in names
        ]
        usual = [name for name in self.taxonomy.used_in.get(self.frame.phase or "", ()) if name in absent]
        there = draws.fraction("there", *self.key) < 0.5
        pool = names if (there and names) or not absent else usual or absent
        if pool:
            name = draws.pick(pool, "whether", *self.key)
            question = self.pick(wording.QUESTIONS["presence"], "presence").format(a=name)
            yield Turn(question, wording.ANSWERS["presence"][0 if name in names else 1].format(a=name))

    # ---- description

    def description(self) -> Iterator[str]:
        """Yield the points of a structured description."""
        if self.frame.phase is not None:
            yield (
                "Phase: none; the operation is idle."
                if self.frame.phase == IDLE
                else f"Phase: {self.frame.phase}."
            )
        for role, title in (("anatomy", "Anatomy"), ("instrument", "Instruments")):
            if self.things[role] is not None:  # type: ignore[index]
                yield f"{title}: {wording.join_names(self.names(role)) or 'none'}."  # type: ignore[arg-type]
        for words, node in self.placed_instruments.items():
            yield wording.ANSWERS["absolute_position"][0].format(a=words, x=node.grid)
        for event, holds in self.events.items():
            if gate := self.gates.get(event):
                yield f"The safety check {gate.name} is {'' if holds else 'not '}met."
            else:
                yield f"{event[0].upper()}{event[1:]} is {'' if holds else 'not '}present."

    # ---- reasoning and safety

    def reasoning(self) -> Iterator[Turn]:
        """Return at most two turns: a due safety check or a red flag, and the usual next phase."""
        due = self._due()
        flags = [event for event in self.events if event not in self.gates]
        if due is not None:
            yield self._check(due)
        elif flags:
            true = [event for event in flags if self.events[event]]
            event = draws.pick(true or flags, "flag", *self.key)
            answer = f"Yes, {event} is present." if true else f"No, {event} is not present."
            yield Turn(self.pick(FLAG, "flag").format(event=event), answer)
        phases = self.taxonomy.phases
        if self.frame.phase in phases:
            at = phases.index(self.frame.phase)
            after = phases[at + 1] if at + 1 < len(phases) else None
            question = self.pick(NEXT, "next")
            if after is None:
                yield Turn(
                    "Which phase usually comes next?", f"{self.frame.phase} is usually the last phase."
                )
            else:
                tools = self.taxonomy.used_in.get(after, ())
                ready = f" Prepare {wording.join_names(tools)}." if tools else ""
                yield Turn(question, f"After {self.frame.phase} usually comes {after}.{ready}")

    def _due(self) -> Gate | None:
        """Return the next gate whose state is known: the first one before a later phase."""
        phases = self.taxonomy.phases
        at = phases.index(self.frame.phase) if self.frame.phase in phases else -1
        known_gates = [gate for gate in self.taxonomy.gates if gate.event in self.events]
        ahead = [gate for gate in known_gates if gate.before is None or phases.index(gate.before) >= at]
        return min(
            ahead, key=lambda gate: phases.index(gate.before) if gate.before else len(phases), default=None
        )

    def _check(self, gate: Gate) -> Turn:
        holds = self.events[gate.event or ""]
        conditions = ", ".join(gate.conditions)
        when = f"Before {gate.before}" if gate.before else "Before the end of the operation"
        verdict = (
            f"Yes, the safety check {gate.name} is met."
            if holds
            else f"No, the safety check {gate.name} is not met."
        )
        question = self.pick(CHECK, "check").format(gate=gate.name)
        return Turn(question, f"{verdict} {when} the safety check {gate.name} requires: {conditions}.")
