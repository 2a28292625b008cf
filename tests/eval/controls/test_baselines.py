"""What doesn't look: each baseline on data in which it must get exactly so much, and no more."""

from __future__ import annotations

import json

import pytest
import small_data
from surgvqa.eval.__main__ import main
from surgvqa.eval.controls.baselines import answer_all, by_kind, most_frequent, phase_key, text_model
from surgvqa.eval.data.streams import questions


def baselines(tmp_path, data, *more):
    out = tmp_path / "baselines.json"
    assert main(["baselines", str(data), *map(str, more), "--out", str(out)]) == 0
    return json.loads(out.read_text())


def accuracy(found, run, kind):
    return found["runs"][run]["by_kind"][kind]["accuracy"]


def write_predictions(path, rows, answer):
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in small_data.predictions(rows, answer))
    return path


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    rows = small_data.make()
    return rows, small_data.write(tmp_path_factory.mktemp("invented"), rows)


def test_each_baseline_gets_what_its_sight_allows(tmp_path, invented, capsys):
    _, data = invented
    found = baselines(tmp_path, data)
    assert list(found["runs"]) == ["majority", "text", "text model", "phase", "phase+text", "colour"]
    assert found["n"] == 108
    third = pytest.approx(1 / 3)
    assert accuracy(found, "majority", "phase") == third
    assert accuracy(found, "majority", "presence") == 0.5
    assert accuracy(found, "text", "presence") == 1.0  # the question gives it away
    assert accuracy(found, "text model", "presence") == 1.0
    assert accuracy(found, "text", "phase") == third
    assert accuracy(found, "phase", "instruments") == 1.0
    assert accuracy(found, "phase", "phase") == third  # told the phase, it may not answer with it
    assert accuracy(found, "phase", "presence") == 0.5
    assert accuracy(found, "phase+text", "presence") == 1.0
    assert accuracy(found, "colour", "phase") == 1.0  # drawn in the phase's colour
    assert found["best_blind"] in ("text", "text model")
    printed = capsys.readouterr().out
    assert "best without the video: text" in printed
    assert printed.splitlines()[0].split() == ["kind", "n", *" ".join(found["runs"]).split()]


def test_the_test_split_s_answers_are_never_learnt(tmp_path, invented):
    _, data = invented
    main(["baselines", str(data), "--save", str(tmp_path / "honest")])
    lying = small_data.make()
    for clip in lying["test"]:
        for qa in clip["qa"]:
            qa["short_answer"] = qa["choices"][0]
    main(["baselines", str(small_data.write(tmp_path / "lying", lying)), "--save", str(tmp_path / "told")])
    files = sorted(path.name for path in (tmp_path / "honest").iterdir())
    assert len(files) == 6
    for name in files:
        said = [
            [json.loads(line)["prediction"] for line in (tmp_path / folder / name).read_text().splitlines()]
            for folder in ("honest", "told")
        ]
        assert said[0] == said[1], name


def test_colour_falls_to_chance_when_the_pictures_are_another_clip_s(tmp_path):
    rows = small_data.make()
    for split in rows.values():
        for clip, other in zip(split, split[4:] + split[:4], strict=True):
            clip["images"], other["images"] = other["images"], clip["images"]
    found = baselines(tmp_path, small_data.write(tmp_path / "data", rows))
    assert accuracy(found, "colour", "phase") < 0.7


def test_without_frames_it_says_what_it_did_not_run(tmp_path, capsys):
    data = small_data.write(tmp_path / "data", small_data.make(pictures=False))
    found = baselines(tmp_path, data)
    assert "colour" not in found["runs"]
    assert found["not_run"] == {"colour": "the data set holds no frames"}
    assert "not run: colour" in capsys.readouterr().out


def test_what_of_a_score_needs_the_video_and_its_order(tmp_path, invented):
    rows, data = invented
    model = write_predictions(tmp_path / "model.jsonl", rows, lambda qa, clip: qa["short_answer"])
    blind = write_predictions(
        tmp_path / "blind.jsonl",
        rows,
        lambda qa, clip: qa["short_answer"] if qa["kind"] == "presence" else qa["choices"][0],
    )
    found = baselines(
        tmp_path, data, model, "--control", f"no-pixels={blind}", "--control", f"shuffled-frames={model}"
    )
    assert found["runs"]["model"]["accuracy"] == 1.0
    lost = found["model_minus"]["no-pixels"]
    assert lost["difference"] == pytest.approx(1 - found["runs"]["no-pixels"]["accuracy"], abs=1e-5)
    assert lost["ci95"] is None  # two cases
    assert "not shown: that the model uses the pixels (too few cases to tell)" in found["verdicts"]
    assert found["model_minus"]["shuffled-frames"] == {"difference": 0.0, "ci95": None}
    assert (
        "not shown: that the model sees the order of frames (it does as well on shuffled ones)"
        in found["verdicts"]
    )
    assert next(iter(found["model_minus"])) == found["best_blind"]


