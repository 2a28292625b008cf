"""The facts of one frame that a clause is held against: names, negations, counts, places."""

from __future__ import annotations

import re

from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.schema import Entity, Scene
from surgvqa.builders.verifying import lexicon
from surgvqa.builders.verifying.plain_speech import Refusal
from surgvqa.builders.verifying.sentence_reader import Clause, Mention, Place, normal

# Words of sides, which are judged as such.
PLACE_WORDS = frozenset((*lexicon.RELATIONS, *lexicon.DEPTH, "surrounded"))


class FrameFacts:
    """One frame's labels, held against what is said of them; each check raises ``Refusal`` with the reason."""

    def __init__(self, frame: FrameLabels, scene: Scene, foreign_words: frozenset[str]) -> None:
        """Take the labels; mentions made of ``foreign_words`` alone may name what is of another procedure."""
        self.frame, self.scene, self.foreign_words = frame, scene, foreign_words
        self.things = {"anatomy": frame.anatomy, "instrument": frame.tools}
        self.events = None if frame.events is None else dict(frame.events)

    def _plain(self, clause: Clause, further: frozenset[str], more: frozenset[str] = frozenset()) -> None:
        """Refuse any word that could claim more than labels and procedure file say."""
        for word in clause.free.split():
            is_known = (
                word in lexicon.SAYS or word in further or normal(word) in further or normal(word) in more
            )
            if not (
                is_known
                or word == "|"
                or word in PLACE_WORDS
                or word in lexicon.NUMBERS
                or re.search(r"\d", word)
            ):
                raise Refusal(f"claim: {word!r} says more than the labels")

    def _refuse_foreign(self, mention: Mention) -> None:
        """Refuse what is of another procedure; a gate's conditions may name more than the procedure's lists."""
        of_condition = set(mention.words.split()) <= self.foreign_words
        if mention.foreign and not of_condition:
            raise Refusal(f"{mention.options[0][1].split()[0]}: {mention.words!r} is not of this procedure")

    def _holds(self, mention: Mention, positive: bool) -> None:
        """Refuse a mention that the scene shows in none of its meanings."""
        if mention.foreign:
            raise Refusal(f"unfounded: {mention.words!r} is only named in a condition")
        causes = [self._false(kind, name, positive) for kind, name in mention.options if kind]
        events = [kind == "event" for kind, _ in mention.options]
        # "no bleeding" denies every kind of bleeding; "bleeding" means one of them
        faults = [cause for cause in causes if cause]
        if (any if all(events) and not positive else all)(causes) and faults:
            raise Refusal(faults[0])

    def _false(self, kind: str, name: str, positive: bool) -> str:
        """Name what is wrong with a claim about one name; "" where it holds."""
        if kind == "phase":
            if self.frame.phase is None:
                return f"phase: nobody said which, {name} is named"
            return (
                "" if (self.frame.phase == name) == positive else f"phase: {name}, it is {self.frame.phase}"
            )
        if kind == "event":
            if self.events is None or name not in self.events:
                return f"event: nobody looked for {name}"
            return "" if self.events[name] == positive else f"event: {name} is {self.events[name]}"
        things = self.things[kind]
        if things is None:
            return f"{kind}: nobody looked for any, {name} is named"
        there = any(thing.name == name for thing in things)
        return "" if there == positive else f"{kind}: {name} is {'there' if there else 'not there'}"

    def _any(self, role: str, there: bool) -> None:
        things = self.things[role]
        if things is None or bool(things) != there:
            raise Refusal(f"{role}: said that there are {'some' if there else 'none'}")

    def _counts(self, clause: Clause) -> None:
        for number, target in clause.counts:
            if target.startswith("="):
                options = next(m.options for m in clause.mentions if m.words == target[1:])
                names = {name for _, name in options}
                true = sum(node.name in names for node in self.scene.nodes)
            elif target:
                true = len(self.things[target] or ()) if self.things[target] is not None else -2
            else:
                true = -2
            if number != true:
                raise Refusal(f"number: {number if number >= 0 else 'one'} that the scene doesn't hold")

    def _only(self, clause: Clause) -> None:
        """Refuse a list that claims to be complete and isn't."""
        for role, things in self.things.items():
            names = {name for m in clause.mentions for kind, name in m.options if kind == role}
            there = {thing.name for thing in things or ()}
            if names and names != there:
                raise Refusal(f"{role}: said to be all, {', '.join(sorted(there))} are there")

    def _places(self, clause: Clause, subject: Mention | None) -> None:
        for place in clause.places:
            if not self._true_place(place, clause, subject):
                raise Refusal(f"side: {place.value} is not borne out")

    def _places_hold(self, clause: Clause) -> bool:
        return all(self._true_place(place, clause, None) for place in clause.places)

    def _true_place(self, place: Place, clause: Clause, subject: Mention | None) -> bool:
        subjects = [clause.mentions[i] for i in place.subjects] or ([subject] if subject is not None else [])
        if place.what == "depth" or not subjects:
            return False
        if place.what == "relation":
            if place.to is None:
                return False
            to = clause.mentions[place.to]
            return any(
                self._is_related(a, place.value, b)
                for a in self._nodes(subjects[-1])
                for b in self._nodes(to)
            )
        # something without a cell (a phase, an event) in a list of things is no claim about it
        located_mentions = [mention for mention in subjects if self._nodes(mention)]
        return bool(located_mentions) and all(
            any(_in_place(node, place) for node in self._nodes(mention)) for mention in located_mentions
        )

    def _nodes(self, mention: Mention) -> list[Entity]:
        """Return the things of the scene that a mention may mean."""
        names = {name for _, name in mention.options}
        nodes = [node for node in self.scene.nodes if node.name in names]
        if mention.order is not None and all(node.centroid for node in nodes):
            nodes = sorted(nodes, key=lambda node: (node.centroid or (0, 0))[0])
            return nodes[mention.order :][:1] if nodes else []
        return nodes

    def _is_related(self, a: Entity, rel: str, b: Entity) -> bool:
        there = {edge.rel for edge in self.scene.edges if edge.src == a.id and edge.dst == b.id}
        return bool(there & {"near", "overlaps", "inside", "surrounds"}) if rel == "near" else rel in there


def _in_place(node: Entity, place: Place) -> bool:
    if node.grid not in CELLS:
        return False
    if place.what == "cell":
        return node.grid == place.value
    return place.value in str(node.grid).split("-")
