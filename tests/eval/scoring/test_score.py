"""The score: figures worked out by hand, and every planted fault caught."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest
from surgvqa.eval import __main__ as command
from surgvqa.eval.data import predictions, reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

SIDES = ("left", "right")


def asked(
    kind: str, truths: Sequence[str], cases: int = 4, choices: tuple[str, ...] = ()
) -> list[Prediction]:
    """Questions of one kind with these right answers, spread over cases."""
    return [
        Prediction(
            f"c{i % cases}@{i}-{i + 1}#{kind}", f"c{i % cases}@{i}-{i + 1}", f"c{i % cases}", kind, "r",
            f"What {kind} is it?", f"It is {truth}.", truth, choices,
        )
        for i, truth in enumerate(truths)
    ]  # fmt: skip


def answered(questions: Sequence[Prediction], answers: Sequence[str]) -> list[Prediction]:
    return [replace(row, prediction=answer) for row, answer in zip(questions, answers, strict=True)]


def test_figures_by_hand() -> None:
    side = asked("side", ["left"] * 6 + ["right"] * 4, choices=SIDES)
    seen = asked("seen", ["yes"] * 5 + ["no"] * 5)
    rows = answered(side, ["left"] * 5 + ["right"] * 5) + answered(seen, ["Yes, clearly."] * 8 + ["No."] * 2)
    train = asked("side", ["right"] * 3 + ["left"]) + asked("seen", ["yes"] * 3)
    figures = score(rows, train=train)
    side_figures, seen_figures = figures["by_kind"]["side"], figures["by_kind"]["seen"]
    assert side_figures["accuracy"] == 0.9
    assert side_figures["macro_accuracy"] == pytest.approx((5 / 6 + 1) / 2)
    assert (side_figures["chance"], side_figures["blind_majority"], side_figures["best_constant"]) == (
        0.5,
        0.4,
        0.6,
    )
    assert (side_figures["blind_answer"], side_figures["lift"]) == ("right", pytest.approx(0.5))
    assert side_figures["confusion"] == {"left": {"left": 5, "right": 1}, "right": {"right": 4}}
    assert (seen_figures["accuracy"], seen_figures["blind_majority"]) == (0.7, 0.5)
    assert figures["n"] == 20
    assert figures["accuracy"] == figures["macro_accuracy"] == pytest.approx(0.8)
    assert figures["blind_majority"] == pytest.approx(0.45)
    assert figures["lift"] == pytest.approx(0.35)
    assert figures["rule"] == "choice"
    assert figures["accuracy_by_rule"]["exact"] == pytest.approx(11 / 20)
    low, high = figures["ci95"]
    assert low < 0.8 < high
    json.dumps(figures, allow_nan=False)


def test_without_training_the_blind_guess_is_the_best_constant_and_says_so() -> None:
    rows = answered(asked("side", ["left", "left", "right"], choices=SIDES), ["left", "left", "left"])
    figures = score(rows)
    assert figures["blind_majority"] == figures["best_constant"] == pytest.approx(2 / 3)
    assert figures["by_kind"]["side"]["blind_from"] == "scored questions"
    assert any("no training questions" in note for note in figures["notes"])


@pytest.mark.parametrize("blank", ["", "   ", "\n"])
def test_all_empty_scores_nothing(blank: str) -> None:
    """A matcher that asks "is the prediction in the answer" gives 100 % here."""
    questions = asked("side", ["left", "right"] * 10)
    figures = score(answered(questions, [blank] * 20))
    assert (figures["accuracy"], figures["empty"], figures["n"]) == (0.0, 20, 20)
    assert set(figures["accuracy_by_rule"].values()) == {0.0}
    assert figures["wrong_because"] == {"empty": 20}
    assert figures["by_kind"]["side"]["collapsed"]


@pytest.mark.parametrize("with_data", [False, True])
def test_a_crashed_run_keeps_its_denominator(with_data: bool) -> None:
    questions = asked("side", ["left", "right"] * 10)
    rows = answered(questions, ["left", "right"] * 10)
    rows[5:] = [replace(row, error="CUDA out of memory") for row in rows[5:]]  # with text left over
    figures = score(rows, data=questions if with_data else None)
    assert (figures["n"], figures["errors"], figures["accuracy"]) == (20, 15, 0.25)
    assert figures["accuracy_by_rule"]["substring"] == 0.25


def test_refusals_and_echoes_are_wrong_and_counted() -> None:
    questions = asked("side", ["left"] * 5 + ["right"] * 5)
    refusing = score(answered(questions, ["I'm sorry, I can't tell left from right."] * 10))
    assert (refusing["accuracy"], refusing["refusals"], refusing["accuracy_by_rule"]["substring"]) == (
        0,
        10,
        1.0,
    )
    echo = [
        replace(row, question="Is it left or right?", prediction="Is it left or right?") for row in questions
    ]
    figures = score(echo)
    assert (figures["accuracy"], figures["echoes"], figures["accuracy_by_rule"]["substring"]) == (0, 10, 1.0)
    scrambled = [replace(row, choices=SIDES, prediction="right or left is it") for row in questions]
    assert score(scrambled)["accuracy"] == 0
    assert score(scrambled)["wrong_because"] == {"names several answers": 10}


def test_a_constant_answerer_is_collapsed_and_has_no_lift() -> None:
    questions = asked("side", ["left", "right", "left"] * 10, choices=SIDES)
    figures = score(answered(questions, ["left"] * 30), train=questions)
    assert figures["collapsed_kinds"] == ["side"]
    assert figures["lift"] == 0
    assert figures["by_kind"]["side"]["entropy_bits"]["answers"] == 0


def test_a_text_only_answerer_has_no_lift_over_the_best_constant() -> None:
    """Answering each kind's commonest training answer, in changing words, is seen through."""
    words = ["left", "Left.", "It is left", "to the left"]
    questions = asked("side", ["left"] * 14 + ["right"] * 6, choices=SIDES)
    figures = score(answered(questions, words * 5), train=questions)
    assert figures["accuracy"] == figures["blind_majority"] == 0.7
    assert figures["collapsed_kinds"] == ["side"]


