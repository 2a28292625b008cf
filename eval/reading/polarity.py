"""Yes or no: what a reply says to a question that can be answered so, and whether it contradicts itself."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

from surgvqa.eval.reading.question_words import in_question_words
from surgvqa.eval.words.negation import AFFIRMING, leaves
from surgvqa.eval.words.roots import root
from surgvqa.eval.words.thesaurus import opposites
from surgvqa.eval.words.tokens import MARK, clauses, stem, word_set, words

YES_NO = ("yes", "no")
SEVERAL = "names several answers"
CONTRADICTS = "contradicts itself"
NOTHING_SAID = "no leading yes or no"

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
BRINGS = word_set(  # words that bring the answer, at the start of a clause
    "so therefore thus hence then and or but maybe perhaps probably possibly likely is would be is: actually i absolutely "
    "definitely certainly clearly surely obviously indeed unsure think believe say answer the my final well overall in short not"
)
EXISTS = word_set(
    "visible present seen see view there shown appear appears visualized visualised observed detected "
    "detectable apparent evident identified found absent missing"
)
LABEL_VALUES = EXISTS | {"none", "nil"}  # "bleeding: none"
AHEAD = re.compile(r"\b(?:about|ready|preparing|prepares|going) to\b")
UNTRUE = re.compile(r"\b(?:not|isn't|wasn't|never) (?:true|right|correct|(?:really )?the case|so) that\b")
UNLESS = re.compile(  # "not absent", "cannot see none"
    r"(?:\bnot|n't|\bnever|\bcannot)(?: \w+)? (?:absent|missing|without|free|lacking|invisible)\b"
)
FINDING = re.compile(r"(?:(?:it|this|that|the \w+) (?:is|was) )?(negative|positive) for ")
NO_ONE = re.compile(r"(?:n't|\bnot|\bnever|\bcannot) (?:\w+ ){0,2}(?:one|any)$")  # "I don't see one"
SURELY = frozenset(["definitely", "certainly", "absolutely", "indeed", "surely", "clearly"])
SHORT = {"y": "yes", "n": "no"}
PRONOUN_VERB = re.compile(
    r"(?:it|they)(?: (?:is|are|does|do|has|have))?(?P<denial>n't| not| never)? (?P<verb>\w{4,})(?: (?:\w+ly|once|twice|again|now|there|here|too|a (?:little|bit|lot)))?"
)
ELLIPTIC = re.compile(
    r"(?:it|they|there|this|that|he|she|you) (?:is|are|was|were|does|do|did|has|have|can|could)((?:n't| not)?)"
)  # "It isn't."
BELIEF = re.compile(  # "I don't think so.", "Not that I can see."
    r"(?:i (?:(?:really )?((?:don't|do not|doubt)) ?)?(?:think|believe|guess|suppose|see)? ?(?:so|it)|(not) (?:that|as far as) i can (?:see|tell|make out))"
)
OPINION = re.compile(  # "I believe it is.", "I don't think it does."
    r"i (?:really )?(don't |do not |doubt )?(?:(?:think|believe|guess|suppose|would say) )?(?:that )?(.+)"
)
CONFIRMATION = re.compile(  # "That's correct."
    r"(?:(?:that's|that is|it's|it is|this is|(?:the|your) (?:statement|assumption) is) ?)?(not |n't )?(correct|right|true|so|the case|wrong|incorrect|false|untrue)"
)
TAG_QUESTION = re.compile(  # "It bleeds, doesn't it?"
    r",\s*(?:is|are|was|does|do|did|has|have|can|will|would)(?:n't| not)?\s+(?:it|they|there|this|that|he|she)\s*\?\s*$",
    re.I,
)
SURE = re.compile(
    r"(?:without|beyond) (?:a |any )?(?:doubt|question)|no doubt|exactly|precisely|naturally|undoubtedly"
)
FULLY = re.compile(r"\b(?:fully|completely|entirely|totally|whole|complete)\b")
PARTLY = re.compile(
    r"\b(?:only|just|merely) (?:\w+ )?(?:half|part(?:ly|ially)?|incompletely)\b|^\W*(?:half|partly|partially)\b"
)
WRONG = frozenset(["wrong", "incorrect", "false", "untrue"])
ABSENT_NOW = re.compile(
    r"not (?:fully|completely|entirely|quite|yet|any ?more|now|here|really|at all|so far|at (?:this|the) (?:moment|time|point))|no longer"
)
ANYWHERE = frozenset(["yes", "yeah", "yep"])  # these are nothing but answers
POLAR = re.compile(
    r"(?:^|[.?!,]\s+)(?:is|are|was|were|does|do|did|can|could|has|have|had|will|would|should|may|isn't|aren't|doesn't)\b"
)
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


def asks(question: str) -> bool:
    """Whether a question can be answered by yes or no.

    >>> asks("Is a spatula visible?"), asks("Which side is it on?")
    (True, False)
    """
    return POLAR.search(question.casefold().strip()) is not None


@lru_cache(maxsize=16384)
def polarity(text: str, question: str = "") -> tuple[str, str]:
    """Return the answer, "yes", "no" or "", and why there is none.

    >>> polarity("Based on that, no."), polarity("yes and no"), polarity("There is no blood")
    (('no', ''), ('', 'names several answers'), ('', 'no leading yes or no'))
    >>> polarity("The spatula is not visible.", "Is a spatula visible?")
    ('no', '')
    >>> polarity("Yes, the spatula is not visible.", "Is a spatula visible?")
    ('', 'contradicts itself')
    """
    text = in_question_words(TAG_QUESTION.sub(".", text), question)
    tokens = tuple("there" if token == "there's" else token for token in clauses(text))
    if all(word in SURELY or word in ("not", "of", "course", MARK) for word in tokens):  # "Definitely not."
        return "no" if "not" in tokens else "yes", ""
    reply_words = tuple(word for word in words(text) if word not in SURELY) or words(text)
    if (confirmation := CONFIRMATION.fullmatch(" ".join(reply_words))) and asks(question):
        return "no" if confirmation.group(1) or confirmation.group(2) in WRONG else "yes", ""
    if SURE.fullmatch(" ".join(reply_words)) and asks(question):
        return "yes", ""
    if FULLY.search(question.casefold()) and PARTLY.search(text.casefold()) and YES.isdisjoint(tokens):
        return "no", ""
    if ABSENT_NOW.fullmatch(" ".join(reply_words)) and asks(question):
        return "no", ""
    if reply_words == ("never",) or (reply_words in (("nothing",), ("nil",)) and asks(question)):
        return "no", ""
    if (finding := FINDING.match(" ".join(reply_words))) and {*reply_words[-1:]} & {*words(question)}:
        return "no" if finding.group(1) == "negative" else "yes", ""
    if belief := BELIEF.fullmatch(" ".join(words(text))):
        return "no" if any(belief.groups()) else "yes", ""
    if bare := ELLIPTIC.fullmatch(" ".join(reply_words)):
        return "no" if bare.group(1) else "yes", ""
    if (opinion := OPINION.fullmatch(" ".join(reply_words))) and (
        bare := ELLIPTIC.fullmatch(opinion.group(2))
    ):
        return "no" if bool(opinion.group(1)) != bool(bare.group(1)) else "yes", ""
    if (short := SHORT.get(tokens[0] if tokens else "")) and len(words(text)) == 1:
        return short, ""
    plain_answers = _plain_answers(tokens)
    if len(plain_answers) > 1:
        return "", SEVERAL
    sentence_answers = _sentences(tokens, question)
    if len(plain_answers) == 1:
        answer = next(iter(plain_answers))
        return (answer, "") if not sentence_answers or answer in sentence_answers else ("", CONTRADICTS)
    if len(sentence_answers) == 1:
        return next(iter(sentence_answers)), ""
    return "", SEVERAL if sentence_answers else NOTHING_SAID


def _plain_answers(tokens: tuple[str, ...]) -> set[str]:
    """Return the yes and no that stand for themselves, at the start or end of a clause."""
    answers: set[str] = set()
    begin = 0
    for i, token in enumerate(tokens):
        if token == MARK:
            begin = i + 1
            continue
        if token not in YES and token not in NO:
            continue
        following = tokens[i + 1] if i + 1 < len(tokens) else MARK
        is_abbreviation = (
            token == "no" and following == MARK and tokens[i + 2 : i + 3] != () and tokens[i + 2].isdigit()
        )
        is_rejected = following in ("is", "would") and not WRONG.isdisjoint(tokens[i + 2 : i + 4])
        if following == "if" or is_abbreviation or is_rejected:  # "yes if it were longer", "no. 1"
            continue
        ends = following == MARK or following in YES or following in NO
        leads = all(
            word in BRINGS or word.isdigit() or word == "%" or word in YES or word in NO
            for word in tokens[begin:i]
        )
        if token in ("true", "correct", "false", "negative") and not (leads and ends):
            continue  # "a false lumen", "the correct side"
        carries = following in CARRY_ON or token in YES or following in ("is", "was", "would")
        before = tokens[i - 1] if i > begin else ""
        if (
            token in ANYWHERE
            or (leads and (ends or carries))
            or (before in BRINGS | {"that"} and (ends or following == "is"))
        ):
            answer = "yes" if token in YES else "no"
            other = tokens[i - 1] == "not" if i > begin else False
            answers.add(answer if not other else "no" if answer == "yes" else "yes")
    return answers


def _sentences(tokens: tuple[str, ...], question: str) -> set[str]:
    """Read the sentences that speak of the very thing that was asked: affirmed, "yes"; denied, "no"."""
    question_words = words(question)
    if not question_words or not asks(question) or not DENIALS.isdisjoint(question_words):
        return set()
    topic = {stem(word) for word in question_words if word not in SMALL}
    existence = (
        not EXISTS.isdisjoint(question_words) or "contain" in question_words or "show" in question_words
    )
    in_scene = not SCENE.isdisjoint(question_words) and not leaves(question_words)
    own = tuple(word for word in tokens if word != MARK)
    if existence and _bare(own):
        return {"yes" if DENIALS.isdisjoint(own) else "no"}
    if short := _predicate(own, question_words) or _opposite(own, question_words):
        return {short}
    answers = _acts(tokens, question_words)
    clause: list[str] = []
    for i, token in enumerate((*tokens, MARK, MARK)):
        if token == MARK and existence and _labels(tokens, i, clause, topic):  # "spatula: absent"
            continue
        if token != MARK:
            clause.append(token)
            continue
        answer = _clause_answer(tuple(clause), topic, existence=existence, in_scene=in_scene)
        if answer:
            answers.add(answer)
        clause = []
    return answers


def _opposite(own: tuple[str, ...], question_words: tuple[str, ...]) -> str:
    """Read a reply that says the opposite of what a question asks: "The field is dry." of bleeding.

    >>> _opposite(("the", "field", "is", "dry"), words("Can active bleeding be seen?"))
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


