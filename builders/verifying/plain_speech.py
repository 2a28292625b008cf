"""The test for plain speech: no markup, no orders, no guesses, no leaks in a question and its answer."""

from __future__ import annotations

import re
from functools import lru_cache

from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.schema import Scene
from surgvqa.builders.teachers.samples import Turn
from surgvqa.builders.verifying import lexicon
from surgvqa.builders.verifying.sentence_reader import words_of

LONGEST = 2000  # characters of an answer
NUMBERS = re.compile(r"[\[(]?\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?)*[\])]?")


class Refusal(Exception):  # noqa: N818 - a verdict, not a failure
    """Why a sample is not taken; the first word is the kind of reason."""


def checked_form(turn: Turn, frame: FrameLabels, scene: Scene) -> Turn:
    """Refuse what is wrong whatever the scene: nothing, an echo, markup, guesses, leaks.

    What is left to judge is returned: the turn without coordinates that were asked for and are true.
    """
    question, answer = turn.question.lower(), turn.answer.lower()
    if not words_of(question) or not words_of(answer):
        raise Refusal("empty: a question or an answer")
    if words_of(question) == words_of(answer):
        raise Refusal("echo: the answer is the question")
    if len(turn.answer) > LONGEST or len(turn.question) > LONGEST:
        raise Refusal(f"long: more than {LONGEST} characters")
    for text in (question, answer):
        if cause := _matter(text):
            raise Refusal(cause)
    if cause := _guess(answer):
        raise Refusal(cause)
    both = f"{question}\n{answer}"
    names = {
        frame.video_id.lower(),
        frame.image.lower(),
        frame.image.lower().rsplit("/", 1)[-1].split(".")[0],
    }
    for name in names:
        if len(name) > 2 and name in both and not name.isalpha():
            raise Refusal(f"leak: the name {name!r}")
    asks_place = lexicon.ASKS_PLACE.search(question)
    if asks_place and _true_numbers(answer, scene):
        return Turn(turn.question, NUMBERS.sub("", turn.answer))
    for text in (question, answer):
        if cause := _leak(text):
            raise Refusal(cause)
    return turn


@lru_cache(maxsize=20_000)
def _matter(text: str) -> str:
    """Name what in a text is no plain speech; "" for nothing."""
    if not text.replace("\n", "").isprintable():
        return "markup: control characters"
    match = lexicon.FOREIGN_MATTER.search(text)
    return f"markup: {match[0][:30]!r}" if match else ""


@lru_cache(maxsize=20_000)
def _guess(text: str) -> str:
    match = lexicon.SPECULATION.search(text)
    return f"speculation: {match[0]!r}" if match else ""


@lru_cache(maxsize=20_000)
def _leak(text: str) -> str:
    match = lexicon.LEAK.search(text)
    return f"leak: {match[0]!r}" if match else ""


def _true_numbers(answer: str, scene: Scene) -> bool:
    """Whether an answer holds numbers, and all of them are, to a pixel, of one thing of the scene."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", answer)]
    coordinates = [[*(node.bbox or ()), *(node.centroid or ())] for node in scene.nodes]
    return bool(numbers) and any(
        all(any(abs(number - true) <= 1 for true in of_one) for number in numbers) for of_one in coordinates
    )
