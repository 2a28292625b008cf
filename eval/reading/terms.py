"""The answers of a kind that a text states: whole names, the longest first, in any of their spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.reading.negation import aside, is_negated, subordinate
from surgvqa.eval.reading.synonyms import kindred_words, synonyms
from surgvqa.eval.reading.tokens import MARK, american, clauses, stem, words

FILLERS = frozenset(["and", "of", "the"])
LEADING_ARTICLES = frozenset(["a", "an", "the"])
DIRECTIONS = frozenset(["left", "right", "top", "bottom", "upper", "lower", "middle", "up", "down"])
ADVERBS = frozenset(["still"])  # "still moving" is not "still"
LONG, LONGER = 8, 14  # letters of a name in which one or two may be wrong
SHORTEST = 2  # letters of a name's first part: "co axial"
SAME_START = 4  # "abduction" is no spelling of "adduction"
SLIP = 6  # letters of a name in which one may be doubled or swapped, or a vowel dropped: "neddle holder"
LABEL = re.compile(r"[a-z]|[ivx]{1,4}")  # "grade A", "Forrest II": another one is another name
OPEN = 500  # names beyond which a misspelled one is not looked for
ENDING = re.compile(r"(?:at)?(?:ions?|ing|ed|es?)$|s$")  # "fire", "firing"
Y_ENDING = re.compile(r"([a-z])(?:ying|ies?|ied)")  # "tying", "ties"
NUMERALS = {str(value): word for value, word in enumerate(UNITS)}
SIZES = frozenset(["large", "small", "mega", "long", "short", "big", "mini", "standard"])
IRREGULAR = {"held": "hold", "bled": "bleed", "torn": "tear", "sewn": "sew", "drawn": "draw", "driven": "drive", "taken": "take", "seen": "see",
             "shown": "show", "worn": "wear", "hidden": "hide", "lost": "lose", "left": "left"}  # fmt: skip
FOREIGN_END = re.compile(r"(?<=[a-z]{5})i[ea]$")  # "colpotomie"
FOREIGN = str.maketrans("kz", "cc")  # phakoemulsifikation


def foreign(word: str) -> str:
    """Return a word as other languages would write it too.

    >>> foreign("phakoemulsifikation") == foreign("facoemulsification")
    True
    """
    return FOREIGN_END.sub("y", word).replace("ph", "f").translate(FOREIGN)


class Mention(NamedTuple):
    """The place at which a text names an option, and its form."""

    start: int
    end: int
    option: str
    state: str  # "stated", "negated", "aside" or "subordinate"


@dataclass(frozen=True)
class Index:
    """The options by what their words give when they are joined."""

    compounds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exact: dict[tuple[str, ...], str] = field(default_factory=dict)
    prefixes: frozenset[str] = frozenset()  # of what is joined: no other word begins a name
    long: dict[str, dict[str, str]] = field(default_factory=dict)  # by their first letters, spelled alike
    slips: dict[frozenset[str], dict[str, str]] = field(default_factory=dict)  # by their consonants
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the letters and Roman numerals of each
    firsts: frozenset[str] = frozenset()  # letters that long ones and slips begin with
    longest: int = 1


@lru_cache(maxsize=8192)
def index(options: tuple[str, ...]) -> Index:
    """Return the options, their synonyms and the forms without "and", ready to be looked up."""
    exact: dict[tuple[str, ...], str] = {}
    for option in options:
        exact.setdefault(words(option), option)
    exact.pop((), None)
    for form, option in list(exact.items()):  # "the hook" is also "hook"
        if form[0] in LEADING_ARTICLES and len(form) > 1:
            exact.setdefault(form[1:], option)
    compounds: dict[str, list[str]] = {}
    forms = list(exact.items())
    for form, option in exact.items():
        if (
            form[0] in SIZES
            and len(form) > 2
            and sum(other[1 - len(form) :] == form[1:] for other in exact) == 1
        ):
            forms.append((form[1:], option))  # "needle driver", where the only one is the large one
    for form, option in exact.items():
        if len(form) > 1 and any(word in NUMERALS for word in form):  # "three o'clock"
            forms.append((tuple(NUMERALS.get(word, word) for word in form), option))
    for spelling, option in synonyms(options).items():
        forms.append((tuple(spelling.split()), option))
    singles = {form[0] for form in exact if len(form) == 1}
    longest = 1
    prefixes: set[str] = set()
    labels: dict[str, tuple[str, ...]] = {}
    for form, option in forms:
        longest = max(longest, len(form) + 2)
        core = tuple(word for word in form if word not in FILLERS)
        is_pair = len(core) == 2 and form in exact and core[::-1] not in exact
        has_order = core[:1] == () or core[0] in DIRECTIONS or core[-1].isdigit()
        reversals = [core[::-1]] if is_pair and not has_order else []
        shorter = [*reversals, core] if len(core) > 1 and not singles.issuperset(core) else reversals
        for own in (form, *shorter):
            together = "".join(map(stem, own))
            if option not in compounds.setdefault(together, []):
                compounds[together].append(option)
            prefixes.update(together[:size] for size in range(1, len(together) + 1))
            labels[foreign(together)] = _labels(own)
    long: dict[str, dict[str, str]] = {}
    slips: dict[frozenset[str], dict[str, str]] = {}
    for key, alternatives in compounds.items():
        alike = foreign(key)
        if len(key) >= LONG:
            long.setdefault(alike[:SAME_START], {})[alike] = alternatives[0]
        if len(key) >= SLIP and key.isalpha():
            slips.setdefault(_consonants(alike), {})[alike] = alternatives[0]
    return Index(
        {key: tuple(own) for key, own in compounds.items()},
        exact,
        frozenset(prefixes),
        long,
        slips,
        labels,
        frozenset(alike[:1] for own in (*long.values(), *slips.values()) for alike in own),
        longest,
    )


@lru_cache(maxsize=32768)
def mentions(text: str, options: tuple[str, ...]) -> tuple[Mention, ...]:
    """Every place where a text names one of the options; a longer name wins over the shorter one in it.

    >>> [(mention.option, mention.state) for mention in mentions("the top left, not the center", ("left", "top-left", "center"))]
    [('top-left', 'stated'), ('center', 'negated')]
    """
    option_index, tokens = index(options), clauses(text)
    stems = tuple(map(stem, tokens))
    spans: list[tuple[int, int, str]] = []
    prefixes = option_index.prefixes
    for start, word in enumerate(stems):
        if word in prefixes:
            spans += _longest_at(tokens, stems, start, option_index)
    taken_tokens: set[int] = set()
    occurrences: list[Mention] = []
    for start, end, option in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if taken_tokens.isdisjoint(range(start, end)):
            taken_tokens.update(range(start, end))
            occurrences.append(Mention(start, end, option, _state(tokens, start, end)))
    if not occurrences and len(options) <= OPEN:
        others = list(_find_misspelled(tokens, option_index)) or list(_find_derived(tokens, option_index))
        occurrences = [Mention(*span, _state(tokens, *span[:2])) for span in others]
    elif len(options) <= OPEN and all(mention.state != "stated" for mention in occurrences):
        named_options = {mention.option for mention in occurrences}  # "a has finished, and now it is b-ed"
        occurrences += [
            Mention(*span, _state(tokens, *span[:2]))
            for span in _find_derived(tokens, option_index, named_options)
        ]
    return tuple(_without_origins(sorted(occurrences), tokens))


def _without_origins(occurrences: list[Mention], tokens: tuple[str, ...]) -> Iterator[Mention]:
    """Of "left to right" the left is where it comes from."""
    for i, mention in enumerate(occurrences):
        follows = occurrences[i + 1] if i + 1 < len(occurrences) else mention
        towards = tokens[mention.end : follows.end - 1] if follows is not mention else ()
        origin = follows.option != mention.option and towards in (("to",), ("to", "the"))
        yield mention._replace(state="aside") if origin else mention


def _longest_at(
    tokens: tuple[str, ...], stems: tuple[str, ...], start: int, option_index: Index
) -> Iterator[tuple[int, int, str]]:
    """Yield the longest name that begins at a word, its parts written apart, together or with "and" between."""
    best: tuple[int, int, str] | None = None
    together = ""
    bare = ""
    for end in range(start + 1, min(len(tokens), start + option_index.longest) + 1):
        if tokens[end - 1] == MARK:
            break
        together += stems[end - 1]
        bare += "" if tokens[end - 1] in FILLERS and end - 1 > start else stems[end - 1]
        if together not in option_index.prefixes and bare not in option_index.prefixes:
            break
        if tokens[end - 1] in FILLERS and together not in option_index.compounds:
            continue
        for key in dict.fromkeys((together, bare)):
            if own := option_index.compounds.get(key):
                exact = option_index.exact.get(tokens[start:end])
                if not (tokens[start] in ADVERBS and end == start + 1 and _adverb(tokens, end)):
                    best = (start, end, exact if exact in own else own[0])
                break
    if best:
        yield best


def _adverb(tokens: tuple[str, ...], end: int) -> bool:
    return end < len(tokens) and (
        tokens[end].endswith("ing") or tokens[end] in {"in", "visible", "present", "at", "being"}
    )


def _state(tokens: tuple[str, ...], start: int, end: int) -> str:
    if is_negated(tokens, start, end):
        return "negated"
    if aside(tokens, start, end):
        return "aside"
    return "subordinate" if subordinate(tokens, start) else "stated"


def _find_misspelled(tokens: tuple[str, ...], option_index: Index) -> Iterator[tuple[int, int, str]]:
    """Long names with a letter or two wrong, or spelled as in another language; only where one is nearest."""
    if not option_index.firsts:
        return
    for start, token in enumerate(tokens):
        if len(token) < SHORTEST or foreign(token)[:1] not in option_index.firsts:
            continue
        together = ""
        for end in range(start + 1, min(len(tokens), start + 3) + 1):
            if tokens[end - 1] == MARK or not tokens[end - 1].isalpha():
                break
            together += stem(tokens[end - 1])
            spelling = foreign(together)
            names = option_index.long.get(spelling[:SAME_START], {}) if len(spelling) >= LONG - 1 else {}
            near = {
                option
                for key, option in names.items()
                if abs(len(key) - len(spelling)) <= 2
                and distance(spelling, key) <= (2 if len(key) >= LONGER else 1)
                and option_index.labels[key] == _labels(tokens[start:end])
            } or {
                option
                for key, option in option_index.slips.get(_consonants(spelling), {}).items()
                if _is_slip(spelling, key) and option_index.labels[key] == _labels(tokens[start:end])
            }
            if len(near) == 1:
                yield start, end, near.pop()
                break


def _labels(own: tuple[str, ...]) -> tuple[str, ...]:
    """Return the single letters and Roman numerals in a name, but for an article at its start."""
    return tuple(word for i, word in enumerate(own) if LABEL.fullmatch(word) and (i or word != "a"))


def _consonants(word: str) -> frozenset[str]:
    return frozenset(word).difference("aeiouy")


def _is_slip(spelling: str, key: str) -> bool:
    """Whether a name of the same consonants has one letter doubled, dropped or swapped with its neighbour.

    >>> _is_slip("clapser", "clasper"), _is_slip("neddle", "needle"), _is_slip("perineal", "peroneal")
    (True, True, False)
    """
    if spelling[0] != key[0]:
        return False
    off, same_letters = distance(spelling, key), sorted(spelling) == sorted(key)
    wrong = [i for i in range(min(len(spelling), len(key))) if spelling[i] != key[i]]
    is_swap = same_letters and len(wrong) == 2 and wrong[1] - wrong[0] == 1
    return is_swap or (off == 1 and (len(spelling) != len(key) or set(spelling) == set(key)))


def _find_derived(
    tokens: tuple[str, ...], option_index: Index, named_options: Set[str] = frozenset()
) -> Iterator[tuple[int, int, str]]:
    """Yield the one name whose words all stand in a clause in another form: "the lens is implanted"."""
    clause_roots: list[dict[str, int]] = [{}]
    for place, token in enumerate(tokens):
        if token == MARK:
            clause_roots.append({})
        else:
            clause_roots[-1].setdefault(_kin(token), place)
    short: list[dict[str, int]] = [{}]  # as ``said``, with the roots of short words: "ties the knot"
    for place, token in enumerate(tokens):
        if token == MARK:
            short.append({})
        else:
            short[-1].setdefault(_kin(token, 3), place)
    whole = {}
    stems = [_kin(token, 3) for token in tokens]
    for form, option in option_index.exact.items():
        least, own = (5, clause_roots) if len(form) == 1 and len(root(form[0], 3)) > 4 else (3, short)
        roots = [_kin(word, least) for word in form if word not in FILLERS]
        if not roots or option in named_options or (len(form) == 1 and form[0] in tokens):
            continue
        if all(_kin(word, least) == word for word in form):
            if len(roots) > 1 and (first := _adjacent(stems, roots)) is not None:  # "leak testing"
                whole[option] = [first, first + len(roots) - 1]
            continue
        for clause in own:
            if all(one in clause for one in roots):
                whole[option] = [clause[one] for one in roots]
    if len(whole) == 1:
        option, places = whole.popitem()
        yield min(places), max(places) + 1, option


def _adjacent(stems: list[str], roots: list[str]) -> int | None:
    """Return where words stand beside each other, in order."""
    size = len(roots)
    return next((i for i in range(len(stems) - size + 1) if stems[i : i + size] == roots), None)


@lru_cache(maxsize=65536)
def root(word: str, least: int = 5) -> str:
    """Return what a noun of an action and its verb share; short words stay as they are.

    >>> root("implantation") == root("implanted") == root("implanting"), root("dissection") == root("dissecting"), root("lens")
    (True, True, 'lens')
    >>> root("tying", 3) == root("ties", 3) == root("tied", 3), root("cutting", 3) == root("cuts", 3)
    (True, True)
    """
    if least < 5 and (match := Y_ENDING.fullmatch(word)):
        return f"{match.group(1)}ie"
    word = american(IRREGULAR.get(word, word).removesuffix("'s"))
    base = ENDING.sub("", word)
    if base == word and len(word) > 7:  # "sphenoidal"
        base = word.removesuffix("al")
    if least < 5 and len(base) > 3 and base[-1] == base[-2]:  # "cutting"
        base = base[:-1]
    return base if len(base) >= least and word != "lens" else word


@lru_cache(maxsize=65536)
def _kin(word: str, least: int = 5) -> str:
    """Return the root of a word, or that of the word it means the same as: "removal" is "excision".

    >>> _kin("removal") == _kin("excised"), _kin("lens")
    (True, 'lens')
    """
    return _kindred_roots().get(root(word, 3)) or root(word, least)


@cache
def _kindred_roots() -> dict[str, str]:
    words_by_noun = kindred_words()
    return {root(word, 3): f"{noun}~" for noun, own in words_by_noun.items() for word in (noun, *own)}


@lru_cache(maxsize=65536)
def distance(a: str, b: str) -> int:
    """Return the number of letters to change, add or drop (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != other))
    return row[-1]
