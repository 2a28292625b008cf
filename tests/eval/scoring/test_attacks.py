"""Guessers that never look gain nothing by how they write, and a perfect model loses nothing by it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

Guess = Callable[[Prediction, list[str]], str]  # the answers of the row's kind come the most frequent first


def _letters(row: Prediction, usual: list[str]) -> str:
    return " ".join("ABCD"[: len(row.choices) or 4])


# Most say every answer of the kind, or several; none of them sees the right one.
GUESSERS: dict[str, Guess] = {
    "list": lambda row, usual: ", ".join(usual),
    "or": lambda row, usual: " or ".join(usual),
    "and": lambda row, usual: " and ".join(usual),
    "yes, all": lambda row, usual: f"Yes. Possible findings are {', '.join(usual)}.",
    "no, all": lambda row, usual: f"No. It may be {' or '.join(usual)}",
    "two": lambda row, usual: " or ".join(usual[:2]),
    "two, comma": lambda row, usual: ", ".join(usual[:2]),
    "two, slash": lambda row, usual: "/".join(usual[:2]),
    "either": lambda row, usual: f"It is either {' or '.join(usual[:2])}.",
    "two sentences": lambda row, usual: " ".join(f"It could be {answer}." for answer in usual[:2]),
    "sentences": lambda row, usual: " ".join(f"It could be {answer}." for answer in usual),
    "lines": lambda row, usual: "\n".join(f"- {answer}" for answer in usual),
    "numbered": lambda row, usual: "\n".join(f"{i}. {answer}" for i, answer in enumerate(usual, start=1)),
    "json": lambda row, usual: json.dumps({"answer": usual}),
    "json parts": lambda row, usual: json.dumps({f"answer{i}": answer for i, answer in enumerate(usual)}),
    "boxes": lambda row, usual: " ".join(f"\\boxed{{{answer}}}" for answer in usual),
    "thoughts": lambda row, usual: f"<think>{', '.join(usual)}",
    "thoughts, usual": lambda row, usual: f"It is {', '.join(usual[1:])}.</think> {usual[0]}",
    "two, second hedged": lambda row, usual: f"{usual[0]}, possibly {usual[-1]}",
    "not the others": lambda row, usual: f"It is not {' or '.join(usual)}.",
    "echo": lambda row, usual: row.question or "Which?",
    "echo and all": lambda row, usual: f"{row.question} {', '.join(usual)}",
    "letters": _letters,
    "letter": lambda row, usual: "A",
    "first choice": lambda row, usual: (row.choices or usual)[0],
    "usual": lambda row, usual: usual[0],
    "usual, sentence": lambda row, usual: f"The answer is {usual[0]}.",
    "three usual": lambda row, usual: f"Top answers: {', '.join(usual[:3])}",
    "yes no": lambda row, usual: "yes and no",
    "refusal": lambda row, usual: f"I cannot tell whether it is {' or '.join(usual)}.",
    "all of them": lambda row, usual: f"All of these: {'; '.join(usual)}",
    "correction": lambda row, usual: f"{usual[-1]}. Actually, {usual[0]}",
}
STYLES: dict[str, str] = {
    "plain": "{}",
    "full stop": "{}.",
    "bold": "**{}**",
    "italic": "*{}*",
    "answer": "Answer: {}",
    "final answer": "Final Answer: {}",
    "the answer is": "The answer is {}.",
    "image": "Based on the image, {}.",
    "frames": "Based on the frames provided, the answer is {}.",
    "json": '{{"answer": "{}"}}',
    "fence": '```json\n{{"answer": "{}"}}\n```',
    "box": "\\boxed{{{}}}",
    "tag": "<answer>{}</answer>",
    "thoughts": "<think>Let me look at it.</think>\n\n{}",
    "thoughts, closed only": "I look at it closely.</think>\n\n{}",
    "box tokens": "<|begin_of_box|>{}<|end_of_box|>",
    "quotes": '"{}"',
    "channel": "<|channel|>analysis<|message|>Look.<|end|><|start|>assistant<|channel|>final<|message|>{}",
    "line": "\n\n{}\n",
    "sure": "Sure! {}",
    "therefore": "The view is clear. Therefore, {}.",
}
INVENTED: dict[str, tuple[tuple[str, ...], bool]] = {  # answers, and whether they are offered as choices
    "side": (("left", "right", "above", "below"), True),
    "seen": (("yes", "no"), False),
    "organ": (("liver", "gallbladder", "cystic duct", "stomach"), False),
    "phase": (("incision", "viscoelastic", "viscoelastic suction", "hydrodissection"), True),
    "number": (("0", "1", "2", "3"), False),
    "size": (("<5 mm", "5-10 mm", ">10 mm"), False),
    "absolute_position": (("top-left", "center", "bottom-right", "not visible"), True),
    "letter": (("A", "B", "C", "D"), False),
    "instruments": (("none", "forceps", "forceps, spatula", "knife, spatula"), False),
}
QUESTIONS = {"seen": "Is a spatula visible?", "number": "How many are there?"}


def invented(kind: str) -> list[Prediction]:
    answers, offered = INVENTED[kind]
    spread = [answer for i, answer in enumerate(answers) for _ in range(12 - 2 * i)]
    return [
        Prediction(str(i), "", f"case{i % 6}", kind, "", QUESTIONS.get(kind, f"Which {kind}?"), "", answer, answers if offered else ())
        for i, answer in enumerate(spread)
    ]  # fmt: skip


def said(rows: Sequence[Prediction], guess: Guess) -> list[Prediction]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row.kind][row.short_answer] += 1
    usual = {kind: sorted(own, key=lambda answer: (-own[answer], answer)) for kind, own in counts.items()}
    return [row_with(row, guess(row, usual[row.kind])) for row in rows]


def row_with(row: Prediction, reply: str) -> Prediction:
    return Prediction(row.qa_id, row.clip_id, row.case_id, row.kind, "", row.question, row.answer, row.short_answer, row.choices, reply)  # fmt: skip


def above_blind(rows: Sequence[Prediction], rule: str) -> float:
    figures = score(rows, rule=rule)
    return float(figures["accuracy_all_kinds"] - figures["blind_majority_all_kinds"])


@pytest.mark.parametrize("rule", ["exact", "word", "choice"])
@pytest.mark.parametrize("kind", INVENTED)
def test_no_guesser_beats_a_blind_guess(kind: str, rule: str) -> None:
    rows = invented(kind)
    gains = {name: above_blind(said(rows, guess), rule) for name, guess in GUESSERS.items()}
    assert {name: gain for name, gain in gains.items() if gain > 0.02} == {}


@pytest.mark.parametrize("kind", INVENTED)
def test_a_perfect_model_in_any_style(kind: str) -> None:
    rows = invented(kind)
    for name, style in STYLES.items():
        figures = score([row_with(row, style.format(row.short_answer)) for row in rows])
        assert figures["accuracy_all_kinds"] >= 0.99, name


def published(realdata: Path) -> dict[str, list[Prediction]]:
    """Question sets that others published, with the kinds they name, at most 600 questions each."""
    surgical = [
        json.loads(line)
        for line in (realdata / "surgvivqa/data/test_multivideo.jsonl").read_text().splitlines()
    ]
    chats = json.loads((realdata / "endochat_endovis17vqa/endovis_single_phrase.json").read_text())
    gastro = json.loads(
        (realdata / "muhra_endovis_kvasir/datasets/kvasir_baseline_proper_80_20/test.json").read_text()
    )
    texts = sorted((realdata / "pitvqa_anticipation_qa").glob("*.txt"))
    pituitary = [line.split("|") for text in texts for line in text.read_text().splitlines() if "|" in line]
    return {
        "SurgViVQA": [Prediction(str(i), "", row["video_id"], row["question_type"], "", row["question"], row["answer"], row["short_answer"])
                      for i, row in enumerate(surgical)],
        "EndoVis": [Prediction(str(i), "", "", chat["conversations"][0]["value"], "", chat["conversations"][0]["value"], "",
                               chat["conversations"][1]["value"]) for i, chat in enumerate(chats[::7])],
        "Kvasir": [Prediction(str(i), "", "", row["question"], "", row["question"], "", row["answer"])
                   for i, row in enumerate(gastro[::21])],
        "PitVQA": [Prediction(str(i), "", "", question, "", question, "", answer) for i, (question, answer) in enumerate(pituitary)],
    }  # fmt: skip


@pytest.mark.parametrize("most", [300, pytest.param(None, marks=pytest.mark.slow)])
def test_published_questions(realdata: Path, most: int | None) -> None:
    for name, every in published(realdata).items():
        rows = every[:: max(1, len(every) // most)] if most else every
        gains = {guesser: above_blind(said(rows, guess), "word") for guesser, guess in GUESSERS.items()}
        assert {guesser: gain for guesser, gain in gains.items() if gain > 0.02} == {}, name
        for style, form in STYLES.items():
            figures = score([row_with(row, form.format(row.short_answer)) for row in rows], rule="word")
            assert figures["accuracy_all_kinds"] >= 0.99, (name, style)
