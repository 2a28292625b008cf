"""What one clause says to a question that asks yes or no: it affirms or denies the very thing that was asked."""

from __future__ import annotations

import itertools
import re

from surgvqa.eval.words.negation import AFFIRMING, leaves
from surgvqa.eval.words.roots import root
from surgvqa.eval.words.thesaurus import opposites
from surgvqa.eval.words.tokens import MARK, stem, word_set

YES = word_set(
    "yes yeah yep yup yess yea aye ye jawohl true correct affirmative si oui ja sim tak 是 是的 はい 예 네 да نعم はい ある あります"
)
NO = word_set(
    "no nope nah false negative nein non nee nie nao 否 不 不是 没有 いいえ ない なし 아니요 아니오 없음 нет لا"
)
# "No" speaks for itself before these; before a thing it only denies the thing ("no normal view").
CARRY_ON = word_set(
    "the it there this that these those they i we you a an its because since as but not and or nothing none"
)
EXISTS = word_set(
    "visible present seen see view there shown appear appears visualized visualised observed detected "
    "detectable apparent evident identified found absent missing sight"
)
LABEL_VALUES = EXISTS | {"none", "nil"}  # "bleeding: none"
AHEAD = re.compile(r"\b(?:about|ready|preparing|prepares|going) to\b")
UNTRUE = re.compile(r"\b(?:not|isn't|wasn't|never) (?:true|right|correct|(?:really )?the case|so) that\b")
UNLESS = re.compile(  # "not absent", "cannot see none"
    r"(?:\bnot|n't|\bnever|\bcannot)(?: \w+)? (?:absent|missing|without|free|lacking|invisible|hidden|obscured|concealed)\b"
)
NO_ONE = re.compile(r"(?:n't|\bnot|\bnever|\bcannot) (?:\w+ ){0,2}(?:one|any)$")  # "I don't see one"
PRONOUN_VERB = re.compile(
    r"(?:it|they)(?: (?:is|are|does|do|has|have))?(?P<denial>n't| not| never)? (?P<verb>\w{4,})(?: (?:\w+ly|once|twice|again|now|there|here|too|a (?:little|bit|lot)))?"
)
ELLIPTIC = re.compile(
    r"(?:it|they|there|this|that|he|she|you) (?:is|are|was|were|does|do|did|has|have|can|could)((?:n't| not)?)"
)  # "It isn't."
SMALL = word_set(
    "is are was were be been being the a an any some this that these those in on at of to from by "
    "with for and or do does did has have had can could will would should it its they there here clip "
    "image frame frames video picture currently now visible present seen view shown yes no not you "
    "your we i as into"
)  # words of a question that don't tell what it is about
SHOWS = word_set("show shows contain contains depict depicts display displays include includes")
SCENE = word_set("clip image frame frames video picture view")
EMPHASIS = word_set("yet fully completely been whatsoever all sign signs evidence trace")
NEUTRAL = word_set(
    "field everything all completely totally entirely quite perfectly still surgical operative site whole looks appears"
)
DENIALS = word_set(
    "nothing no not never nowhere cannot without neither nor none absent missing fails lacks free"
)


def opposite(own: tuple[str, ...], question_words: tuple[str, ...]) -> str:
    """Read a reply that says the opposite of what a question asks: "The field is dry." of bleeding.

    >>> opposite(("the", "field", "is", "dry"), ("can", "active", "bleeding", "be", "seen"))
    'no'
    """
    topic = {stem(word) for word in question_words}
    values = {value for key, own_values in opposites().items() if stem(key) in topic for value in own_values}
    opposite_words = values.intersection(own)
    keys = {key for key, own_values in opposites().items() if values.intersection(own_values)}
    if (
        not opposite_words or topic.intersection(map(stem, values)) or keys.intersection(own)
    ):  # both are named
        return ""
    rest = {word for word in own if word not in opposite_words and not word.endswith("n't")}
    if {stem(word) for word in rest} - topic - {stem(word) for word in SMALL | NEUTRAL | {"not"}}:
        return ""
    return "yes" if "not" in own or any(word.endswith("n't") for word in own) else "no"


def acts(tokens: tuple[str, ...], question_words: tuple[str, ...]) -> set[str]:
    """Read the clauses that say of "it" what the question asks, as in "It bleeds".

    >>> acts(("it", "bleeds", "|", "a", "little"), ("is", "the", "artery", "bleeding"))
    {'yes'}
    """
    acts = {root(word, 3) for word in question_words if root(word, 3) != word}
    clauses_apart = (clause.strip() for clause in " ".join(tokens).split(MARK))
    verbs = [
        verb for verb in map(PRONOUN_VERB.fullmatch, clauses_apart) if verb and root(verb["verb"], 3) in acts
    ]
    return set() if "or" in tokens else {"no" if verb["denial"] else "yes" for verb in verbs}