def test_single_class_kinds_are_flagged_and_left_out_of_the_headline() -> None:
    dye = asked("dye", ["no"] * 10)
    side = asked("side", ["left", "right"] * 5, choices=SIDES)
    figures = score(answered(dye, ["no"] * 10) + answered(side, ["left"] * 10))
    assert figures["by_kind"]["dye"]["single_class"] and not figures["by_kind"]["side"]["single_class"]
    assert (figures["accuracy"], figures["n_headline"], figures["n"]) == (0.5, 10, 20)
    assert figures["accuracy_by_rule"]["choice"] == figures["accuracy_all_kinds"] == 0.75
    assert any("leaves out 10 questions" in note for note in figures["notes"])
    only = score(answered(dye, ["no"] * 10))
    assert only["accuracy"] == 1.0 and any("no figure here needs the video" in note for note in only["notes"])


def test_lists_and_places_have_their_own_figures() -> None:
    tools = asked("instruments", ["spatula, forceps", "none", "forceps"])
    cells = asked("absolute_position", ["top-left", "center", "bottom-right"])
    rows = answered(tools, ["spatula", "No instruments.", "forceps, spatula"])
    rows += answered(cells, ["upper left", "top left", "nowhere"])
    figures = score(rows)["by_kind"]
    assert figures["instruments"]["lists"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "given": 3, "true": 3}
    )
    assert figures["instruments"]["accuracy"] == pytest.approx(1 / 3)
    assert figures["absolute_position"]["cells"] == {
        "n": 3, "unreadable": 1, "mean_distance": pytest.approx(2**0.5 / 2), "median_distance": pytest.approx(2**0.5 / 2),
    }  # fmt: skip


def test_a_blind_guesser_keeps_to_the_choices() -> None:
    """Each question has its own choices: guessing the commonest answer elsewhere would be below chance."""
    truths = ["a", "b", "c", "d"] * 5
    questions = [
        replace(row, choices=("a", "b") if row.short_answer in "ab" else ("c", "d"))
        for row in asked("letter", truths)
    ]
    train = asked("letter", ["a"] * 5 + ["c"] * 4 + ["b"] * 3 + ["d"] * 2)
    figures = score(answered(questions, truths), train=train)
    own = figures["by_kind"]["letter"]
    assert (own["blind_majority"], own["chance"], own["best_constant"]) == (0.5, 0.5, 0.25)
    assert (own["lift"], figures["lift"], own["blind_answer"]) == (0.5, 0.5, "a")
    assert score(answered(questions, truths))["by_kind"]["letter"]["blind_majority"] == 0.5


