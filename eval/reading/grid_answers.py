"""The cell of the 3x3 grid, or the point, that an answer names, and its distance from the truth."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from surgvqa.eval.reading.order import stated_options
from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.tokens import clauses, name, stem, word_set, words

Cell = tuple[int, int]  # row and column, 0 at the top left
Point = tuple[float, float]

ROWS = {"top": 0, "upper": 0, "up": 0, "superior": 0, "oben": 0, "haut": 0, "arriba": 0, "bottom": 2, "lower": 2, "down": 2,
        "inferior": 2, "north": 0, "south": 2, "unten": 2, "bas": 2, "abajo": 2}  # fmt: skip
COLUMNS = {"left": 0, "links": 0, "gauche": 0, "izquierda": 0, "izquierdo": 0, "sinistra": 0, "right": 2, "rechts": 2,
           "droite": 2, "derecha": 2, "derecho": 2, "destra": 2, "west": 0, "east": 2}  # fmt: skip
MIDDLE = frozenset({"center", "centre", "central", "middle", "mitte", "mittig", "centro", "milieu"})
PLACES = frozenset({*ROWS, *COLUMNS, *MIDDLE})
JOINTS = word_set(
    "of the in on at to a far extreme outermost en im au a la part side corner half hand third quadrant region area portion edge most its row column band "
    "with | image frame picture screen view"
)  # words that may stand between "upper" and "left"
BEYOND = word_set(
    "below above beneath under underneath outside off beyond opposite"
)  # elsewhere than the place behind them
PHRASAL = frozenset(
    (verb,)
    for verb in ("ends", "ended", "ending", "shows", "picks", "winds", "close", "halfway", "midway", "way")
)  # "ends up"
BEGINS = frozenset(
    [("starts", "at"), ("starts", "in"), ("begins", "in"), ("begins", "at"), ("started", "in")]
)
ENDS = word_set("to towards into ends end ending finally then arrives stops")
ROW_INITIALS = {"t": "top", "u": "top", "b": "bottom", "l": "bottom", "m": "center", "c": "center"}
COLUMN_INITIALS = {"l": "left", "r": "right", "c": "center"}
ABBREVIATION = re.compile(r"\W*([tubmc][lrc]|l[lr])\W*", re.I)
QUADRANT = re.compile(r"\W*([lr])([ul])q\W*", re.I)
ORDINAL = re.compile(r"\b(?P<place>first|second|third|1st|2nd|3rd) (?P<line>row|column)\b", re.I)
LINES = {
    "row": {"f": "top", "1": "top", "s": "middle", "2": "middle", "t": "bottom", "3": "bottom"},
    "column": {"f": "left", "1": "left", "s": "center", "2": "center", "t": "right", "3": "right"},
}
TOGETHER = re.compile(
    r"\b(top|upper|bottom|lower|north|south)(left|right|center|centre|middle|west|east)\b", re.I
)
_OTHER = r"(?:the )?(?P<other>\w+(?: (?!left|right|above|below|in\b|at\b|on\b|now\b|here\b|during\b|when\b|of\b|this\b|the\b)\w+){0,2})"
_LIES = r"(?: (?:lie|lies|sit|sits|stand|stands|appear|appears|rest|rests|positioned|located|placed|situated|seen|found))*"
_RELATIVE_TO = r"(?:relative to|in relation to|with respect to|with regard to|compared to|compared with)"
RELATIVE = re.compile(  # "How does the clip lie relative to the duct?"
    rf"\b(?:where|how) (?:is|are|was|were|does|do|did) (?:the )?(?P<thing>(?:\w+ ){{0,4}}?\w+){_LIES} {_RELATIVE_TO} {_OTHER}"
)
PLACE_OF = re.compile(
    rf"\bwhat is the (?:relative )?(?:position|place|location) of (?:the )?(?P<thing>(?:\w+ ){{0,4}}?\w+) {_RELATIVE_TO} {_OTHER}"
)
SIDE_OF = re.compile(  # "On which side of the duct does the clip lie?"
    r"\b(?:which|what) side of (?:the )?(?P<other>\w+(?: \w+){0,2}?) (?:is|are|does|do|was|were) (?:the )?(?P<thing>\w+(?: (?!on\b)\w+){0,2}?)"
    rf"(?: on)?{_LIES}$"
)
_AROUND = "front|behind|anterior|posterior|superior|inferior|medial|lateral|proximal|distal"
EITHER_SIDE = re.compile(  # "Is the tip left or right of the pupil?"
    r"\b(?:is|are|does|lies?) (?:the )?(?P<thing>(?:(?!is\b|or\b|left|right|above|below|to\b|on\b|in\b|behind)\w+ ?){1,3}?) (?:(?:lie|to|on|in|the|side) )*"
    rf"(?:left|right|above|below|{_AROUND})\b.*\bor\b.*\b(?:left|right|above|below|under|over|{_AROUND})(?: side)?(?: of| to)? (?:the )?(?P<other>\w+(?: \w+)?)$"
)
IN = re.compile(r"\bin (?:the|it)\b", re.I)
_ROW, _COLUMN, _BETWEEN = (
    r"row (?P<row>[a-z])",
    r"col(?:umn)? (?P<column>\d)",
    r"(?:,| and| of|, in| in| /)? ?",
)
ROW_COLUMN = re.compile(rf"\b{_ROW}{_BETWEEN}(?:the )?{_COLUMN}\b", re.I)
COLUMN_ROW = re.compile(rf"\b{_COLUMN}{_BETWEEN}(?:the )?{_ROW}\b", re.I)
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "inside": "around",
           "around": "inside", "left": "right", "right": "left", "in front of": "behind", "behind": "in front of",
           "anterior": "posterior", "posterior": "anterior", "superior": "inferior", "inferior": "superior",
           "medial": "lateral", "lateral": "medial", "proximal": "distal", "distal": "proximal"}  # fmt: skip
RELATIONS = word_set(
    "left right above below over under beneath underneath higher lower inside within around surrounds surrounding encircles top "
    "behind front anterior posterior superior inferior medial lateral proximal distal"
)
REFERENCES = word_set("of to from than")
HAS = word_set("has have having with sees")
ITSELF = word_set("it its itself")
VERBS = word_set(
    "is are was were lies lie sits sit stands appears runs rests seems surrounds encircles encloses"
)
SENTENCES = re.compile(r"[.,;:\n]|\b(?:and|while|whereas|so|with)\b", re.I)
NUMBERS = re.compile(r"[\[(<][^\[\](){}]*?[\])>]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def cell(words: Iterable[str]) -> Cell | None:
    """Return the one cell that words name, None where they name none or several.

    >>> cell(("in", "the", "upper", "left")), cell(("center",)), cell(("left",))
    ((0, 0), (1, 1), (1, 0))
    >>> cell(("top", "left", "or", "bottom", "right")) is None
    True
    """
    words = tuple(words)
    rows = {ROWS[word] for word in words if word in ROWS}
    columns = {COLUMNS[word] for word in words if word in COLUMNS}
    if len(rows) > 1 or len(columns) > 1 or not (rows or columns or MIDDLE.intersection(words)):
        return None
    return (rows.pop() if rows else 1, columns.pop() if columns else 1)


def said_cell(text: str) -> Cell | None:
    """Return the one cell that a text states; None where it states none, or several.

    >>> said_cell("In the upper part, on the left"), said_cell("not the bottom right but the top left")
    ((0, 0), (0, 0))
    >>> said_cell("the top-left and the center"), said_cell("slightly left of the top center")
    (None, None)
    """
    if quadrant := QUADRANT.fullmatch(text):  # "RUQ"
        column, row = quadrant.groups()
        return cell((ROW_INITIALS[row.casefold()], COLUMN_INITIALS[column.casefold()]))
    if abbreviation := ABBREVIATION.fullmatch(text):
        initials = abbreviation.group(1).casefold()
        return cell((ROW_INITIALS[initials[0]], COLUMN_INITIALS[initials[1]]))
    text = ORDINAL.sub(lambda match: LINES[match["line"].casefold()][match["place"].casefold()[:1]], text)
    tokens = clauses(TOGETHER.sub(r"\1 \2", text))
    groups: list[list[str]] = []
    near = False  # whether only words that join stand between this place word and the last
    joint = ""
    for i, token in enumerate(tokens):
        if token == "up" and tokens[i - 1 : i] in PHRASAL:
            continue
        if token in PLACES and not is_negated(tokens, i, i + 1):
            if _lies_beyond(tokens[max(0, i - 3) : i]):
                return None
            if _is_origin(tokens, i, groups, near=near):
                near = True
                continue
            if (
                token in COLUMNS
                and tokens[i + 1 : i + 2] == ("of",)
                and _another_place(tokens[i + 2 : i + 5])
            ):
                return None
            if groups and near and _fits(groups[-1], token, joint):
                groups[-1].append(token)
            else:
                groups.append([token])
            near, joint = True, ""
        elif token in ("and", "or"):
            joint = token
        elif token not in JOINTS:
            near = False
    cells = {cell(group) for group in groups}
    return cells.pop() if len(cells) == 1 else None


def _lies_beyond(before: tuple[str, ...]) -> bool:
    """Whether a place is only what another one is measured from: "opposite to the lower left"."""
    reference = tuple(word for word in before if word not in ("the", "of", "to", "from"))
    is_across = "from" in before and reference[-1:] in (("across",), ("away",), ("far",))
    return is_across or (reference[-1:] != () and reference[-1] in BEYOND)


def _is_origin(tokens: tuple[str, ...], i: int, groups: list[list[str]], *, near: bool) -> bool:
    """Whether a place word names where a movement begins: "from the top left to the center"."""
    start = i
    while start and (tokens[start - 1] in ("the", "of", "a") or (start > 1 and tokens[start - 1] in PLACES)):
        start -= 1
    is_start = tokens[start - 1 : start] in (("from",),) or tokens[max(0, start - 2) : start] in BEGINS
    return is_start and not ENDS.isdisjoint(tokens[i + 1 :]) and not (groups and near)


def _another_place(behind: tuple[str, ...]) -> bool:
    return not PLACES.isdisjoint(behind)


def _fits(group: list[str], token: str, joint: str) -> bool:
    """Whether a place word goes with those before it: "upper" and "left" do, "left or right" don't."""
    if joint == "or" or (token in MIDDLE and (joint or len(group) > 1)):
        return False
    together = [*group, token]
    return len({word in ROWS for word in together if word not in MIDDLE}) == len(
        [word for word in together if word not in MIDDLE]
    ) or ((token in MIDDLE or any(word in MIDDLE for word in group)) and len(together) == 2)


