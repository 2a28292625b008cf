"""Figures that others published, found again in their own files; where we differ, every question is accounted for.

The files stay where they are: a folder that ``SURGVQA_PREDICTIONS`` names holds each under its repository's
name and its path there. Without it these tests are skipped, and the invented rows below, in the same layouts,
are what is tested. The command of each figure is ``surgvqa-eval score FILE`` (``--out`` writes ``as_counted``).
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from surgvqa.eval import __main__ as command
from surgvqa.eval.data import columns, reference
from surgvqa.eval.scoring.score import score

MME = "jetson/results/orin/Qwen2.5-VL-7B-Instruct/mme/vllm-bf16/20260923-174045_limit8/lmms_eval"
KVASIR = "Surgical_COT/corrected 1-5 experiments/results"


@pytest.fixture
def found() -> Any:
    """A file of others by its repository and path, or the test is skipped."""

    def find(name: str) -> Path:
        path = Path(os.environ.get("SURGVQA_PREDICTIONS", "nowhere")) / name
        return path if path.is_file() else pytest.skip(f"no {path}; set SURGVQA_PREDICTIONS")

    return find


# ---- invented rows in the layouts of the real files

# As Surgical_COT's evaluate_exp1.py writes them. Its rule: one text within the other, either way round.
VERDICTS = {
    "total": 7,
    "correct": 5,
    "accuracy": 71.4,
    "predictions": [
        {"image_id": f"i{i}", "question": "Which?", "prediction": said, "ground_truth": truth, "correct": right, "stage": 1}
        for i, (truth, said, right) in enumerate(
            [
                ("no", "It is not clear, and normal otherwise", True),  # "no" within "not"
                ("polyp", "A polyp.", True),
                ("pink; yellow", "Yellow", True),  # the answer holds the prediction
                ("none", "", True),  # as every answer holds an empty prediction
                ("2", "There are two.", False),
                ("yes", "Yes, there is.", True),
                ("colonoscopy", "an endoscopy", False),
            ]
        )
    ],
}  # fmt: skip
INSPECT = {
    "samples": [
        {"id": i, "epoch": 1, "input": "Is it?", "target": " Yes", "output": {"completion": said},
         "scores": {"match": {"value": value, "answer": said}}}
        for i, (said, value) in enumerate([("Yes", "C"), ("No", "I"), ("Indeed: yes", "I"), ("Yes.", "P")])
    ]
}  # fmt: skip
LMMS_EVAL = [
    {"doc_id": i, "target": truth, "filtered_resps": said, "input": "Is it?", "mme_cognition_score": {"category": "c", "score": score}}
    for i, (truth, said, score) in enumerate([("Yes", "Yes", 1.0), ("No", "Not sure", 0.0), ("No", "no", 1.0)])
]  # fmt: skip


def test_a_file_s_own_verdicts_stand_beside_the_rules(tmp_path: Path) -> None:
    """Its figure is found again whatever its rule was, and each question on which we differ has its cause."""
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(VERDICTS))
    loaded = columns.read(path)
    figures = score(loaded.predictions)
    own = figures["as_counted"]
    assert loaded.layout == "results with verdicts"
    assert (own["right"], own["n"], own["accuracy"]) == (5, 7, 5 / 7)
    assert own["because"] == {"no leading yes or no": 1, "not among its words": 1, "empty": 1}
    assert (own["only_there"], own["only_here"]) == (3, 1)  # "two" is 2
    assert figures["accuracy"] == pytest.approx((5 - 3 + 1) / 7)
    assert (
        own["differ_by_rule"]["substring"] == 2
    )  # the empty answer and the answer that holds the prediction
    assert figures["empty"] == 1
    assert figures["probes"]["stability"] is None  # no ids: not seven phrasings of one question


@pytest.mark.parametrize(
    ("name", "rows", "mapping", "counts"),
    [
        ("log.json", INSPECT, {}, [True, False, False, None]),  # half a point is neither
        (
            "20260101_samples_mme.jsonl",
            LMMS_EVAL,
            {"counted": "mme_perception_score.score|mme_cognition_score.score"},
            [True, False, True],
        ),
    ],
)
def test_verdicts_of_harnesses(
    tmp_path: Path, name: str, rows: Any, mapping: dict[str, str], counts: list[bool | None]
) -> None:
    path = tmp_path / name
    lines = [json.dumps(row) for row in rows] if isinstance(rows, list) else [json.dumps(rows)]
    path.write_text("\n".join(lines) + "\n")
    predictions = columns.read(path, mapping).predictions
    assert [row.counted for row in predictions] == counts
    own = score(predictions)["as_counted"]
    assert own is not None
    assert (own["n"], own["right"]) == (sum(c is not None for c in counts), counts.count(True))
    asked = [replace(row, prediction="", error=None, counted=None) for row in predictions]
    assert score(predictions, data=asked)["as_counted"] == own  # laid over the data set's questions too


def test_the_differences_are_said_on_the_terminal_and_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(VERDICTS))
    assert command.main(["score", str(path)]) == 0
    out = capsys.readouterr().out
    assert "the file itself counts 5 of 7 right (71.4); against word: 3 more right (" in out
    assert "substring against word: 1 more right (no leading yes or no 1), 1 fewer (not in it 1)" in out
    page = tmp_path / "page.html"
    assert command.main(["report", str(path), "--out", str(page)]) == 0
    text = page.read_text()
    assert "counts 5 of 7 right (71.4 %); against word: 3 more right (" in text
    assert "Safety and coherence" not in text  # nothing of it was asked


def test_a_column_without_a_verdict_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(VERDICTS))
    assert command.main(["score", str(path), "--columns", "counted=question"]) == 2
    assert "counted=question: 'Which?' is no verdict; one is true or false" in capsys.readouterr().err


# ---- the real files

SURGVIVQA = {"qwen2_zeroshot": 360, "qwen25_zeroshot": 394, "qwen3_zeroshot": 541, "qwen3_finetuned": 740}


@pytest.mark.parametrize("name", sorted(SURGVIVQA))
def test_surgvivqa_audio(found: Any, realdata: Path, name: str) -> None:
    """SurgViVQA-Audio's README: 36.0, 39.4, 54.1 and 74.0 % of 1,000; its rule is ours, ``substring``."""
    path = found(f"SurgViVQA-Audio/results/{name}_test.jsonl")
    train = reference.questions(realdata / "surgvivqa" / "data" / "train_multivideo.jsonl")
    data = reference.questions(realdata / "surgvivqa" / "data" / "test_multivideo.jsonl")
    figures = score(columns.read(path).predictions, train=train, data=data)
    assert round(1000 * figures["accuracy_by_rule"]["substring"]) == SURGVIVQA[name]
    assert figures["as_counted"]["right"] == SURGVIVQA[name]
    assert figures["as_counted"]["differ_by_rule"]["substring"] == 0
    assert figures["blind_majority_all_kinds"] == pytest.approx(0.573)
    assert len(figures["single_class_kinds"]) == 7