def test_the_lift_over_all_questions_has_its_interval() -> None:
    side = asked("side", ["left", "right"] * 20, choices=SIDES)
    said = ["left", "right", "left", "left"] * 10
    figures = score(answered(side, said), train=side)
    low, high = figures["lift_ci95"]
    assert figures["lift"] == 0.25 and low < 0.25 < high


def test_a_list_in_another_order_is_no_confusion() -> None:
    tools = asked("instruments", ["spatula, forceps", "none", "forceps"])
    figures = score(answered(tools, ["forceps and spatula", "No instruments.", "spatula"]))
    assert figures["by_kind"]["instruments"]["confusion"] == {
        "forceps": {"spatula": 1},
        "none": {"none": 1},
        "spatula, forceps": {"spatula, forceps": 1},
    }


def test_one_case_says_so() -> None:
    figures = score(answered(asked("side", ["left", "right"] * 5, cases=1), ["left", "right"] * 5))
    assert figures["ci95"] is None
    assert any("one case" in note for note in figures["notes"])


def test_other_rules_show_why_they_differ() -> None:
    rows = answered(asked("seen", ["no", "yes"] * 3), ["The mucosa is normal", "Yes"] * 3)
    differ = score(rows, rule="word")["rules_differ"]["substring"]
    assert (differ["only_there"], differ["because"]) == (3, {"no leading yes or no": 3})
    assert differ["examples"][0]["prediction"] == "The mucosa is normal"


# ---- the data set fixes the denominator


QUESTIONS = asked("side", ["left", "right"] * 10, choices=SIDES)


def test_missing_questions_are_wrong() -> None:
    rows = answered(QUESTIONS, ["left", "right"] * 10)
    figures = score(rows[:15], data=QUESTIONS)
    assert (figures["n"], figures["missing"], figures["accuracy"], figures["errors"]) == (20, 5, 0.75, 0)
    assert figures["empty"] == 0


def test_extra_questions_are_left_out() -> None:
    rows = answered(QUESTIONS, ["left", "right"] * 10) + answered(
        asked("other", ["left"] * 30), ["left"] * 30
    )
    figures = score(rows, data=QUESTIONS)
    assert (figures["n"], figures["extra"], figures["accuracy"]) == (20, 30, 1.0)


def test_another_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="none of the 30 predictions"):
        score(answered(asked("other", ["left"] * 30), ["left"] * 30), data=QUESTIONS)


@pytest.mark.parametrize("data", [None, QUESTIONS])
def test_repeated_ids_count_once(data: list[Prediction] | None) -> None:
    rows = answered(QUESTIONS, ["left"] * 20)
    twice = score([*rows, *rows[:10:2]], data=data)
    assert (twice["n"], twice["duplicates"], twice["accuracy"]) == (20, 5, 0.5)
    conflict = score([*rows, replace(rows[0], prediction="right")], data=data)  # which of the two is it?
    assert (conflict["n"], conflict["duplicates"], conflict["accuracy"]) == (20, 1, 0.45)


def test_right_answers_come_from_the_data_set() -> None:
    rows = [replace(row, short_answer="left", answer="left") for row in answered(QUESTIONS, ["left"] * 20)]
    figures = score(rows, data=QUESTIONS)
    assert figures["accuracy"] == 0.5
    assert any("10 right answers in the file are not the data set's" in note for note in figures["notes"])


def test_ids_that_are_not_unique_are_told_apart() -> None:
    """SurgViVQA numbers each video's questions anew."""
    data = [replace(row, qa_id=f"qa_{i // 2}") for i, row in enumerate(QUESTIONS)]
    figures = score(answered(data, ["left", "right"] * 10), data=data)
    assert (figures["n"], figures["duplicates"], figures["accuracy"]) == (20, 0, 1.0)
    alone = score(answered(data, ["left", "right"] * 10))
    assert (alone["n"], alone["duplicates"], alone["accuracy"]) == (20, 0, 1.0)
    with pytest.raises(InputError, match="lack case_id"):
        score([replace(row, case_id="", clip_id="", kind="", question="") for row in answered(data, ["left"] * 20)], data=data)  # fmt: skip


def test_questions_without_answers_are_refused() -> None:
    with pytest.raises(InputError, match=r"20 of 20 questions have no right answer.*--data"):
        score([replace(row, short_answer="", answer="") for row in answered(QUESTIONS, ["left"] * 20)])


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="no predictions"):
        score([])


# ---- the command


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Sequence[Prediction]], Path]:
    def write(rows: Sequence[Prediction]) -> Path:
        path = tmp_path / "predictions.jsonl"
        with path.open("w", encoding="utf-8") as file:
            predictions.append(file, rows)
        return path

    return write