def within(text: str, question: str) -> str:
    """Return a reply in which "in the pupil" is "inside the pupil", where the pupil is what places are relative to.

    >>> within("in the pupil", "Where is the tip relative to the pupil?"), within("in the frame", "Where is it?")
    ('inside the pupil', 'in the frame')
    """
    match = RELATIVE.search(" ".join(words(question))) if IN.search(text) else None
    if match and (inner := re.sub(r"\bin it\b", "inside it", text, flags=re.I)) != text:
        return inner
    other = match and match.group("other").strip()
    return re.sub(rf"\bin the (?={re.escape(other)}\b)", "inside the ", text, flags=re.I) if other else text


def grid_labels(text: str) -> str:
    """Return a reply whose rows and columns with a letter and a number are one label: "row B, column 3" is "B3".

    >>> grid_labels("row B, column 3"), grid_labels("in column 1 of row A"), grid_labels("row 2")
    ('B3', 'in A1', 'row 2')
    """
    text = ROW_COLUMN.sub(lambda match: match["row"].upper() + match["column"], text)
    return COLUMN_ROW.sub(lambda match: match["row"].upper() + match["column"], text)


def converse(text: str, question: str, relation: str) -> str:
    """Return the relation seen from the thing that was asked about.

    >>> asked = "Where is the forceps relative to the pupil?"
    >>> converse("The pupil is right of the forceps.", asked, "right of"), converse("right of it", asked, "right of")
    ('left of', 'right of')
    """
    inverse, pair = INVERSE.get(relation), _thing_and_other(question)
    if pair is None or inverse is None:
        return relation
    tokens = words(text)
    there = next((i for i, token in enumerate(tokens) if token in RELATIONS), len(tokens))
    thing, other = (_place(tokens, *one) for one in (pair, pair[::-1]))
    if other < 0:
        return relation
    if there < min(thing, other):  # "Below the clip lies the duct."
        return inverse if thing < other else relation
    is_reference = any(word in REFERENCES for word in tokens[max(0, other - 2) : other])
    if is_reference or other > there:  # "Relative to the duct, the clip is above it."
        return relation
    if 0 <= thing < other:  # "The clip has the duct below it."
        has_other = not HAS.isdisjoint(tokens[thing:other]) and not ITSELF.isdisjoint(tokens[other:])
        return inverse if has_other else relation
    is_subject = not VERBS.isdisjoint(tokens[other : other + 5])
    return inverse if thing > there or (thing < 0 and is_subject) else relation


