"""Unwrap a reply: remove thoughts, wrappers and introductions, keep the last stated answer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from string import ascii_lowercase
from typing import Any, NamedTuple

from surgvqa.eval.reading import asides

CUT_OFF = "cut off while thinking"
NO_ANSWER = "nothing after its thoughts"
CUT_OFF_BEFORE = "cut off before its answer"

_THINKING = (
    r"(?:think|thinking|thoughts?|reasoning|reason|reflection|analysis|rationale|scratchpad|cot|seed:think)"
)
_OPEN = rf"[<\[◁]\|?\s*(?:begin_of_|start_of_)?{_THINKING}\s*\|?[>\]▷]"
_CLOSE = rf"[<\[◁]\|?\s*(?:/\s*|end_of_){_THINKING}\s*\|?[>\]▷]"
# gpt-oss writes channels, MedGemma <unused94>thought … <unused95>.
THOUGHT_START = re.compile(rf"{_OPEN}|<unused94>|<\|channel\|>\s*(?:analysis|commentary)", re.I)
THOUGHT_END = re.compile(rf"{_CLOSE}|<unused95>|<\|channel\|>\s*final\s*(?:<\|message\|>)?", re.I)
ANSWER_TAG = re.compile(
    r"<\|?\s*(?:begin_of_)?(answer|final_answer|final|response|output|result|solution|conclusion|box)\s*\|?>(.*?)"
    r"(?:<\|?\s*(?:/|end_of_)\s*\1\s*\|?>|$)",
    re.I | re.S,
)
BOX_START = re.compile(r"\\(?:boxed|fbox)\s*\{")
LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n?(.*?)(?:```|$)", re.S)
SPECIAL = re.compile(r"<\|[^|<>]*\|>|</?s>|<(?:eos|pad|bos|unk|end_of_turn|start_of_turn)>|\[/?INST\]", re.I)
TAG = re.compile(r"</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>")
LEAD = re.compile(
    r"(?:\b(?:(?:my|the|so|thus|hence|therefore)\W+)*(?:(?:final|correct|right|best|short|overall|most likely)\s+)*"
    r"(?:answer|response|conclusion|prediction|ans|antwort|respuesta|réponse|risposta)"
    r"(?:\s+(?:to\s+(?:the|this|your)\s+question|here))?"
    r"(?:\s*(?:is|would be|should be|must be)\s*[:=]?|\s*[:=])|(?:答案|回答)\s*(?:是|为|[::]))\s*",
    re.I,
)
LEADING = ("ans", "response", "conclusion", "prediction", "antwort", "respuesta", "réponse", "risposta", "答")
DANGLING = re.compile(  # "so the answer might be"
    r"\b(?:answer|conclusion)(?:\s+(?:is|would be|should be|must be|might be|may be|could be)\s*[:=]?|\s*[:=])\W*$",
    re.I,
)
HEADING = re.compile(r"^\W*(?:(?:final|correct)\s+)?answer\W*\n", re.I | re.M)
CONCLUDES = re.compile(
    r"(?:\.\.+|…|\s[-–—])\s*(?:no|wait|sorry|scratch that)\s*[,:]\s*(?=\S)"  # "left … no, right"
    r"|(?<=[.!?;])\s*(?:no[\s,]+)?(?:(?:wait|sorry|hold on|scratch that|my mistake|i (?:got|had) (?:that|it) wrong|"
    r"that(?:'s| is| was) wrong|let me correct (?:that|myself))[\s,:;–-]+)+(?=\S)"
    r"|\b(?:therefore|in conclusion|in summary|to conclude|to sum up|hence|thus|correction|actually)\s*[,:]\s*"
    r"|\b(?:on|upon|after) (?:a )?(?:second|closer|further) (?:thoughts?|look|inspection|reflection|review)\b[\s,:]*"
    r"|(?:^|(?<=[.!?\n]))\s*(?:overall|in short|in total|(?:final )?verdict|bottom line|summary|result)\s*[:,]\s*"
    r"|(?<=[.!?\n])\s*so\b[\s,]+(?=(?:it|this|that|there|the|i)\b)",
    re.I,
)
BASIS = re.compile(
    r"^\W*(?:based (?:up)?on|according to|judging (?:by|from)|looking at|given|from|in|considering|upon (?:reviewing|examining))"
    r"\s(?:[\w' -]+?\s)?(?:images?|frames?|clips?|videos?|pictures?|footage|scenes?|views?|sequence|evidence|information|"
    r"content|visuals?|question)\b[^,:.\n]{0,60}[,:]\s*",
    re.I,
)
POLITE = re.compile(
    r"^\W*(?:sure(?: thing)?|certainly|of course|okay|ok|alright|absolutely|great question|good question|thank you|thanks|hello|hi)"
    r"\b[^\w\n]*[!,.:\n]+\s*(?=\S)",
    re.I,
)
MARKER = re.compile(r"^[ \t]*(?:\(?\d{1,2}[.)](?!\d)|[-•*–+](?=\s))[ \t]*(?=\S)", re.M)
LETTER_MARKER = re.compile(r"^[ \t]*\(?([a-h])[.)][ \t]+(?=\S)", re.M)  # "a) hook"
EMPHASIS = re.compile(r"\*+|(?<!\w)_{1,2}(?=\w)|(?<=\w)_{1,2}(?!\w)|`+|^#+\s*", re.M)
ANSWER_KEYS = (
    "final_answer",
    "answer",
    "prediction",
    "response",
    "output",
    "result",
    "choice",
    "option",
    "label",
)


class Reply(NamedTuple):
    """The text that states the answer, and why there is none."""

    text: str
    cause: str = ""


@lru_cache(maxsize=65536)
def unwrap(prediction: str) -> Reply:
    r"""Return the answer's text within a reply.

    >>> unwrap("It could be left.</think>\n\\boxed{right}").text, unwrap("<thinking>left").cause
    ('right', 'cut off while thinking')
    >>> unwrap('```json\n{"phase": "incision", "confidence": 0.9}\n```').text
    'incision'
    >>> unwrap("Based on the image, the answer is: **right**").text
    'right'
    """
    text, cause = _without_thoughts(prediction)
    if cause:
        return Reply("", cause)
    if text.isalpha():
        return Reply(text)
    if tag_contents := [match.group(2) for match in ANSWER_TAG.finditer(text) if match.group(2).strip()]:
        text = tag_contents[-1]
    text = SPECIAL.sub(" ", text).strip()
    if "\\" in text:
        text = LATEX.sub(r"\1", _box_content(text))
    text = _fence_content(text)
    text = _from_json(text)
    text = EMPHASIS.sub("", TAG.sub(" ", text)).strip().strip("$").strip()
    text = asides.likeliest(_without_markers(asides.without(asides.table(text))))
    if DANGLING.search(text):
        return Reply("", CUT_OFF_BEFORE)
    return Reply(_without_introduction(text))


def final(prediction: str) -> str:
    """Return what a model says in the end: without its thoughts, tags and "the answer is".

    >>> final("<think>left?</think><answer>The answer is: **right**</answer>")
    'right'
    """
    return unwrap(prediction).text


def _without_thoughts(text: str) -> tuple[str, str]:
    if "<" not in text and "[" not in text and "◁" not in text:
        return text.strip(), ""
    ends = [match.end() for match in THOUGHT_END.finditer(text)]
    rest = text[ends[-1] :] if ends else text
    if thought_start := THOUGHT_START.search(rest):
        answer_tag = ANSWER_TAG.search(rest, thought_start.end())
        if (
            answer_tag and answer_tag.group(1).casefold() != "box"
        ):  # an answer in its own tag ends the thoughts
            return answer_tag.group(0), ""
        return "", CUT_OFF
    if ends and not rest.strip():
        return "", NO_ANSWER
    return rest.strip(), ""


def _box_content(text: str) -> str:
    """Return the content of the last box, whose braces may be nested."""
    *_, box = [None, *BOX_START.finditer(text)]
    if box is None:
        return text
    depth, start = 1, box.end()
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    return text[start:]


def _fence_content(text: str) -> str:
    blocks = [block for block in FENCE.findall(text) if block.strip()] if "```" in text else []
    return blocks[-1].strip() if blocks else text


def _from_json(text: str) -> str:
    """Return the answer in an object, a list or a quoted string; other text as it is."""
    start, end = text.find("{"), text.rfind("}")
    bracket = text.startswith("[") and text.endswith("]")
    inner = text[start : end + 1] if 0 <= start < end else text if bracket or text[:1] in "\"'" else ""
    if not inner:
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            return _answer_in(parse(inner)) or text
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _answer_in(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        lower = {str(key).casefold().strip().replace(" ", "_"): own for key, own in value.items()}
        if (key := next((key for key in ANSWER_KEYS if key in lower), None)) is not None:
            return _answer_in(lower[key])
        answer_fields = {key: own for key, own in lower.items() if not asides.KEYS.search(key)}
        if len(answer_fields) > 1 and all(
            isinstance(own, bool) for own in answer_fields.values()
        ):  # {"hook": true, "clip": false}
            return ", ".join(key.replace("_", " ") for key, own in answer_fields.items() if own) or "none"
        if all(isinstance(own, float) for own in answer_fields.values()) and (
            likeliest := asides.most(answer_fields)
        ):
            return likeliest
        return ", ".join(_answer_in(own) for own in answer_fields.values())
    if isinstance(value, list | tuple | set):
        return ", ".join(_answer_in(own) for own in value) or "none"
    return "" if value is None else str(value)


def _without_markers(text: str) -> str:
    """Lines without their bullets and numbers; a single numbered line keeps its number."""
    letter_markers = LETTER_MARKER.findall(text)
    if len(letter_markers) > 1 and letter_markers == list(ascii_lowercase[: len(letter_markers)]):
        return LETTER_MARKER.sub("", text)
    markers = MARKER.findall(text)
    if not markers or (len(markers) == 1 and markers[0].strip()[:1].isdigit()):
        return text
    return MARKER.sub("", text)


def _without_introduction(text: str) -> str:
    """Return the text behind "Based on the image," and the last "the answer is"."""
    while True:
        shorter = POLITE.sub("", BASIS.sub("", text, count=1), count=1)
        if shorter == text or not shorter.strip():
            break
        text = shorter
    low = text.casefold()
    patterns = (LEAD, HEADING, CONCLUDES) if any(word in low for word in LEADING) else (CONCLUDES,)
    ends = [match.end() for pattern in patterns for match in pattern.finditer(text)]
    if ends and text[max(ends) :].strip(" .*"):
        text = text[max(ends) :].strip()
    return text.strip()