def predicate(own: tuple[str, ...], question_words: tuple[str, ...]) -> str:
    """Read a reply that only affirms or denies what the question asks of its thing: "Not achieved.", "CVS achieved".

    >>> predicate(("cvs", "not", "yet", "achieved"), tuple("is the critical view of safety achieved".split()))
    'no'
    """
    if stem(question_words[-1]) not in map(stem, own) or question_words[-1] in SMALL or len(own) > 8:
        return ""
    letters = "".join(word[0] for word in question_words if len(word) > 2)
    known_stems = {stem(word) for word in question_words} | SMALL | DENIALS | EMPHASIS
    rest = {word for word in own if stem(word) not in known_stems and not word.endswith("n't")}
    has_no = own[:1] == ("no",)  # "No bleeding whatsoever"
    if any(len(word) < 2 or word not in letters for word in rest) or {"yes", "no", "or"} & {*own[has_no:]}:
        return ""
    return "no" if denies(own) else "yes"


def clause_answer(
    clause: tuple[str, ...], topic: set[str], *, existence: bool, in_scene: bool = False
) -> str:
    """Read what one clause says of the topic; "" where it speaks of something else, or only says yes or no."""
    if short := ELLIPTIC.fullmatch(" ".join(word for word in clause if word not in YES and word not in NO)):
        return "no" if short.group(1) else "yes"
    own = [word for word in clause if word not in YES and word not in NO]
    about = topic & set(map(stem, own))
    exists = (
        not EXISTS.isdisjoint(own)
        or own[-1:] == ["none"]
        or not (SHOWS.isdisjoint(own) or SCENE.isdisjoint(own))
    )
    has_pronoun = not {"it", "they", "them"}.isdisjoint(own) or NO_ONE.search(" ".join(own)) is not None
    whole = bool(topic) and len(about) >= (len(topic) if len(topic) <= 4 else 0.8 * len(topic))
    if existence:
        things = [word for word in own if word not in SMALL and word not in DENIALS]
        begin = clause[1:2] if clause[:1] in (("but",), ("and",), ("with",)) else clause[:1]
        is_denied = (
            whole and len(things) == len(about) and begin in (("no",), ("not",), ("without",))
        )  # "No spatula", "but not a spatula"
        found_none = exists and own[-1] in ("none", "nothing") and len(own) > 1
        speaks = (
            is_denied or found_none or (exists and (bool(about) or has_pronoun)) or (whole and "there" in own)
        )
    else:
        roots = {root(word, 3) for word in own}
        whole = whole or (len(topic) > 1 and all(root(word, 3) in roots for word in topic))
        speaks = whole and len(own) > len(topic)
    if (existence or in_scene) and about and leaves(tuple(own[1:])):
        return "no"
    if not speaks:
        return ""
    inner = (
        clause[1:]
        if clause
        and (clause[0] in YES or (clause[0] == "no" and clause[1:2] != () and clause[1] in CARRY_ON))
        else clause
    )
    sentence = " ".join(inner)
    if not existence and AHEAD.search(sentence):  # "about to fire" is not firing
        return "no"
    untrue = UNTRUE.search(sentence)
    if untrue is not None:  # "it isn't true that there is no spatula"
        inner = tuple(sentence[untrue.end() :].split())
    elif UNLESS.search(sentence):
        return "yes"
    is_denied = any(
        (word in DENIALS or word.endswith("n't")) and pair not in AFFIRMING  # "not only is it visible"
        for word, pair in zip(inner, itertools.zip_longest(inner, inner[1:]), strict=True)
    )
    return "no" if is_denied != (untrue is not None) else "yes"


def labels(tokens: tuple[str, ...], mark: int, clause: list[str], topic: set[str]) -> bool:
    """Whether a mark stands between the thing that was asked about and one word that says whether it is there."""
    behind = tokens[mark + 1 : mark + 3]
    return (
        bool(clause and topic)
        and {stem(word) for word in clause if word not in SMALL} == topic
        and behind[:1] != ()
        and behind[0] in LABEL_VALUES
        and behind[1:] in ((), (MARK,))
    )


def bare(own: tuple[str, ...]) -> bool:
    """Whether a whole reply says only that something is there, or that it isn't: "Not visible.", "not in this clip"."""
    if not own or not (SMALL | EXISTS | {"clearly", "fully"}).issuperset(own):
        return False
    if not YES.isdisjoint(own) or "no" in own or own[0] == "or":
        return False
    return not EXISTS.isdisjoint(own[:3]) or (own[:2] == ("not", "in") and not SCENE.isdisjoint(own))


def denies(tokens: tuple[str, ...]) -> bool:
    """Whether any word of a reply denies something.

    >>> denies(("it", "isn't", "there")), denies(("it", "is"))
    (True, False)
    """
    return any(word in DENIALS or word.endswith("n't") for word in tokens)