def test_a_text_only_answerer_is_told_from_one_that_looks(tmp_path, capsys):
    rows = small_data.make(pictures=False)
    for number in range(7, 13):  # more operations, so that an interval can say something
        rows["test"] += [
            small_data.clip(f"case_{number}", phase, 5.0 * place, False)
            for place, phase in enumerate(small_data.PHASES)
        ]
    data = small_data.write(tmp_path / "data", rows)
    main(["baselines", str(data), "--save", str(tmp_path / "said")])
    found = baselines(tmp_path, data, tmp_path / "said" / "text-model.jsonl")
    assert len(found["verdicts"]) == 1
    assert found["verdicts"][0].startswith("not shown: that the model looks at the video")
    assert found["verdicts"][0] in capsys.readouterr().out
    looks = write_predictions(tmp_path / "model.jsonl", rows, lambda qa, clip: qa["short_answer"])
    assert baselines(tmp_path, data, looks)["verdicts"] == []
    found = baselines(tmp_path, data, looks, "--control", f"shuffled-frames={looks}")
    assert [verdict.split("(")[0] for verdict in found["verdicts"]] == [
        "not shown: that the model sees the order of frames "
    ]


def test_unanswered_questions_stay_in_the_denominator(tmp_path, invented):
    rows, data = invented
    model = write_predictions(tmp_path / "model.jsonl", rows, lambda qa, clip: qa["short_answer"])
    lines = model.read_text().splitlines(keepends=True)
    model.write_text("".join(lines[: len(lines) // 2]))
    found = baselines(tmp_path, data, model)
    assert found["runs"]["model"]["accuracy"] == 0.5
    assert found["runs"]["model"]["missing"] == 54


def test_the_text_model_reads_words_it_has_not_seen_together():
    def row(question, answer):
        return {"kind": "presence", "question": question, "short_answer": answer, "choices": ["yes", "no"]}

    tools = ("probe", "hook", "clip", "loop")
    train = [row(f"Is a {tool} in view?", "yes") for tool in (*tools, "trocar")]
    train += [row(f"Is there any laser near the {tool}?", "no") for tool in tools]
    ask = [row("Is any laser in this clip?", "no"), row("Is a hook visible in view?", "yes")]
    say = text_model(train)
    assert [say(question) for question in ask] == ["no", "yes"]
    assert [most_frequent(train, by_kind)(question) for question in ask] == ["yes", "yes"]


def test_knowing_the_phase_helps_only_where_it_is_not_the_answer(invented):
    _, data = invented
    train = questions(str(data))["train"]
    key = phase_key(train)
    keys = {row["kind"]: key(row) for row in train if row["phase"] == "incision"}
    assert keys["phase"] == ("phase", None)
    assert keys["next_phase"] == ("next_phase", "incision")


def test_a_list_is_not_held_to_the_choices_and_an_unknown_kind_is_not_guessed():
    train = [
        {
            "kind": "instruments",
            "question": "Which?",
            "short_answer": "hook, clip",
            "choices": ["clip", "hook", "probe"],
        }
    ]
    strange = {"kind": "count", "question": "How many?", "short_answer": "2", "choices": []}
    answer = most_frequent(train, by_kind)
    assert answer(train[0]) == "hook, clip"
    assert answer(strange) == ""


def test_rows_keep_their_names(invented):
    _, data = invented
    rows = questions(str(data))["test"]
    said = answer_all(rows, lambda row: "x")
    assert [row.qa_id for row in said] == [row["qa_id"] for row in rows]
    assert {row.case_id for row in said} == {"case_5", "case_6"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no such folder"),
        (["untrained"], "learns from split train, and is scored on another one; found test"),
        (["data", "--split", "tset"], "has no split 'tset'; did you mean test? It has"),
        (["data", "--split", "train"], "is scored on another one"),
        (["data", "--control", "blind.jsonl"], "write NAME=FILE"),
        (["data", "--control", "text=x.jsonl"], "text is taken"),
        (["data", "absent.jsonl"], "absent.jsonl"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    rows = small_data.make(pictures=False, clips_per_phase=1)
    small_data.write(tmp_path / "data", rows)
    small_data.write(tmp_path / "untrained", {"test": rows["test"]})
    capsys.readouterr()
    assert main(["baselines", *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("surgvqa-eval: ")
    assert message in last
