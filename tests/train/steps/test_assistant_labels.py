"""Which tokens are taught, with a tokenizer of words: every turn of the assistant with its end, and nothing else."""

from __future__ import annotations

import random

import pytest
import torch
from surgvqa.cards.command import InputError
from surgvqa.train.steps.labels import IGNORE, assistant_labels

WORDS = ["<s>", "bot", ":", "<e>", "user", "red", "green", "hook"]


class Tokenizer:
    """A word is a token; "[bot]" is none of ours, so that special tokens would be noticed."""

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [99] * add_special_tokens + [WORDS.index(word) for word in text.split()]}

    def convert_tokens_to_ids(self, token: str) -> int:
        return WORDS.index(token)

    def decode(self, ids: list[int]) -> str:
        return " ".join(WORDS[one] for one in ids)


def taught(text: str) -> str:
    """The taught words of a conversation; a dot is a token that isn't taught."""
    ids = Tokenizer()(text, add_special_tokens=False)["input_ids"]
    labels = assistant_labels(ids, Tokenizer(), "<s> bot :", "<e>")  # type: ignore[arg-type]
    return " ".join("." if one == IGNORE else WORDS[one] for one in labels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<s> bot : red <e>", ". . . red <e>"),
        ("<s> bot : <e>", ". . . <e>"),
        ("<s> user : hook <e> <s> bot : red green <e>", ". . . . . . . . red green <e>"),
        ("<s> bot : red <e> <s> bot : green <e> user", ". . . red <e> . . . green <e> ."),
        ("<s> bot : red <e> <s> bot", ". . . red <e> . ."),
        ("<s> <s> bot : red <e> green", ". . . . red <e> ."),
        ("<s> bot : <s> bot : red <e>", ". . . <s> bot : red <e>"),
    ],
)
def test_answers_and_their_ends_are_taught(text: str, expected: str) -> None:
    assert taught(text) == expected


def test_what_isnt_taught_is_what_cross_entropy_leaves_out() -> None:
    assert torch.nn.CrossEntropyLoss().ignore_index == IGNORE


def test_any_conversation_is_taught_as_a_search_of_its_text_says() -> None:
    draw = random.Random(0)
    for _ in range(300):
        turns = [
            (draw.choice(["bot", "user"]), [draw.choice(WORDS[4:]) for _ in range(draw.randint(0, 4))])
            for _ in range(draw.randint(1, 6))
        ]
        if not any(role == "bot" for role, _ in turns):
            continue
        text = " ".join(f"<s> {role} : {' '.join(words)} <e>" for role, words in turns)
        expected = " ".join(
            f". . . {' '.join(words if role == 'bot' else '.' * len(words))} {'<e>' if role == 'bot' else '.'}"
            for role, words in turns
        )
        assert taught(text).split() == expected.split()


def test_an_answer_without_end_and_a_text_without_answer_are_refused() -> None:
    for text in ("<s> bot : red", "<s> bot :", "<s> bot : red <e> <s> bot : green"):
        with pytest.raises(InputError, match="an answer has no <e>"):
            taught(text)
    with pytest.raises(InputError, match="nothing to learn: no '<s> bot :' in …'user red <e>'"):
        taught("user red <e>")
    long = " ".join(["red"] * 30 + ["green"] * 40)
    with pytest.raises(InputError) as caught:
        taught(long)
    assert str(caught.value).count("green") == 40 and "red" not in str(caught.value), (
        "its last 40 tokens are shown"
    )
    with pytest.raises(InputError, match="nothing to learn"):
        taught("")
