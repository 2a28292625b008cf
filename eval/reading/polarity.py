"""Yes or no: what a reply says to a question that can be answered so, and whether it contradicts itself."""

from __future__ import annotations

import re
from functools import lru_cache

from surgvqa.eval.reading.clause_answers import (
    CARRY_ON,
    DENIALS,
    ELLIPTIC,
    EXISTS,
    NO,
    SCENE,
    SMALL,
    YES,
    acts,
    bare,
    clause_answer,
    denies,
    labels,
    opposite,
    predicate,
)
from surgvqa.eval.reading.question_words import in_question_words
from surgvqa.eval.words.negation import leaves
from surgvqa.eval.words.tokens import MARK, clauses, stem, word_set, words

YES_NO = ("yes", "no")
SEVERAL = "names several answers"
CONTRADICTS = "contradicts itself"
NOTHING_SAID = "no leading yes or no"

BRINGS = word_set(  # words that bring the answer, at the start of a clause
    "so therefore thus hence then and or but maybe perhaps probably possibly likely is would be is: actually i absolutely "
    "definitely certainly clearly surely obviously indeed unsure think believe say answer the my final well overall in short not"
)
FINDING = re.compile(r"(?:(?:it|this|that|the \w+) (?:is|was) )?(negative|positive) for ")
SURELY = frozenset(["definitely", "certainly", "absolutely", "indeed", "surely", "clearly"])
SHORT = {"y": "yes", "n": "no"}
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
NO_DOUBT = re.compile(
    r"^\W*(?:there(?:'s| is) )?no doubt(?: about (?:it|that))?\b[\s,:;–-]*(?:that )?(?=\w)", re.I
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
    own = TAG_QUESTION.sub(".", text)
    text = in_question_words(NO_DOUBT.sub("certainly, ", own), question)
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
    if NO_DOUBT.match(own) and asks(question) and not denies(tokens):
        plain_answers.add("yes")
    if ABSENT_NOW.fullmatch(" ".join(tokens).split(f" {MARK}")[0]) and asks(
        question
    ):  # "Not yet, it hangs on"
        plain_answers.add("no")
    if "neither" in tokens and "nor" in tokens and {"yes", "no"} <= {*tokens}:
        return "", CONTRADICTS
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
    if existence and bare(own):
        return {"yes" if DENIALS.isdisjoint(own) else "no"}
    if short := predicate(own, question_words) or opposite(own, question_words):
        return {short}
    answers = acts(tokens, question_words)
    clause: list[str] = []
    for i, token in enumerate((*tokens, MARK, MARK)):
        if token == MARK and existence and labels(tokens, i, clause, topic):  # "spatula: absent"
            continue
        if token != MARK:
            clause.append(token)
            continue
        answer = clause_answer(tuple(clause), topic, existence=existence, in_scene=in_scene)
        if answer:
            answers.add(answer)
        clause = []
    return answers