def test_an_lmms_eval_log(found: Any) -> None:
    """lmms-eval, branch jetson-benchmark: 7 of 8 right and mme_cognition_score 162.5, in the log's _results.json.

    The score is 100 times the share of right answers plus 100 times the share of pictures whose two
    questions are both right.
    """
    path = found(f"lmms-eval/{MME}/20260923_234107_samples_mme.jsonl")
    rows = columns.read(path, {"counted": "mme_cognition_score.score"}).predictions
    figures = score(rows)
    assert figures["accuracy_by_rule"]["substring"] == figures["accuracy_by_rule"]["word"] == 7 / 8
    assert figures["as_counted"]["differ_by_rule"] == dict.fromkeys(
        ("exact", "word", "substring", "choice"), 0
    )
    right = [row.short_answer.lower() in row.prediction.lower() for row in rows]
    pairs = [a and b for a, b in zip(right[::2], right[1::2], strict=True)]
    assert 100 * sum(right) / len(right) + 100 * sum(pairs) / len(pairs) == 162.5


def test_an_inspect_log(found: Any) -> None:
    """inspect_ai's own log of its task ``popularity``: accuracy 2/3 by its scorer ``match``, in the log itself."""
    path = found("inspect_ai/tests/analysis/test_logs/2025-05-12T20-28-13-04-00_popularity.json")
    published = json.loads(path.read_text())["results"]["scores"][0]["metrics"]["accuracy"]["value"]
    figures = score(columns.read(path).predictions)
    assert figures["accuracy_by_rule"]["substring"] == figures["accuracy"] == published
    assert figures["as_counted"]["differ_by_rule"] == dict.fromkeys(
        ("exact", "word", "substring", "choice"), 0
    )


