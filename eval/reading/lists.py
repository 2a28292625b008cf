"""Answers that are lists of names, compared as sets; "none" is the empty one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from surgvqa.eval.words.negation import BE, leaves, may_negate
from surgvqa.eval.words.roots import root
from surgvqa.eval.words.terms import Mention, mentions
from surgvqa.eval.words.tokens import MARK, clauses, name, spots, stem, word_set, words

HEADING = re.compile(
    r"^\s*(?!no\b|not\b|absent)[a-z ]{3,30}:[ \t]*\n(?=[^:]+$)", re.I
)  # "tools:" above one a line
THINGS = r"(?:instruments?|tools?|objects?|anatomy|structures?|phases?|steps?)"
NOTHING = re.compile(
    rf"(?:none|nothing|empty|no|zero|0|ø|not any)|(?:no|zero|0|not any) (?:\w+ )?{THINGS}(?: \w+)*|none (?:visible|seen|present|at all)"
)
REST = re.compile(r"\b(?:other|others|further|additional|else|more)\b", re.I)  # "no other instruments"
ENDS = BE - {"can", "do"} | word_set("on in at near from under over by into inside within while for as")
FRAME = word_set(
    "i we you see can there is are the a an this that these those of to and also yes in image frame "
    "frames clip video view picture scene visible seen shown present following instruments instrument "
    "tools tool objects surgeon uses using used which include includes including namely they it two "
    "three four five namely both pair one some with observe identify"
)  # words of a sentence around the things it lists
EXCEPTION = re.compile(  # "none except forceps"
    rf"\b(?:none|nothing|no (?:\w+ )?{THINGS}(?: (?:are|is))?(?: visible)?)\s+(?:except|but|besides|other than|apart from)\b",
    re.I,
)
DOUBT = re.compile(  # "a grasper, possibly a hook": whether the hook is meant is open
    r"[,;\n(]?\s*\b(?:and|or|with|plus)?\s*\b(?:possibly|perhaps|maybe|potentially|(?:what )?(?:might|may|could) (?:also )?be)\b",
    re.I,
)
EVER = re.compile(r"\bever(?:\b|_)")
CHANGES = re.compile(
    r"\bever(?:\b|_)|\bleft\b|leav|exit|remov|disappear|withdr|enter|\bcame into\b|\bcome into\b"
)
STAYS = re.compile(
    r"\b(?:stays?|remains?|stayed|remained|already)\b|\bfrom the (?:start|beginning)\b|\ball along\b|\ball the time\b"
)
COMES_LATER = re.compile(  # "the bag comes later"
    r"(?:will |only |then |just )*(?:comes?|enters?|appears?|joins?|arrives?|follows?|is introduced|is inserted|be (?:introduced|inserted|needed|used))"
    r"(?: in)? (?:only )?(?:later|afterwards|after this|soon|shortly|next(?! to))\b|(?:will|is to) (?:only )?(?:come|enter|appear|join|arrive|follow)\b"
)
OR_JOINTS, OR_WORDS = word_set("| or nor any"), word_set("or nor")
ARTICLES, LONGEST_LIST = word_set("a an the one"), 12
AGENT = frozenset(["by", "with", "using", "via"])
DASH = re.compile(r"\s[-–—]\s")
WORD = re.compile(r"[^\W\d_]{4,}")
ARTICLE = re.compile(r"\s*(?:a|an)\s", re.I)
OR_NOTHING = re.compile(r"\b(?:none|nothing|zero)\W+or\b|\bor\W+(?:none|nothing|zero)\b", re.I)
SAYS_NOTHING = re.compile(
    rf"\b(?:none|nothing)\b|\bno (?:\w+ ){{0,2}}{THINGS}\b|^(?:no|empty|not any|zero|0|ø)$|\b(?:empty|free|devoid) of (?:any )?(?:\w+ )?{THINGS}\b|\b(?:zero|0) {THINGS}\b"
    rf"|(?:n't|\bnot|\bcannot) (?:\w+ ){{0,3}}(?:any|a single|one single|one) (?:\w+ )?{THINGS}\b"
    r"|\b(?:frame|image|picture|view|scene|field|clip|screen|shot) (?:is|was|looks|stays|remains|seems|appears) "
    r"(?:just |quite |completely |entirely |totally )?(?:empty|bare)\b|\b(?:an |the )empty (?:frame|image|picture|view|scene|field|screen|shot)\b"
)


@lru_cache(maxsize=4096)
def name_sets(
    prediction: str, answer: str, vocabulary: tuple[str, ...] = ()
) -> tuple[frozenset[str], frozenset[str]]:
    """Return a list that was given and the true one, as sets of names.

    A name of the ``vocabulary`` counts where it stands; a piece of a plain list that holds no known name
    counts as a name of its own, so that inventing one is seen. "None" is the empty list, and silence about
    every known name isn't.

    >>> names, truth = name_sets("Spatula, forceps and a scalpel", "forceps, spatula", ("spatula", "forceps"))
    >>> sorted(names), sorted(truth)
    (['a scalpel', 'forceps', 'spatula'], ['forceps', 'spatula'])
    >>> name_sets("No instruments are visible.", "none")
    (frozenset(), frozenset())
    """
    prediction = HEADING.sub("", prediction)
    truth = items(answer, vocabulary)
    known_names = tuple(dict.fromkeys([*truth, *(name(entry) for entry in vocabulary if not nothing(entry))]))
    names = {name(entry) for entry in names_in(prediction, known_names)}
    parts = pieces(prediction)
    if all(len(words(part)) <= 3 for part in parts):  # a plain list, not a sentence
        strange = {
            name(piece)
            for piece in parts
            if not mentions(piece, known_names) and not name(piece).isdigit() and not _frames(piece)
        }
        names |= {piece for piece in strange if not says_nothing(piece) and not may_negate(clauses(piece))}
    else:
        names |= inventions(parts, known_names)
        if not names:  # "none of the above, a laser"
            names |= {name(part) for part in parts if ARTICLE.match(part) and len(words(part)) <= 3}
    if names and any(nothing(part) and not REST.search(part) for part in parts):
        names.add("none")  # "none, forceps" says both
    if not names and not says_nothing(prediction):
        names = {name(prediction)}
    return frozenset(names), truth


def _frames(piece: str) -> bool:
    """Whether a piece is only an introduction: "two instruments"; one letter is none."""
    own = words(piece)
    return len(own) > 1 and FRAME.issuperset(own)


def names_in(text: str, known_names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the known names that a text doesn't deny.

    >>> names_in("forceps, no spatula", ("forceps", "spatula"))
    ('forceps',)
    """
    exception = EXCEPTION.search(text)
    mentioned_names = {
        mention.option
        for mention in _with_lists_denied(EXCEPTION.sub(" , ", text) if exception else text, known_names)
        if mention.state != "negated"
    }
    return tuple(option for option in known_names if option in mentioned_names)


