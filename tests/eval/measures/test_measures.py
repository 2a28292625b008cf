"""Measures of free answers, against the libraries' own figures and by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval.__main__ import main
from surgvqa.eval.measures.boxes import Box, average_precision
from surgvqa.eval.measures.lexical_models import bert_score, meteor
from surgvqa.eval.measures.phases import edit_score, segmental_f1
from surgvqa.eval.measures.texts import measure

ROWS = [
    ("Yes", ["Yes", "Yes, a needle driver is used."], "Yes, a needle driver is used."),
    ("No", ["No", "No forceps are used."], "No forceps are used"),
    ("suturing", ["suturing", "The surgeon is suturing."], "the surgeon dissects"),
    ("No", ["No", "No scissors."], "No"),
]


def test_sacrebleus_own_example() -> None:
    """The example of sacrebleu's README: BLEU 48.53 with two references."""
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    said = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    right = [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ]
    found = measure(said, right, ["a", "a", "a"])
    assert round(found["bleu"].value, 2) == 48.53
    assert found["exact"].value == pytest.approx(100 / 3)


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    file = tmp_path / "free.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"qa_id": str(i), "references": own, "prediction": said})
            for i, (_, own, said) in enumerate(ROWS)
        )
    )
    out = tmp_path / "texts.json"
    assert main(["texts", str(file), "--references", "references", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert (found["n"], found["references"]) == (4, 2)
    assert found["measures"]["exact"]["value"] == 75
    assert found["measures"]["exact"]["floor"] == 50  # "No" to everything
    assert found["measures"]["token_f1"]["value"] > found["measures"]["token_f1"]["floor"]
    assert "floor" in capsys.readouterr().out
    assert main(["texts", str(file), "--references", "reference"]) == 2
    assert "no row has it; did you mean references" in capsys.readouterr().err


def test_a_reply_that_never_looks_is_not_above_its_floor() -> None:
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    right = [own for _, own, _ in ROWS]
    found = measure(["No"] * 4, right, ["k"] * 4)
    assert all(one.value <= one.floor + 1e-9 for one in found.values())


def test_a_missing_extra_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    file = tmp_path / "free.jsonl"
    file.write_text(json.dumps({"qa_id": "1", "answer": "no", "prediction": "no"}))
    assert main(["texts", str(file)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].endswith("this needs sacrebleu, which isn't installed: pip install 'surgvqa[text]'")


def test_phases() -> None:
    true = "aaaabbbbcccc"
    assert segmental_f1(true, true, 0.5) == edit_score(true, true) == 1
    assert segmental_f1("aaaabbabcccc", true, 0.5) == pytest.approx(
        2 * 3 / (5 + 3)
    )  # a flicker: two stretches too many
    assert edit_score("aaaabbabcccc", true) == pytest.approx(1 - 2 / 5)


def test_boxes() -> None:
    true = [
        Box(picture="a", label="hook", corners=(0, 0, 10, 10)),
        Box(picture="b", label="hook", corners=(0, 0, 10, 10)),
    ]
    near = Box(
        picture="a", label="hook", corners=(0, 0, 10, 6), score=0.9
    )  # overlap 0.6: three of ten thresholds
    found = average_precision([near], true)
    assert found.ap50 == pytest.approx(0.505, abs=0.01)
    assert found.ap == pytest.approx(0.3 * 0.505, abs=0.01)


NEAR = {  # measure, then (right answer, reply) pairs, and the figure worked out by hand
    "set_f1": ([("hook, grasper", "grasper"), ("none", "There are no instruments.")], 100 * (2 / 3 + 1) / 2),
    "number:2": ([("10", "about 12"), ("10", "13")], 50),
    "number:10%": ([("100", "91"), ("100", "89")], 50),
    "time:5": ([("60 s", "at 1:04"), ("60 s", "at 1:06")], 50),
    "temporal_iou": ([("10.0-20.0 s", "from 15 s to 25 s"), ("0.0-5.0 s", "soon")], 100 * (1 / 3) / 2),
    "segmental_f1:50": ([("incision, incision, closure, closure", "incision, incision, incision, closure")], 100),
    "segmental_f1:60": ([("incision, incision, closure, closure", "incision, incision, incision, closure")], 50),
    "edit": ([("incision, closure", "closure, closure"), ("incision", "incision, incision")], 75),
    "map": ([('[{"bbox_2d": [0, 0, 10, 10], "label": "hook"}]', '[{"bbox_2d": [0, 0, 10, 10], "label": "hook"}]')], 100),
}  # fmt: skip


@pytest.mark.parametrize("measure_name", NEAR)
def test_the_verb_measures_what_is_nearly_right(measure_name: str, tmp_path: Path) -> None:
    pairs, figure = NEAR[measure_name]
    file, out = tmp_path / "near.jsonl", tmp_path / "near.json"
    rows = [
        {"qa_id": str(i), "kind": "k", "short_answer": truth, "prediction": reply}
        for i, (truth, reply) in enumerate(pairs)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert main(["texts", str(file), "--measures", measure_name, "--out", str(out)]) == 0
    found = json.loads(out.read_text())["measures"]
    assert list(found) == [measure_name]
    assert found[measure_name]["value"] == pytest.approx(figure, abs=0.01)
    assert "floor" in found[measure_name]


def test_each_question_of_a_measure_has_the_floor_of_who_never_looks(tmp_path: Path) -> None:
    rows = [
        {"qa_id": str(i), "kind": "k", "short_answer": truth, "prediction": truth}
        for i, truth in enumerate(["3", "3", "3", "9"])
    ]
    file, out = tmp_path / "near.jsonl", tmp_path / "near.json"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert main(["texts", str(file), "--measures", "number:1", "--out", str(out)]) == 0
    assert json.loads(out.read_text())["measures"]["number:1"] == {
        "value": 100,
        "floor": 75,
        "floor_by": "most frequent answer",
    }


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("sets_f1", "no such measure; did you mean set_f1"),
        ("number", "needs a value behind a colon, for instance 2, or 10%"),
        ("time:soon", "needs a value behind a colon, for instance 5 (seconds)"),
        ("edit:3", "edit takes no value"),
        ("bertscore", "no folder: no model's weights are there"),
        ("bertscore:nowhere", "nowhere: no model's weights are there"),
        ("number:1", "a right answer is 'left', and this measure needs a number"),
        ("time:1", "this measure needs a time"),
        ("temporal_iou", "this measure needs an interval"),
        ("map", "this measure needs boxes"),
    ],
)
def test_what_cannot_be_measured_is_said(
    option: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "words.jsonl"
    file.write_text(json.dumps({"qa_id": "1", "short_answer": "left", "prediction": "left"}))
    assert main(["texts", str(file), "--measures", option]) == 2
    assert says in capsys.readouterr().err


class _Words:
    """WordNet as METEOR asks for it: which words mean the same."""

    def synsets(self, word: str) -> list[object]:
        return []


def test_meteor_by_nltk() -> None:
    """By hand: 6 of 6 words match in one chunk, so 1 - 0.5 * (1 / 6) ** 3; METEOR stems "forceps hold"."""
    pytest.importorskip("nltk")
    reply = "the forceps hold the left lobe"
    found = meteor([reply], [[reply, "something else"]], _Words())  # type: ignore[arg-type]
    assert found == pytest.approx(100 * (1 - 0.5 * (1 / 6) ** 3))


def test_meteor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nltk")
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    with pytest.raises(InputError, match=r"python -m nltk\.downloader wordnet"):
        meteor(["a"], [["a"]])


def test_bert_score_by_a_model_in_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("bert_score")
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "hook", "cuts", "grasper"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(tmp_path / "vocab.txt"), model_max_length=64).save_pretrained(tmp_path)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(config).save_pretrained(tmp_path)
    same = bert_score(["the hook cuts"], [["the hook cuts"]], str(tmp_path))
    other = bert_score(["the hook cuts"], [["grasper"]], str(tmp_path))
    assert same == pytest.approx(100, abs=0.01)
    assert other < same
