"""Other people's prediction files: read as they are, with their own figure found again.

The rows here are invented; the layouts are those that the tools' own code writes.
"""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval import __main__ as command
from surgvqa.eval.data import columns, reference
from surgvqa.eval.scoring.score import score

SURGVIVQA = [
    {"question_id": f"qa_{i}", "question_type": kind, "question": "Is it so?", "ground_truth": sentence,
     "short_answer": short, "predicted_answer": said, "exact_match": int(short.lower() in said.lower())}
    for i, (kind, sentence, short, said) in enumerate(
        [
            ("mucosa", "No, it is not clean.", "no", "Yes, it looks normal"),  # "no" is in "normal"
            ("mucosa", "Yes, it is clean.", "yes", "Yes"),
            ("mucosa", "No, it is not clean.", "no", "No."),
            ("light", "The mode is NBI.", "NBI", "White light, not nbi"),  # negated
            ("light", "The mode is white.", "white", "The mode is white."),
            ("motion", "The lesion moves downward.", "down", "The lesion moves downward."),
            ("motion", "The lesion moves up.", "up", "sideways"),
            ("motion", "The lesion moves up.", "up", ""),
        ]
    )
]  # fmt: skip
LMMS_EVAL = [
    {
        "doc_id": i,
        "target": target,
        "filtered_resps": [said],
        "doc_hash": "0",
        "input": "Q?",
        "pope_accuracy": {"c": 1},
    }
    for i, (target, said) in enumerate(
        [("yes", "Yes"), ("no", "There is no knot"), ("no", "Yes"), ("yes", "no")]
    )
]
INSPECT = {
    "version": 2, "status": "success", "eval": {"task": "t"},
    "samples": [
        {"id": 1, "epoch": 1, "input": "Which?", "choices": ["incision", "suction"], "target": "B", "metadata": {"case_id": "a"},
         "output": {"model": "m", "choices": [{"message": {"content": "ANSWER: B"}}]}},
        {"id": 2, "epoch": 1, "input": "Which?", "choices": ["incision", "suction"], "target": "A", "metadata": {"case_id": "b"},
         "output": {"completion": "ANSWER: B"}},
        {"id": 3, "epoch": 1, "input": "Which?", "choices": ["incision", "suction"], "target": "A", "metadata": {"case_id": "b"},
         "output": {"choices": []}, "error": {"message": "timed out", "traceback": "..."}},
    ],
}  # fmt: skip
ENDOCHAT = [
    {"id": str(i), "image": f"seq{i}.png", "question": "What is the tool?", "answer": said, "answer_gt": true,
     "main_tag": "single_phrase", "sub_task": ""}
    for i, (true, said) in enumerate([("forceps", "forceps"), ("scissors", "forceps"), ("needle driver", "needle-driver")])
]  # fmt: skip


def save(path: Path, rows: Any) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:  # as Excel writes it
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.csv"])
def test_surgvivqa_results(tmp_path: Path, name: str) -> None:
    """The substring rule finds the published figure; the headline's differences are named one by one."""
    loaded = columns.read(save(tmp_path / name, SURGVIVQA))
    figures = score(loaded.predictions)
    published = sum(row["exact_match"] for row in SURGVIVQA) / len(SURGVIVQA)
    assert loaded.layout == "SurgViVQA results"
    assert figures["accuracy_by_rule"]["substring"] == published == 0.75
    assert figures["accuracy"] == pytest.approx(0.5)
    differ = figures["rules_differ"]["substring"]
    assert differ["only_there"] == 2 and differ["only_here"] == 0
    assert differ["because"] == {"another answer": 2}


def test_lmms_eval_samples(tmp_path: Path) -> None:
    loaded = columns.read(save(tmp_path / "20250101_samples_pope.jsonl", LMMS_EVAL))
    figures = score(loaded.predictions)
    assert (loaded.layout, figures["n"]) == ("lmms-eval samples", 4)
    assert figures["accuracy_by_rule"]["substring"] == 0.5
    assert figures["accuracy"] == 0.25
    with_kind = columns.read(tmp_path / "20250101_samples_pope.jsonl", {"kind": "pope_accuracy.c"})
    assert {row.kind for row in with_kind.predictions} == {"1"}