def _thing_and_other(question: str) -> tuple[str, str] | None:
    """Return the thing whose place a question asks for, and what its place is relative to.

    >>> _thing_and_other("How does the clip lie relative to the cystic artery?"), _thing_and_other("Where is it?")
    (('clip', 'cystic artery'), None)
    """
    plain_question = " ".join(words(question))
    matches = (pattern.search(plain_question) for pattern in (RELATIVE, PLACE_OF, SIDE_OF, EITHER_SIDE))
    match = next((one for one in matches if one), None)
    return (match["thing"].strip(), match["other"].strip()) if match else None


def _place(tokens: tuple[str, ...], thing: str, other: str) -> int:
    """Return where a text names a thing, by its last word where the other one hasn't that word too; -1 where nowhere."""
    own, rival = ([stem(word) for word in one.split()] for one in (thing, other))
    stems = [stem(token) for token in tokens]
    for form in (own, own[-1:] if own[-1] not in rival else own):
        for i in range(len(stems) - len(form) + 1):
            if stems[i : i + len(form)] == form:
                return i
    return -1


def seen_from_thing(text: str, question: str, options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the relations that a text states, each seen from the thing that was asked about.

    >>> asked, known = "Where is the clip relative to the duct?", ("above", "below")
    >>> seen_from_thing("The clip is above; the duct lies below the clip.", asked, known)
    ('above',)
    """
    answers = stated_options(text, options, question)
    if not question or not any(name(answer) in INVERSE for answer in answers):
        return answers
    if len(answers) > 2 or (len(answers) == 2 and INVERSE.get(name(answers[0])) != name(answers[1])):
        return answers
    parts = [(part, stated_options(part, answers, question)) for part in SENTENCES.split(text)]
    if any(len(own) > 1 for _, own in parts):
        return answers
    if sum(bool(own) for _, own in parts) > 1:
        relations = {converse(part, question, name(own[0])) for part, own in parts if own}
    else:
        relations = {converse(text, question, name(answers[0]))} if len(answers) == 1 else set()
    return tuple(option for option in options if name(option) in relations) or answers


def cell_distance(a: Cell, b: Cell) -> float:
    """Cells from one centre to the other, straight.

    >>> cell_distance((0, 0), (1, 1)) == math.sqrt(2)
    True
    """
    return math.dist(a, b)


def point(text: str) -> Point | None:
    """Return the first point in a text, or the middle of the first box; None without one.

    >>> point("It is at (120, 45.5)."), point("[10, 20, 30, 60]"), point('<point x="3" y="4">tip</point>')
    ((120.0, 45.5), (20.0, 40.0), (3.0, 4.0))
    >>> point("at 5 o'clock") is None
    True
    """
    for group in NUMBERS.findall(text):
        numbers = [float(number) for number in NUMBER.findall(group)]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
        if len(numbers) == 4:
            return (numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2
    return None


@lru_cache(maxsize=4096)
def are_cells(options: tuple[str, ...]) -> bool:
    """Whether a kind's answers are places of the picture, corners among them: "upper left" is "top-left" there.

    >>> are_cells(("bottom-left", "bottom-right", "centre", "top-left")), are_cells(("left", "right", "top", "bottom"))
    (True, False)
    """
    places = [words(option) for option in options]
    corners = sum(not (COLUMNS.keys().isdisjoint(own) or ROWS.keys().isdisjoint(own)) for own in places)
    return corners > 2 and all(cell(own) is not None and PLACES.issuperset(own) for own in places)