def _is_or(between: tuple[str, ...]) -> bool:
    return OR_JOINTS.issuperset(between) and not OR_WORDS.isdisjoint(between)


def _with_lists_denied(text: str, known_names: tuple[str, ...]) -> Iterator[Mention]:
    """Yield the mentions of names, those behind "no" in one list with "or" denied too: "no forceps, hook or bag"."""
    tokens, is_denied = clauses(text), False
    occurrences = mentions(text, known_names)
    for i, mention in enumerate(occurrences):
        between = tokens[occurrences[i - 1].end : mention.start] if i else ("",)
        rest = tokens[mention.start :]
        rest = rest[: rest.index("or")] if "or" in rest else ()
        goes_on = (
            between == (MARK,) and bool(rest) and ARTICLES.isdisjoint(rest) and len(rest) <= LONGEST_LIST
        )
        is_denied = mention.state == "negated" or (is_denied and (goes_on or _is_or(between)))
        yield mention._replace(state="negated") if is_denied else mention


def not_now(behind: tuple[str, ...]) -> bool:
    """Whether the words behind a name say that it has left, or that it comes later.

    >>> not_now(("has", "left", "the", "field")), not_now(("comes", "later")), not_now(("is", "here"))
    (True, True, False)
    """
    return leaves(behind) or COMES_LATER.match(" ".join(behind)) is not None


def beside_the_question(text: str, known_names: tuple[str, ...], question: str) -> frozenset[str]:
    """Return the names that a text says to have left the picture; of those that a question asks to have left, what stays.

    >>> beside_the_question("Only the bag; the hook has left the field", ("bag", "hook"), "Which tools are in view?")
    frozenset({'hook'})
    >>> beside_the_question("the bag; the hook stays", ("bag", "hook"), "Which tools left the view?")
    frozenset({'hook'})
    """
    is_change = CHANGES.search(question.casefold()) is not None
    if is_change and EVER.search(question.casefold()):
        return frozenset()
    tokens = clauses(text)
    own = set()
    for mention in mentions(text, known_names):
        behind = tokens[mention.end : mention.end + 6]
        behind = behind[: behind.index(MARK)] if MARK in behind else behind
        is_beside = STAYS.search(" ".join(behind)) is not None if is_change else not_now(behind)
        if is_beside:
            own.add(name(mention.option))
    return frozenset(own)


def in_base_forms(text: str, vocabulary: tuple[str, ...]) -> str:
    """Return a text whose verbs and nouns of action are the known ones: "dissecting" and "dissection" are "dissect".

    >>> in_base_forms("The hook is dissecting it", ("hook", "dissect", "duct"))
    'The hook is dissect it'
    """
    base_forms = {root(entry, 3): entry for entry in vocabulary if entry.isalpha()}

    def base(match: re.Match[str]) -> str:
        word = match[0].casefold()
        return match[0] if stem(word) in map(stem, vocabulary) else base_forms.get(root(word, 3), match[0])

    return WORD.sub(base, text)


