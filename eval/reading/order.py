"""Answers to questions about order: what comes next, what came before, which of two is first."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from surgvqa.eval.words.negation import ORDER
from surgvqa.eval.words.terms import Mention, mentions
from surgvqa.eval.words.tokens import MARK, clauses, word_set

NEXT = re.compile(
    r"\b(?:next|follow\w*|upcoming|after)\b|next_|\b(?:once|when|as soon as) (?:\w+ ){1,3}(?:ends?|is (?:over|done|finished|complete))\b"
)
PREVIOUS = re.compile(r"\b(?:before|previous\w*|prior|preced\w*|earlier)\b|previous_")
FIRST = re.compile(r"\b(?:first|earliest|sooner|soonest)\b")
LAST = re.compile(r"\b(?:last|latest|later)\b")
AFTERWARDS = re.compile(
    r"\bto be followed by\b|\bonly then\b|\bonly after that\b|\bbefore (?!\|)"
)  # of "a, to be followed by b" a is next
COMES = frozenset(
    {("will", "follow"), ("comes", "next"), ("is", "next"), ("will", "come"), ("follows", MARK)}
    | {("will", "start"), ("will", "begin"), ("starts", "soon"), ("begins", "soon"), ("is", "imminent")}
    | {("will", "be"), ("afterwards", MARK), ("next", MARK), ("starts", "next"), ("begins", "next")}
)
ANNOUNCES = frozenset(
    {("followed", "by"), ("next", "is"), ("next", "comes"), ("then", "comes"), ("next", "will")}
    | {("next", "up"), ("moves", "to"), ("proceeds", "to"), ("moves", "on"), ("proceed", "to")}
)
# A name behind or before these is what goes on now, and no answer to what comes next or came before.
NOW = word_set("currently now present presently ongoing current")
STAGES = word_set("phase step stage part activity task one")
UNDER_WAY = frozenset(
    {("is", "ongoing"), ("is", "under"), ("is", "being"), ("is", "still"), ("is", "current")}
)
# Between two names: whether the first one comes first.
FORWARD_FIRST = (("followed", "by"), *(("after", word) for word in ("it", "that", "this", "which", "them")))
FORWARD = (
    ("then",), ("before",), ("precedes",), ("preceding",), ("preceded",), ("prior", "to"), ("earlier", "than"),
    ("ahead", "of"), ("leads", "to"), ("gives", "way"), ("gave", "way"), ("turns", "into"), ("first", MARK), ("first", "and"), ("to",),
    ("2", "nd"), (MARK, "last"), (MARK, "finally"), (MARK, "second"), ("and", "finally"), ("and", "last"), ("afterwards",), ("sooner", "than"), ("until",),
)  # fmt: skip
BACKWARD = (
    *(("before", word) for word in ("it", "that", "this", "which", "them")),
    ("after",), ("follows",), ("following",), ("followed",), ("later", "than"), ("preceded", "by"), ("succeeds",), ("behind",),
)  # fmt: skip
RELATIVE = frozenset(
    (MARK, word, verb)
    for word in ("which", "that")
    for verb in ("follows", "followed", "precedes", "preceded")
)
OR = re.compile(r"\bor\b", re.I)
PAST = frozenset([("was",), ("were",), ("has",), ("have",), ("had",)])
PAST_WORDS = word_set("done finished ended over complete completed before already earlier")
WHICH_OF_TWO = re.compile(r"\W*(?:it is |it's )?the (?:(former)|latter)(?: one| of the two)?\W*")
ENDS_LATE = word_set("second last later secondly afterwards")
ENDS_EARLY = word_set("first earlier firstly earliest sooner")
ARTICLES = word_set("the a an")
ADVERBS = word_set("only just soon then shortly directly immediately is was")
_IT = r"(?: (?:it|that|this|them))"
_COMES = r"(?:comes|came|appears|appeared|enters|entered|starts|started|is seen|seen|arrives|arrived)"
FOLLOWS = re.compile(
    rf"(?:follows|followed|following|follow){_IT}?(?: later)?|preceded by{_IT}"
    rf"|{_COMES} (?:after|behind){_IT}|{_COMES} (?:next|later|second|afterwards|after)"
)
PRECEDES = re.compile(
    rf"(?:precedes|preceded|preceding){_IT}?|followed by{_IT}|{_COMES} before{_IT}|{_COMES} (?:before|first|earlier)"
)


@lru_cache(maxsize=32768)
def mentions_for(text: str, options: tuple[str, ...], question: str = "") -> tuple[Mention, ...]:
    """Return the mentions of options; what a question about order doesn't ask for is "aside".

    >>> own = ("incision", "phaco")
    >>> [mention.state for mention in mentions_for("Now incision, then phaco", own, "Which phase comes next?")]
    ['aside', 'stated']
    >>> [mention.state for mention in mentions_for("phaco after incision", own, "Which phase is first?")]
    ['aside', 'stated']
    """
    occurrences = mentions(text, options)
    goal = _goal(question.casefold()) if occurrences else ""
    if not goal:
        return occurrences
    tokens = clauses(text)
    if head := _head_of_relative(tokens, occurrences):
        return tuple(
            mention._replace(state="stated" if mention is head else "aside") for mention in occurrences
        )
    if pair := _order_of_two(tokens, occurrences):
        early, late = pair
        is_early = goal in ("first", "previous") or (goal == "next" and AFTERWARDS.search(" ".join(tokens)))
        option = early if is_early else late
        return tuple(
            mention
            if mention.state == "negated"
            else mention._replace(state="stated" if mention.option == option else "aside")
            for mention in occurrences
        )
    if goal in ("first", "last"):
        return tuple(
            mention._replace(state="aside")
            if _is_at_other_end(tokens, mention, occurrences[i + 1 : i + 2], goal)
            else mention
            for i, mention in enumerate(occurrences)
        )
    if goal == "next":
        coming = {
            mention.option
            for mention in occurrences
            if mention.state != "negated" and _comes(tokens, mention)
        }
        if len(coming) == 1 and not AFTERWARDS.search(" ".join(tokens)):
            return tuple(
                mention._replace(state="stated" if mention.option in coming else "aside")
                for mention in occurrences
            )
    if goal == "previous":  # "a came just before, and b earlier still"
        occurrences = tuple(
            mention._replace(state="negated") if _is_elsewhere(tokens, mention) else mention
            for mention in occurrences
        )
    if goal in ("next", "previous"):
        return tuple(
            mention._replace(state="aside")
            if mention.state == "stated" and _goes_on(tokens, mention)
            else mention
            for mention in occurrences
        )
    return occurrences


def _is_at_other_end(
    tokens: tuple[str, ...], mention: Mention, following: tuple[Mention, ...], goal: str
) -> bool:
    """Whether a text says that a thing is not the end that is asked for: "a comes last" for what is first."""
    end = min(mention.end + 4, *(other.start for other in following), len(tokens))
    behind = tokens[mention.end : end]
    behind = behind[: behind.index(MARK)] if MARK in behind else behind
    return not (ENDS_LATE if goal == "first" else ENDS_EARLY).isdisjoint(behind)


def is_settled(text: str, options: tuple[str, ...], question: str) -> bool:
    """Whether a reply that names several things says which one a question about order asks for.

    >>> is_settled("hook now, clip next, cut last", ("hook", "clip", "cut"), "What comes next?")
    True
    """
    occurrences = mentions_for(text, options, question)
    named_options = {mention.option for mention in occurrences if mention.state in ("stated", "subordinate")}
    return bool(_goal(question.casefold())) and len(named_options) == 1 < len({m.option for m in occurrences})


def _goal(question: str) -> str:
    """Return what a question about order asks for: "next", "previous", "first", "last"; "" for others."""
    steps, ends = (("next", NEXT), ("previous", PREVIOUS)), (("first", FIRST), ("last", LAST))
    one_of_two = re.search(r"\bor\b", question) is not None
    for goal, pattern in (*ends, *steps) if one_of_two else (*steps, *ends):
        if pattern.search(question):
            return goal
    return ""


def _order_of_two(tokens: tuple[str, ...], occurrences: tuple[Mention, ...]) -> tuple[str, str] | None:
    """Return the earlier and the later one of two options that a text puts in order; None where it puts none so."""
    named_options = {mention.option for mention in occurrences if mention.state != "negated"}
    if len(named_options) != 2:
        return None
    for a, b in itertools.pairwise(occurrences):
        if a.option == b.option or "negated" in (a.state, b.state):
            continue
        between = _between(tokens, a, b)
        before = tuple(word for word in tokens[max(0, a.start - 3) : a.start] if word not in ARTICLES)[-1:]
        if before in (("before",), ("preceding",)):
            return b.option, a.option
        if before in (("after",), ("following",), ("once",)):
            return a.option, b.option
        if any(_holds(between, words) for words in FORWARD_FIRST):
            return a.option, b.option
        if any(_holds(between, words) for words in BACKWARD):
            return b.option, a.option
        if any(_holds(between, words) for words in FORWARD):
            return a.option, b.option
        if (is_late := _is_late(tokens, b.end)) is not None:
            return (a.option, b.option) if is_late else (b.option, a.option)
    return None


def _head_of_relative(tokens: tuple[str, ...], occurrences: tuple[Mention, ...]) -> Mention | None:
    """Return the one that a clause with "which" only places: "phaco" of "Phaco, which follows incision".

    >>> own = mentions("Phaco, which follows incision", ("incision", "phaco"))
    >>> _head_of_relative(clauses("Phaco, which follows incision"), own).option
    'phaco'
    """
    if len(occurrences) != 2 or "negated" in (occurrences[0].state, occurrences[1].state):
        return None
    head, other = occurrences
    between = tuple(word for word in _between(tokens, head, other) if word not in ADVERBS)
    return head if between in RELATIVE and not head.start else None


def _is_late(tokens: tuple[str, ...], end: int) -> bool | None:
    """Whether the words behind the second of two names say that it comes after the first; None where they say nothing.

    >>> _is_late(("follows", "it"), 0), _is_late(("is", "followed", "by", "it"), 0), _is_late(("is", "seen"), 0)
    (True, False, None)
    """
    behind = tokens[end : end + 5]
    behind = behind[: behind.index(MARK)] if MARK in behind else behind
    text = " ".join(word for word in behind if word not in ADVERBS)
    return True if FOLLOWS.fullmatch(text) else False if PRECEDES.fullmatch(text) else None


def _between(tokens: tuple[str, ...], a: Mention, b: Mention) -> tuple[str, ...]:
    return tuple(word for word in tokens[a.end : b.start] if word not in ARTICLES)


def _holds(between: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return any(between[i : i + len(words)] == words for i in range(len(between)))


def _is_elsewhere(tokens: tuple[str, ...], mention: Mention) -> bool:
    """Whether a name stands for something earlier still, or for what comes after: no answer to what came just before."""
    behind = tokens[mention.end : mention.end + 2]
    return "earlier" in behind or behind in (("comes", "after"), ("came", "after"), ("comes", "later"))


def _is_past(tokens: tuple[str, ...], mention: Mention) -> bool:
    behind = tokens[mention.end : mention.end + 4]
    behind = behind[: behind.index(MARK)] if MARK in behind else behind
    return behind[:1] in PAST and not PAST_WORDS.isdisjoint(behind)


def _goes_on(tokens: tuple[str, ...], mention: Mention) -> bool:
    """Whether a text says of an answer that it goes on now, and doesn't announce it."""
    before = tokens[max(0, mention.start - 4) : mention.start]
    if MARK in before:
        before = before[len(before) - before[::-1].index(MARK) :]
    if _comes(tokens, mention):
        return False
    if not before and tokens[mention.end : mention.end + 1] in (
        (),
        (MARK,),
    ):  # "the current stage, a, is over"
        own = tokens[: mention.start - 1]
        before = own[len(own) - own[::-1].index(MARK) :] if MARK in own else own
        before = before if before[-1:] != () and before[-1] in STAGES else ()
    behind = tokens[mention.end : mention.end + 1]
    return not NOW.isdisjoint((*before, *behind)) or tokens[mention.end : mention.end + 2] in UNDER_WAY


