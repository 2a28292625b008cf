"""Verify a teacher's text on a frame against the frame's labels, without any model.

Every instrument, structure, phase, event, number and side that is named must be in the scene; what is denied must
not be. What nobody labelled is neither. Guesses, actions, looks and changes that no label holds are refused, as is
what gives away that there are labels, what isn't about the scene, and what was said before. A reasoning sample may
speak of what is to come, of what its procedure file says: the usual next phase, the instruments of a phase,
the conditions of a safety gate.

When in doubt a sample is refused: a teacher writes another, a wrong label stays for ever.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.frames.frame_labels import scene_of
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Scene
from surgvqa.builders.teachers.samples import Sample, Turn
from surgvqa.builders.verifying import lexicon
from surgvqa.builders.verifying.facts import FrameFacts
from surgvqa.builders.verifying.plain_speech import Refusal, checked_form
from surgvqa.builders.verifying.sentence_reader import Clause, Mention, Reader, normal, words_of

PARTICLE = re.compile(r"\s*(yes|no)\b\s*(?:[,.;:!–-]|$)\s*", re.IGNORECASE)
POLAR = re.compile(r"\s*(?:is|are|was|were|does|do|did|can|could|has|have|may|should|will)\b", re.IGNORECASE)
LISTS = re.compile(r"\s*(?:which|what|name|list)\b", re.IGNORECASE)


class Verifier:
    """Judges samples of one procedure; keeps in mind what it has accepted of each picture."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.reader = Reader(taxonomy)
        self.seen_keys: set[bytes] = set()
        self.last: tuple[FrameLabels, Scene] | None = None  # the samples of a frame come one after the other
        conditions = [condition for gate in taxonomy.gates for condition in gate.conditions]
        longest = sorted(map(re.escape, conditions), key=len, reverse=True)
        self.conditions = re.compile("|".join(longest) or r"(?!)", re.IGNORECASE)
        condition_text = " ".join(condition for gate in taxonomy.gates for condition in gate.conditions)
        self.condition_words = frozenset(words_of(condition_text))
        # a question may call a thing or, looking ahead, a phase by a part of its name
        self.thing_words = frozenset(words_of(" ".join((*taxonomy.anatomy, *taxonomy.instruments))))
        self.phase_words = frozenset(words_of(" ".join(taxonomy.phases)))
        self.plans = lexicon.PLANS | lexicon.HAPPENS | self.condition_words
        asks = lexicon.ASKS | lexicon.HAPPENS | self.thing_words
        self.asks = {False: asks, True: asks | self.plans}
        self.condition_names = {
            name
            for mention in self.reader.mentions(words_of(condition_text))
            for kind, name in mention.options
            if kind == "anatomy"
        }
        self.gate_events = {gate.event for gate in taxonomy.gates}

    def reason(self, sample: Sample, frame: FrameLabels) -> str | None:
        """Why a sample is refused, or None if it is accepted; the word before ":" is the same for like reasons."""
        try:
            self._check(sample, frame)
        except Refusal as refusal:
            return str(refusal)
        return None

    def sift(self, sample: Sample, frame: FrameLabels) -> tuple[Sample | None, list[tuple[Turn, str]]]:
        """Judge each turn of a sample by itself; return what is left and why the others are refused."""
        kept_turns: list[Turn] = []
        refusals: list[tuple[Turn, str]] = []
        questions: set[tuple[str, ...]] = set()
        for turn in sample.turns:
            question = tuple(words_of(turn.question))
            cause = self.reason(Sample(sample.kind, (turn,)), frame)
            if cause is None and question in questions:
                cause = "duplicate: a question is asked twice"
            if cause is None:
                questions.add(question)
                kept_turns.append(turn)
            else:
                refusals.append((turn, cause))
        return (Sample(sample.kind, tuple(kept_turns)) if kept_turns else None), refusals

    def _check(self, sample: Sample, frame: FrameLabels) -> None:
        if not sample.turns:
            raise Refusal("empty: no question")
        questions = [" ".join(words_of(turn.question)) for turn in sample.turns]
        if len(set(questions)) < len(questions):
            raise Refusal("duplicate: a question is asked twice")
        texts = (text for turn in sample.turns for text in (turn.question, turn.answer))
        key = hashlib.sha256("\x1f".join((frame.video_id, frame.image, *texts)).encode()).digest()[:8]
        if key in self.seen_keys:
            raise Refusal("duplicate: the same sample of the same picture")
        if self.last is None or self.last[0] is not frame:
            self.last = (frame, scene_of(frame))
        view = _View(self, frame, self.last[1], sample.kind == "reasoning")
        for turn in sample.turns:
            view.turn(checked_form(turn, frame, view.scene))
        self.seen_keys.add(key)