def test_command(
    save: Callable[[Sequence[Prediction]], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(answered(QUESTIONS, ["left"] * 20))
    assert command.main(["score", str(path), "--out", str(tmp_path / "deep" / "score.json")]) == 0
    figures = json.loads((tmp_path / "deep" / "score.json").read_text())
    for key in [
        "n",
        "accuracy",
        "rule",
        "accuracy_by_rule",
        "macro_accuracy",
        "blind_majority",
        "ci95",
        "errors",
        "empty",
        "by_kind",
    ]:
        assert key in figures
    for key in ["n", "accuracy", "ci95", "chance", "blind_majority", "lift", "single_class", "collapsed"]:
        assert key in figures["by_kind"]["side"]
    assert set(figures["accuracy_by_rule"]) == {"exact", "word", "substring", "choice"}
    out = capsys.readouterr().out
    assert "collapsed" in out and "50.0" in out


def test_truncated_file(
    save: Callable[[Sequence[Prediction]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(answered(QUESTIONS, ["left"] * 20))
    path.write_bytes(path.read_bytes()[:-30])
    assert command.main(["score", str(path)]) == 2
    error = capsys.readouterr().err
    assert "line 20" in error and "cut off" in error and error.count("\n") == 1


def test_same_bytes_twice(save: Callable[[Sequence[Prediction]], Path], tmp_path: Path) -> None:
    path = save(answered(QUESTIONS, ["left", "right", "up", "left"] * 5))
    for name in ("a.json", "b.json"):
        assert command.main(["score", str(path), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_data_set_folder_gives_questions_and_training(
    save: Callable[[Sequence[Prediction]], Path], tmp_path: Path
) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    (tmp_path / "set" / "qa").mkdir(parents=True)
    for split, rows in {"test": QUESTIONS, "train": asked("side", ["right"] * 5)}.items():
        names = (
            "qa_id",
            "clip_id",
            "case_id",
            "kind",
            "reasoning",
            "question",
            "answer",
            "short_answer",
            "choices",
        )
        table = pyarrow.Table.from_pylist(
            [
                {name: getattr(row, name) for name in names} | {"case_id": f"{split} {row.case_id}"}
                for row in rows
            ]
        )
        parquet.write_table(table, tmp_path / "set" / "qa" / f"{split}-00000-of-00001.parquet")
    manifest.seal(tmp_path / "set", {})
    out = tmp_path / "score.json"
    path = save(answered(QUESTIONS, ["left"] * 20)[:10])
    assert command.main(["score", str(path), "--data", str(tmp_path / "set"), "--out", str(out)]) == 0
    figures = json.loads(out.read_text())
    assert (figures["n"], figures["missing"], figures["accuracy"]) == (20, 10, 0.25)
    assert figures["by_kind"]["side"]["blind_answer"] == "right"
    with pytest.raises(InputError, match="no split 'validation'; it has test, train"):
        reference.questions(tmp_path / "set", "validation")
    (tmp_path / "set" / "qa" / "train-00000-of-00001.parquet").unlink()
    manifest.seal(tmp_path / "set", {})
    assert command.main(["score", str(path), "--data", str(tmp_path / "set"), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["by_kind"]["side"]["blind_from"] == "scored questions"


def measured(file: Path) -> tuple[Path, float, float]:
    """The figures of a file, scored in a process of its own; its seconds of a core and its kilobytes."""
    out = file.with_suffix(".score.json")
    measure = (
        "import resource, sys; from surgvqa.eval.__main__ import main; assert main(sys.argv[1:]) == 0; "
        "used = resource.getrusage(resource.RUSAGE_SELF); "
        # not ru_maxrss: a child begins with its parent's, and pytest has torch loaded
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')); "
        "print(used.ru_utime + used.ru_stime, peak, file=sys.stderr)"
    )
    command = [sys.executable, "-c", measure, "score", str(file), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, kilobytes = map(float, done.stderr.split()[-2:])
    return out, seconds, kilobytes


@pytest.mark.slow  # measures time: alone on the machine, or it says nothing
def test_twenty_thousand_questions_that_are_kinds_of_their_own(tmp_path: Path) -> None:
    """Each row names its question as its kind, as files without kinds are often read: under 5 s of a core."""
    names = ("bipolar forceps", "suction", "clip applier", "large needle driver")
    with (tmp_path / "own.jsonl").open("w", encoding="utf-8") as file:
        for i in range(20_000):
            question = f"Which tool is held at second {i} of recording {i % 37}?"
            row = {
                "qa_id": str(i), "case_id": f"case{i % 40}", "kind": question, "question": question,
                "short_answer": names[i % 4], "prediction": f"It is the {names[i * 7 % 11 % 4]}.",
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    out, seconds, _ = measured(tmp_path / "own.jsonl")
    assert len(json.loads(out.read_text())["by_kind"]) == 20_000
    assert seconds < 5


@pytest.mark.slow  # measures time: alone on the machine, or it says nothing
def test_a_hundred_thousand(tmp_path: Path) -> None:
    """Of 100,000 predictions, no two alike, each takes as long as one of 20,000, and all fit in 1 GB."""
    kinds = {"phase": ("incision", "hydrodissection", "phacoemulsification"), "presence": ("yes", "no")}
    kinds["instruments"] = ("spatula", "forceps, spatula", "none")
    seconds, kilobytes = dict.fromkeys((20_000, 100_000), 0.0), 0.0
    for count in seconds:
        with (tmp_path / f"{count}.jsonl").open("w", encoding="utf-8") as file:
            for i in range(count):
                kind = sorted(kinds)[i % 3]
                answers = kinds[kind]
                row = {
                    "qa_id": str(i), "clip_id": f"c{i // 9}", "case_id": f"case{i % 150}", "kind": kind,
                    "question": f"Which {kind} is it in clip {i // 9}?", "short_answer": answers[i % len(answers)],
                    "choices": answers if kind == "phase" else (), "error": None,
                    "prediction": f"In picture {i} of the film it seems that {answers[i * 7 % 11 % len(answers)]} is right.",
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
        out, seconds[count], kilobytes = measured(tmp_path / f"{count}.jsonl")
        assert json.loads(out.read_text())["n"] == count
    assert seconds[100_000] < 8 * seconds[20_000], seconds  # quadratic work would take 25 times as long
    assert kilobytes < 1_000_000


def test_answers_from_another_path_than_was_asked_stand_in_the_headline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One in fifty after running out of memory: said with its cause, beside how long answers took."""
    path = tmp_path / "answers.jsonl"
    rows = [
        {"question_id": i, "question": "Is it?", "ground_truth": "yes" if i % 3 else "no", "prediction": "yes",
         "engine": "vllm", "latency_s": 0.5 + (i == 7)}
        for i in range(50)
    ]  # fmt: skip
    rows[9] |= {"engine": "hf", "fallback_reason": "out of memory"}
    rows[11]["fallback_reason"] = None
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command.main(["score", str(path), "--out", str(tmp_path / "score.json")]) == 0
    out = capsys.readouterr().out
    assert "WARNING: 2.0 % of the answers came from another path than was asked: out of memory 1" in out
    assert "answered by: vllm 49, hf 1, 0.50 s an answer, one in a hundred 1.01 s and more" in out
    made = json.loads((tmp_path / "score.json").read_text())["made_by"]
    assert (made["paths"], made["fallbacks"], made["seconds"]["n"]) == ({"vllm": 49, "hf": 1}, {"out of memory": 1}, 50)  # fmt: skip
    for row in rows:
        row["fallback_reason"] = "false"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command.main(["score", str(path)]) == 0
    assert "another path" not in capsys.readouterr().out


def test_the_table_for_a_spreadsheet_and_a_paper(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    rows = [
        {"id": i, "question": "Is it?", "kind": "one_kind" if i % 2 else "b & c", "case": "abc"[i % 3],
         "ground_truth": "yes" if i % 4 < 2 else "no", "prediction": "yes"}
        for i in range(24)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("score.csv", "score.tex", "score.json"):
        assert command.main(["score", str(path), "--out", str(tmp_path / name)]) == 0
    figures = json.loads((tmp_path / "score.json").read_text())
    table = [line.split(",") for line in (tmp_path / "score.csv").read_text().splitlines()]
    assert [row[0] for row in table] == ["kind", "b & c", "one_kind", "all kinds that count"]
    assert float(table[-1][2]) == figures["accuracy"]
    assert [float(end) for end in table[-1][3:5]] == figures["ci95"]
    paper = (tmp_path / "score.tex").read_text()
    assert r"b \& c & 12 & 50.0 & " in paper
    assert r"one\_kind & 12" in paper