def stated_options(text: str, options: tuple[str, ...], question: str = "") -> tuple[str, ...]:
    """Return the options a text gives as its answer, in the options' order.

    What is only mentioned beside an answer doesn't count: a phase that has finished, a reason behind "because". A
    question about what comes next is answered by what "follows".

    >>> stated_options("Incision has finished; now comes phaco, which follows it", ("incision", "phaco"))
    ('phaco',)
    >>> stated_options("Before phaco", ("incision", "phaco"))
    ()
    """
    occurrences, tokens = mentions_for(text, options, question), clauses(text)
    own = {mention.option for mention in occurrences if mention.state == "stated"}
    own = own or {mention.option for mention in occurrences if mention.state == "subordinate"}
    if PREVIOUS.search(question.casefold()):
        coming = {mention.option for mention in occurrences if _comes(tokens, mention)}
        if coming and not own - coming:  # "a comes next" is no answer to what came before
            return ()
        own = {
            m.option for m in occurrences if tokens[max(0, m.start - 2) : m.start] == ("preceded", "by")
        } or own
    if not occurrences and (which := WHICH_OF_TWO.fullmatch(text.casefold())):
        *before, behind = OR.split(question)
        side = behind if not which.group(1) else before[-1] if before else ""
        own = {mention.option for mention in mentions(side, options)} if before else own
    if (
        not own
        and len(asides := {mention.option for mention in occurrences if mention.state == "aside"}) == 1
    ):
        own = _other_of_two(question, options, next(iter(asides)))
    if not own and ORDER.search(question.casefold()):
        is_next = NEXT.search(question.casefold()) is not None
        own = {
            mention.option
            for mention in occurrences
            if mention.state == "aside" and not (is_next and _is_past(tokens, mention))
        }
    return tuple(option for option in options if option in own)


def _other_of_two(question: str, options: tuple[str, ...], option: str) -> set[str]:
    """Return the other one of the two options that a question about the first or last names."""
    named_options = {mention.option for mention in mentions(question, options)}
    if (
        len(named_options) == 2
        and option in named_options
        and _goal(question.casefold()) in ("first", "last")
    ):
        return named_options - {option}
    return set()


def _comes(tokens: tuple[str, ...], mention: Mention) -> bool:
    """Whether a text says of an answer that it is the next one."""
    behind = tokens[mention.end : mention.end + 2]
    before = tuple(
        word for word in tokens[max(0, mention.start - 4) : mention.start] if word not in ("the", MARK)
    )
    return (
        behind in COMES
        or before[-2:] in ANNOUNCES
        or (before[-1:] == ("next",) and _opens_clause(tokens, mention))
    )


def _opens_clause(tokens: tuple[str, ...], mention: Mention) -> bool:
    """Whether the "next" before a name begins a clause: "now a; next: b", and not "a next, b last"."""
    place = next(i for i in range(mention.start - 1, -1, -1) if tokens[i] == "next")
    return place == 0 or tokens[place - 1] in (MARK, "the", "and")