def test_inspect_logs(tmp_path: Path) -> None:
    log = save(tmp_path / "log.json", INSPECT)
    archive = tmp_path / "log.eval"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", "{}")
        for sample in INSPECT["samples"]:
            file.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    for path in (log, archive):
        loaded = columns.read(path)
        figures = score(loaded.predictions)
        assert loaded.layout == "Inspect samples"
        assert [row.short_answer for row in loaded.predictions] == ["suction", "incision", "incision"]
        assert (figures["accuracy"], figures["errors"], figures["cases"]) == (pytest.approx(1 / 3), 1, 2)
    epochs = [*INSPECT["samples"], INSPECT["samples"][0] | {"epoch": 2}]
    with pytest.raises(InputError, match="epochs"):
        columns.read(save(tmp_path / "epochs.json", {"samples": epochs}))


def test_endochat_results(tmp_path: Path) -> None:
    loaded = columns.read(save(tmp_path / "test_result.json", ENDOCHAT))
    assert loaded.layout == "EndoChat results"
    assert score(loaded.predictions)["accuracy"] == pytest.approx(2 / 3)


def test_llava_answers_with_questions_elsewhere(tmp_path: Path) -> None:
    answers = [{"question_id": i, "prompt": "Is it?", "text": said, "model_id": "llava"} for i, said in enumerate(["yes", "No"])]  # fmt: skip
    asked = [{"id": i, "question_type": "seen", "question": "Is it?", "short_answer": "yes", "video_id": "v"} for i in range(3)]  # fmt: skip
    loaded = columns.read(save(tmp_path / "answers.jsonl", answers))
    assert loaded.layout == "LLaVA answers"
    with pytest.raises(InputError, match="give the data set with --data"):
        score(loaded.predictions)
    data = reference.questions(save(tmp_path / "questions.json", asked))
    figures = score(loaded.predictions, data=data)
    assert (figures["n"], figures["missing"], figures["accuracy"]) == (3, 1, pytest.approx(1 / 3))


def test_columns_name_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"frage": "F?", "typ": "seite", "soll": {"kurz": "left"}, "ist": [{"text": "Left."}], "op": "7"}]
    path = save(tmp_path / "antworten.json", {"results": rows})
    mapping = "question=frage,kind=typ,short_answer=soll.kurz,prediction=ist.0.text,case_id=op"
    out = tmp_path / "score.json"
    assert command.main(["score", str(path), "--columns", mapping, "--out", str(out)]) == 0
    assert json.loads(out.read_text())["by_kind"]["seite"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("art=kind", "no field art; known: answer"),
        ("kind", "write FIELD=COLUMN"),
        ("kind=question_typ", "no row has question_typ; did you mean question_type?"),
    ],
)
def test_wrong_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mapping: str, message: str
) -> None:
    path = save(tmp_path / "r.jsonl", SURGVIVQA)
    assert command.main(["score", str(path), "--columns", mapping]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"qa_id": "1"}\n{"qa_id": "2', "line 2: not whole JSON"),
        ("a.json", '[{"qa_id": "1"}, {"qa', "not whole JSON"),
        (
            "a.csv",
            'qa_id,prediction\n1,yes\n2,"n',
            "after line 2: unexpected end of data; was the file cut off",
        ),
        ("a.csv", "qa_id,prediction\n1,yes\n2\n", "line 3: not as many fields"),
        ("a.csv", "qa_id,prediction\n1,yes,no\n", "not as many fields"),
        ("a.jsonl", "", "no rows"),
        ("a.json", "{}", "without a list of rows"),
        ("a.jsonl", "[1, 2]\n", "expected an object, found list"),
        ("a.jsonl", '{"prediction": {"a": 1}, "short_answer": "x"}\n', "not one text but dict"),
        ("a.jsonl", '{"prediction": ["a", "b"], "short_answer": "x"}\n', "not one text but list"),
        ("a.jsonl", '{"prediction": "a", "choices": 5}\n', "choices is int"),
        ("a.jsonl", '{"prediction": "a", "confidence": "high"}\n', "expected a number"),
        ("a.jsonl", "\xff\xfe", "not UTF-8"),
        ("a.eval", "PK", "not a readable Inspect log"),
    ],
)
def test_unreadable_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    assert command.main(["score", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(tmp_path / name) in error and error.count("\n") == 1