class _View(FrameFacts):
    """One frame as a verifier sees it."""

    def __init__(self, verifier: Verifier, frame: FrameLabels, scene: Scene, reasoning: bool) -> None:
        super().__init__(frame, scene, verifier.condition_words if reasoning else frozenset())
        self.of, self.reasoning = verifier, reasoning
        phases = verifier.taxonomy.phases
        at = phases.index(frame.phase) if frame.phase in phases else -1
        self.usual_next = phases[at + 1] if 0 <= at < len(phases) - 1 else None
        self.asked_phases: set[str] = set()

    # ---- a turn

    def turn(self, turn: Turn) -> None:
        """Refuse a question with a false premise, and an answer that isn't true."""
        question_clauses = [
            clause for clauses in self.of.reader.sentences(turn.question) for clause in clauses
        ]
        match = PARTICLE.match(turn.answer)
        particle = match[1].lower() if match else ""
        rest = turn.answer[match.end() :] if match else turn.answer
        if (
            self.reasoning
        ):  # "that the valve is seen": the procedure file's words, and no claim about the picture
            rest = self.of.conditions.sub("condition", rest)
        sentences = self.of.reader.sentences(rest)
        answers = [clause for clauses in sentences for clause in clauses]
        mentions = [mention for clause in question_clauses for mention in clause.mentions]
        self.asked_phases = {name for m in mentions for kind, name in m.options if kind == "phase"}
        is_planned = self.reasoning and any(
            clause.has_cue and not clause.progressive for clause in question_clauses
        )
        polar = POLAR.match(turn.question) is not None
        further = lexicon.ASKS | lexicon.HAPPENS | self.of.thing_words
        if self.reasoning:
            further |= (
                lexicon.PLANS | self.of.condition_words | (frozenset() if polar else self.of.phase_words)
            )
        for clause in question_clauses:
            self._plain(clause, further)
        if polar and particle:
            self._polar(question_clauses, particle == "yes", answers, is_planned)
        else:
            self._premise(question_clauses, answers, is_planned)
        subject = mentions[0] if mentions else None
        for clauses in sentences:
            has_content = [self._clause(clause, is_planned, subject, question_clauses) for clause in clauses]
            if not any(has_content):
                raise Refusal(f"unfounded: {' '.join(clauses[0].words)[:60]!r} says nothing of the scene")
        if not sentences and not particle:
            raise Refusal("unfounded: nothing of the scene")
        if not is_planned and not self.reasoning:
            self._whole_list(turn, question_clauses, answers)

    def _polar(self, question_clauses: list[Clause], yes: bool, answers: list[Clause], planned: bool) -> None:
        """Read a yes-or-no question as a claim of its own."""
        claims = False
        for clause in question_clauses:
            if self.reasoning and clause.has_cue and not clause.about_now:
                continue
            for mention in clause.mentions:
                self._refuse_foreign(mention)
            if clause.places and clause.mentions:
                claims = True
                for mention in clause.mentions:
                    self._holds(mention, positive=True)
                if yes:
                    self._places(clause, None)
                elif self._places_hold(clause):
                    raise Refusal("side: a true one is denied")
            elif clause.counts:
                claims = True
                if yes:
                    self._counts(clause)
            elif len(clause.mentions) == 1 or (clause.mentions and yes):
                claims = any(not mention.foreign for mention in clause.mentions)
                for mention in clause.mentions:
                    if not mention.foreign:
                        self._holds(mention, positive=yes != mention.negated)
            elif clause.generic and not clause.mentions and not clause.places:
                claims = True
                for role, is_denied in clause.generic:
                    self._any(role, there=yes != is_denied)
        if not claims and not planned and not any(_names_event(clause) or clause.idle for clause in answers):
            raise Refusal("unfounded: yes or no to what no label says")
        if not claims and planned and not answers:
            raise Refusal("unfounded: yes or no without a reason")

    def _premise(self, question_clauses: list[Clause], answers: list[Clause], planned: bool) -> None:
        """Refuse an open question about an absent thing, unless the answer denies it."""
        denied_options = {m.options for clause in answers for m in clause.mentions if m.negated}
        for mention in (mention for clause in question_clauses for mention in clause.mentions):
            self._refuse_foreign(mention)
            kinds = {kind for kind, _ in mention.options}
            if (
                mention.foreign
                or mention.options in denied_options
                or planned
                or "event" in kinds
                or (self.reasoning and "phase" in kinds)
            ):
                continue
            self._holds(mention, positive=True)

    # ---- a clause

    def _clause(
        self, clause: Clause, planned: bool, subject: Mention | None, question_clauses: list[Clause]
    ) -> bool:
        """Refuse what isn't true; whether it says anything of the scene or the procedure at all."""
        for mention in clause.mentions:
            self._refuse_foreign(mention)
        if self.reasoning and (clause.has_cue or planned) and not clause.about_now:
            return self._planning(clause)
        for mention in clause.mentions:
            self._holds(mention, positive=not mention.negated)
        for role, is_denied in clause.generic:
            if is_denied and clause.only:
                continue  # "no other instrument": `_only` looks at it
            self._any(role, there=not is_denied)
        if clause.idle and self.frame.phase != IDLE:
            raise Refusal("phase: said to be idle")
        self._counts(clause)
        self._plain(clause, lexicon.HAPPENS if _names_event(clause) else frozenset())
        self._places(clause, subject)
        if clause.only:
            self._only(clause)
        return bool(clause.mentions or clause.generic or clause.idle or (clause.places and subject))

    # ---- what is to come

    def _planning(self, clause: Clause) -> bool:
        """Refuse what the procedure file doesn't say; whether anything of it is said."""
        of = self.of
        self._plain(clause, self.of.plans)
        phases = {name for name in (self.frame.phase, self.usual_next) if name} | self.asked_phases
        gates = {name for m in clause.mentions for kind, name in m.options if kind == "event"}
        phases |= {gate.before for gate in of.taxonomy.gates if gate.event in gates and gate.before}
        if not any(word in lexicon.CONDITIONAL for word in clause.free.split()):
            for mention in clause.mentions:
                if {kind for kind, _ in mention.options} == {"event"}:
                    self._holds(mention, positive=not mention.negated)
        follows = any(word in ("next", "follow", "following") for word in clause.words)
        tools = {thing.name for thing in self.frame.tools or ()}
        tools |= {tool for phase in phases for tool in of.taxonomy.used_in.get(phase, ())}
        allowed_names = {
            "phase": {self.frame.phase, self.usual_next} if follows else phases,
            "instrument": tools,
            "anatomy": {thing.name for thing in self.frame.anatomy or ()} | of.condition_names,
            "event": self._speakable(clause),
        }
        for mention in clause.mentions:
            if mention.foreign:
                continue  # `_refuse_foreign` has let it pass
            if not any(name in allowed_names[kind] for kind, name in mention.options if kind):
                kind, name = next(option for option in mention.options if option[0])
                raise Refusal(f"{kind}: the procedure doesn't bring {name} here")
        mentioned_indices = {place for mention in clause.mentions for place in mention.word_indices}
        free = [word for place, word in enumerate(clause.words) if place not in mentioned_indices]
        words = {word for word in free if re.search(r"\d", word) or word in lexicon.NUMBERS}
        if words - of.condition_words - {"one"}:
            raise Refusal(f"number: {sorted(words - of.condition_words)[0]!r} is in no condition")
        sides = {place.value for place in clause.places if place.what in ("cell", "half")}
        if any(not set(map(normal, _side_words(side))) & of.condition_words for side in sides):
            raise Refusal("side: one is named of what is to come")
        return bool(clause.mentions)

    def _speakable(self, clause: Clause) -> set[str]:
        """Events that may be spoken of: those of gates, what is so now, what is denied or conditional."""
        conditional = any(word in ("if", "no", "not", "without", "until") for word in clause.words)
        true = {name for name, holds in (self.events or {}).items() if holds}
        return set(self.of.taxonomy.events) if conditional else true | {e for e in self.of.gate_events if e}

    # ---- lists

    def _whole_list(self, turn: Turn, question_clauses: Iterable[Clause], answers: Iterable[Clause]) -> None:
        """Asked for all instruments (structures), an answer that leaves some out teaches to leave some out."""
        if not LISTS.match(turn.question):
            return
        for clause in question_clauses:
            if clause.places or clause.mentions or clause.counts or not clause.about_now:
                continue
            for role, _ in clause.generic:
                there = {thing.name for thing in self.things[role] or ()}
                names = {
                    name
                    for c in answers
                    for m in c.mentions
                    if not m.negated
                    for kind, name in m.options
                    if kind == role
                }
                if there - names:
                    raise Refusal(f"incomplete: {', '.join(sorted(there - names))} left out")


def _names_event(clause: Clause) -> bool:
    return any(kind == "event" for mention in clause.mentions for kind, _ in mention.options)


def _side_words(side: str) -> list[str]:
    """Return the words that may say a side.

    >>> _side_words("bottom")
    ['bottom', 'lower']
    """
    return [side, *(word for word, row in lexicon.ROWS.items() if row == side and word != side)]