def is_turned_round(text: str, answer: str) -> bool:
    """Whether a sentence gives a true triplet's target as what acts.

    >>> is_turned_round("The duct cut the hook", "hook, cut, duct"), is_turned_round("The duct is cut by the hook", "hook, cut, duct")
    (True, False)
    """
    parts, tokens = answer.split(","), clauses(text)
    if len(parts) != 3 or len(pieces(text)) > 1:
        return False
    stems = tuple(map(stem, tokens))
    first, verb, last = (next(iter(spots(stems, tuple(map(stem, words(part))))), (-1, -1)) for part in parts)
    return 0 <= last[0] < verb[0] < first[0] and AGENT.isdisjoint(tokens[verb[1] : first[0]])


def doubts(text: str, known_names: tuple[str, ...]) -> bool:
    """Whether a list names some of its things for sure and others perhaps.

    >>> own = ("grasper", "hook")
    >>> doubts("a grasper, possibly a hook", own), doubts("Possibly a grasper and a hook", own)
    (True, False)
    """
    return any(
        mentions(text[: match.start()], known_names) and mentions(text[match.end() :], known_names)
        for match in DOUBT.finditer(text)
    )


def inventions(parts: list[str], known_names: tuple[str, ...]) -> set[str]:
    """Return the unknown things that a sentence lists beside known ones.

    >>> inventions(pieces("I see a laser probe, a forceps and a spatula at work on it now"), ("forceps", "spatula"))
    {'laser probe'}
    """
    has_known_name = [bool(mentions(part, known_names)) for part in parts]
    names = set()
    for i, part in enumerate(parts):
        beside = any(has_known_name[i + 1 :]) or (i > 0 and has_known_name[i - 1])
        part_words = words(part)
        is_later = any(COMES_LATER.match(" ".join(part_words[j:])) for j in range(1, len(part_words)))
        if has_known_name[i] or not beside or is_later or may_negate(clauses(part)):
            continue
        stop = next(
            (j for j, word in enumerate(part_words) if j and (word in ENDS or word.endswith("ing"))),
            len(part_words),
        )
        if stop < len(part_words) and part_words[stop] in (
            "is",
            "was",
            "has",
        ):  # a sentence of its own: "the lens is clear"
            continue
        core = [word for word in part_words[:stop] if word not in FRAME and not word.endswith("ly")]
        if 1 <= len(core) <= 3 and (i > 0 or any(has_known_name[i + 1 :])):
            names.add(" ".join(core))
    return names


def pieces(text: str) -> list[str]:
    """Return the parts between commas, full stops and "and"; between dashes where there are several.

    >>> pieces("spatula, forceps and a scalpel."), pieces("hook - cut - duct"), pieces("Answer - hook")
    (['spatula', ' forceps ', ' a scalpel'], ['hook', 'cut', 'duct'], ['Answer - hook'])
    """
    marks = r"[,;\n.]|\band\b|&|\s\+\s" + (
        r"|\s[-–—]\s" if "\n" not in text and len(DASH.findall(text)) > 1 else ""
    )
    return [piece for piece in re.split(marks, text) if words(piece)]


@lru_cache(maxsize=65536)
def items(answer: str, vocabulary: tuple[str, ...] = ()) -> frozenset[str]:
    """Return the names in a true list; a known name keeps its "and".

    >>> sorted(items("Irrigation and aspiration, forceps", ("irrigation and aspiration",)))
    ['forceps', 'irrigation and aspiration']
    """
    names = {name(entry) for entry in vocabulary if not nothing(entry)}
    if name(answer) in names:
        return frozenset({name(answer)})
    item_names: set[str] = set()
    for piece in re.split(r"[,;\n]", answer):
        whole = name(re.sub(r"^\s*and\b", "", piece))
        parts = [whole] if whole in names else [name(part) for part in re.split(r"\band\b|&", piece)]
        item_names.update(part for part in parts if part)
    return frozenset(item for item in item_names if not nothing(item))


@lru_cache(maxsize=4096)
def nothing(text: str) -> bool:
    """Whether a list says that there is nothing in it.

    >>> nothing("none"), nothing("No instruments"), nothing("no earlier moment")
    (True, True, False)
    """
    return NOTHING.fullmatch(name(text)) is not None


def says_nothing(text: str) -> bool:
    """Whether a sentence says that there is none, of whatever was asked.

    >>> says_nothing("No new instruments have entered."), says_nothing("There is no spatula.")
    (True, False)
    """
    hedge = OR_NOTHING.search(text) or EXCEPTION.search(text)  # "none or one", "none except forceps"
    return hedge is None and SAYS_NOTHING.search(name(text)) is not None


def is_list(answer: str) -> bool:
    """Whether an answer lists names: it has commas, and its parts are short.

    >>> is_list("hook, grasper"), is_list("1,500 ml"), is_list("hook")
    (True, False, False)
    """
    parts = answer.split(",")
    return len(parts) > 1 and all(
        1 <= len(words(part)) <= 3 and not part.strip()[0].isdigit() for part in parts if part.strip()
    )
