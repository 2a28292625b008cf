"""The letter of a choice: "B", "(B)", "Option B", "[B]", "so B."; "A" before a word is an article."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_uppercase

ALONE = re.compile(r"^\W*([A-Za-z])\W*$")
NAMED_LETTER = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter)(?:\s+is)?\s*[:(\[]?\s*\(?([A-Z])\b(?!\s+[a-z])"
)
CHOICE_NUMBER = re.compile(
    r"^\W*(?:option|choice|answer)?\s*(?:number|no\.?|#)?\s*[(\[]?(\d{1,2})[)\].]?\W*$", re.I
)
CHOICE_AND_TEXT = re.compile(
    r"^\W*(?:option|choice)\s*(?:number|no\.?|#)?\s*(\d{1,2})\s*[:)\]–-]+\s*\w", re.I
)  # "Option 2: liver"
NEGATIVE_LETTER = re.compile(
    r"\b(?:not|except|neither|nor|isn't)\s+(?:(?:option|choice|letter|answer)\s+)?[(\[]?[A-Z][)\]]?(?![\w'’])"
)
BRACKETED_LETTER = re.compile(r"[(\[]([A-Z])[)\]]")
LEADING = re.compile(r"^[(\[]?([A-Z])(?:[).:\]]|\s+[-–—]\s|,|\s+because\b)\s*(?=\S)")
SEVERAL = re.compile(  # "B, C", "Options (A) and (C)."
    r"^\W*(?:(?i:(?:the )?(?:options?|choices?|answers?|letters?)(?: (?:is|are))?)\W*)?"
    r"[A-Z](?:(?:\W|\band\b)+[A-Z])+\W*$"
)
LABEL = re.compile(r"((?:^|[,;\n]|\band\b)\s*)[(\[]?([A-Z])[.):\]]+\s+")
ARTICLE = re.compile(r"['’]|\s(?!(?:or|and|because|since|as|is)\b)[a-z]")  # what follows an article, or "I"
STANDING = re.compile(r"(?<![\w'’.])([A-Z])(?![\w'’])")


def letter(text: str) -> str | None:
    """Return the one letter a reply chooses; None where it chooses none, or several.

    >>> letter("(B) right"), letter("Option C"), letter("This is bowel, so B."), letter("A big tool")
    ('B', 'C', 'B', None)
    >>> letter("A or B") is None, letter("I think so") is None
    (True, True)
    """
    text = NEGATIVE_LETTER.sub(" ", text).strip()
    if match := ALONE.match(text):
        return match.group(1).upper()
    if (match := CHOICE_AND_TEXT.match(text)) and 1 <= int(match.group(1)) <= len(ascii_uppercase):
        return ascii_uppercase[int(match.group(1)) - 1]
    standing = _standing(text)
    for pattern in (NAMED_LETTER, BRACKETED_LETTER):
        letters = set(pattern.findall(text))
        if len(letters) == 1 and standing <= letters:
            return letters.pop()
        if letters:
            return None
    if (leading := LEADING.match(text)) and standing <= {leading.group(1)}:
        return leading.group(1)
    return standing.pop() if len(standing) == 1 else None


def several_letters(text: str) -> tuple[str, ...]:
    """Return the letters of a reply that is a list of them and nothing else.

    >>> several_letters("B, C"), several_letters("Options (A) and (C)."), several_letters("A or B"), several_letters("OR")
    (('B', 'C'), ('A', 'C'), (), ())
    """
    return tuple(STANDING.findall(text)) if SEVERAL.match(text) else ()


def choices_of(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the choices whose letters a reply gives: one, or a list of several.

    >>> choices_of("(B)", ("liver", "stomach")), choices_of("A and B", ("liver", "stomach")), choices_of("C", ("liver",))
    (('stomach',), ('liver', 'stomach'), ())
    """
    single = letter(text) or letter_of_number(text, choices)
    own = several_letters(text) or ((single,) if single else ())
    by_letter = dict(zip(ascii_uppercase, choices, strict=False))
    return tuple(by_letter[one] for one in own) if by_letter.keys() >= set(own) else ()


def without_labels(text: str, choices: Sequence[str]) -> str:
    """Return a list without the letters that stand before their own choices.

    >>> without_labels("A. liver; B) stomach", ("liver", "stomach")), without_labels("A. stomach", ("liver", "stomach"))
    ('liver; stomach', 'A. stomach')
    """

    def label(match: re.Match[str]) -> str:
        place = ord(match[2]) - ord("A")
        own = place < len(choices) and text[match.end() :].casefold().startswith(choices[place].casefold())
        return match[1] if own else match[0]

    return LABEL.sub(label, text)


def letters_matter(text: str, choices: Sequence[str]) -> bool:
    """Whether a reply gives a choice by its letter or number, or puts letters before choices.

    >>> letters_matter("B", ("liver", "stomach")), letters_matter("stomach", ("liver", "stomach"))
    (True, False)
    """
    single = letter(text) or letter_of_number(text, choices)
    return bool(single or several_letters(text)) or without_labels(text, choices) != text


def letter_of_number(text: str, choices: Sequence[str]) -> str | None:
    """Return the letter of a choice that is given by its number; None where choices have numbers of their own.

    >>> letter_of_number("Option 2", ("liver", "stomach")), letter_of_number("Option 2", ("1", "2")), letter_of_number("Option 2: liver", ("liver", "stomach"))
    ('B', None, None)
    """
    match = CHOICE_NUMBER.match(text)
    if match is None or any(letter.isdigit() for choice in choices for letter in choice):
        return None
    place = int(match.group(1))
    return chr(ord("A") + place - 1) if 1 <= place <= len(choices) else None


def _standing(text: str) -> set[str]:
    """Letters that stand alone; "A" before a word and "I" are none."""
    letters = set()
    for spot in STANDING.finditer(text):
        word = spot.group(1) in "AI" and ARTICLE.match(text, spot.end())
        if not word:
            letters.add(spot.group(1))
    return letters


def are_letters(answers: Iterable[str]) -> bool:
    """Whether all of a kind's answers are single letters.

    >>> are_letters(["A", "B"]), are_letters(["A", "liver"])
    (True, False)
    """
    own = list(answers)
    return bool(own) and all(len(answer.strip()) == 1 and answer.strip().isalpha() for answer in own)