def _acts(tokens: tuple[str, ...], question_words: tuple[str, ...]) -> set[str]:
    """Read the clauses that say of "it" what the question asks, as in "It bleeds".

    >>> _acts(("it", "bleeds", "|", "a", "little"), words("Is the artery bleeding?"))
    {'yes'}
    """
    acts = {root(word, 3) for word in question_words if root(word, 3) != word}
    clauses_apart = (clause.strip() for clause in " ".join(tokens).split(MARK))
    verbs = [
        verb for verb in map(PRONOUN_VERB.fullmatch, clauses_apart) if verb and root(verb["verb"], 3) in acts
    ]
    return set() if "or" in tokens else {"no" if verb["denial"] else "yes" for verb in verbs}


def _predicate(own: tuple[str, ...], question_words: tuple[str, ...]) -> str:
    """Read a reply that only affirms or denies what the question asks of its thing: "Not achieved.", "CVS achieved".

    >>> _predicate(("cvs", "not", "yet", "achieved"), words("Is the critical view of safety achieved?"))
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
    return "no" if any(word in DENIALS or word.endswith("n't") for word in own) else "yes"


def _clause_answer(
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


def _labels(tokens: tuple[str, ...], mark: int, clause: list[str], topic: set[str]) -> bool:
    """Whether a mark stands between the thing that was asked about and one word that says whether it is there."""
    behind = tokens[mark + 1 : mark + 3]
    return (
        bool(clause and topic)
        and {stem(word) for word in clause if word not in SMALL} == topic
        and behind[:1] != ()
        and behind[0] in LABEL_VALUES
        and behind[1:] in ((), (MARK,))
    )


def _bare(own: tuple[str, ...]) -> bool:
    """Whether a whole reply says only that something is there, or that it isn't: "Not visible.", "not in this clip"."""
    if not own or not (SMALL | EXISTS | {"clearly", "fully"}).issuperset(own):
        return False
    if not YES.isdisjoint(own) or "no" in own or own[0] == "or":
        return False
    return not EXISTS.isdisjoint(own[:3]) or (own[:2] == ("not", "in") and not SCENE.isdisjoint(own))