def test_kvasir_vqa_by_the_exact_rule(found: Any) -> None:
    """Surgical_COT's VERIFIED_RESULTS_COMPARISON.md: 77.59 % (3,192 of 4,114) on Kvasir-VQA; its rule is ``exact``."""
    folder = "Surgical_COT/experiments/cxrtrek_curriculum_learning/evaluation_results"
    figures = score(
        columns.read(found(f"{folder}/cxrtrek_sequential_evaluation.json")).predictions, rule="exact"
    )
    assert (figures["n"], figures["as_counted"]["right"]) == (4114, 3192)
    assert figures["accuracy_by_rule"]["exact"] == 3192 / 4114
    assert figures["as_counted"]["differ_by_rule"]["exact"] == 0  # question by question
    assert round(100 * figures["accuracy_by_rule"]["substring"], 1) == 80.3  # "no" in "none"


@pytest.mark.parametrize(("name", "published", "by_substring"), [("exp1", 1757, 1756), ("exp2", 1756, 1755), ("exp4", 1741, 1737)])  # fmt: skip
def test_kvasir_vqa_with_the_differences_accounted_for(
    found: Any, name: str, published: int, by_substring: int
) -> None:
    """Surgical_COT's QUESTION_TYPE_INSIGHTS.md: 19.56 % (exp1), and what the other files say of themselves.

    Their rule looks either way round. What ours leaves out are answers that lie within the right one
    ("Yellow" for "pink; yellow", "No" for "none"); nothing else differs.
    """
    path = found(f"{KVASIR}/{name}_evaluation_results.json")
    rows = columns.read(path).predictions
    figures = score(rows, rule="substring")
    own = figures["as_counted"]
    assert (own["right"], own["n"]) == (published, 8984)
    assert round(own["accuracy"], 6) == round(json.loads(path.read_text())["accuracy"] / 100, 6)
    assert round(figures["accuracy"] * 8984) == by_substring
    assert (own["only_there"], own["only_here"]) == (published - by_substring, 0)
    differ = [row for row in rows if row.counted and row.short_answer.lower() not in row.prediction.lower()]
    assert len(differ) == own["only_there"]
    assert all(row.prediction.strip(" .").lower() in row.short_answer.lower() for row in differ)


def test_a_crashed_run_that_counts_itself_as_perfect(found: Any) -> None:
    """Surgical_ChainOfThought's file on EndoVis 2018 says 100 % of 2,384; every prediction in it is empty."""
    folder = "Surgical_ChainOfThought/corrected_1-5_experiments/qlora_experiments/results"
    figures = score(columns.read(found(f"{folder}/endovis_zeroshot_llava_med_v15.json")).predictions)
    assert (figures["accuracy"], figures["empty"]) == (0.0, 2384)
    assert figures["as_counted"]["accuracy"] == 1.0
    assert figures["as_counted"]["because"] == {"empty": 2384}


def test_bleu_of_nlg_eval(found: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """nlg-eval's README: Bleu_4 0.201143 for its examples/hyp.txt against two references."""
    pytest.importorskip("sacrebleu")
    said, *right = (
        found(f"nlg-eval/examples/{name}.txt").read_text().splitlines() for name in ("hyp", "ref1", "ref2")
    )
    path, out = tmp_path / "hyp.jsonl", tmp_path / "texts.json"
    rows = [
        {"id": i, "prediction": reply, "references": list(own)}
        for i, (reply, *own) in enumerate(zip(said, *right, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command.main(["texts", str(path), "--references", "references", "--out", str(out)]) == 0
    assert "20.1" in capsys.readouterr().out
    assert round(json.loads(out.read_text())["measures"]["bleu"]["value"] / 100, 6) == 0.201143
