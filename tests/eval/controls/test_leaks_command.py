"""`surgvqa-eval leaks` on data sets with one planted leak each, ours and others'."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
import small_data
from datasets import Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pictures
from surgvqa.builders.cases.leakage import between, window
from surgvqa.eval.__main__ import main
from surgvqa.eval.controls.texts import one_answer_texts


def check(tmp_path, *where, columns=""):
    """Exit code and JSON of one run."""
    out = tmp_path / "leaks.json"
    out.unlink(missing_ok=True)
    arguments = ["leaks", *map(str, where), "--out", str(out)]
    arguments += ["--columns", columns] if columns else []
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    return code, json.loads(out.read_text()) if out.exists() else None


def test_clean_splits_pass(tmp_path, capsys):
    code, found = check(tmp_path, small_data.write(tmp_path / "data", small_data.make()))
    assert code == 0
    assert found["ok"]
    assert found["leaks"] == {
        "shared_cases": 0,
        "overlapping_windows": 0,
        "shared_frames": 0,
        "near_duplicates": 0,
        "turned_frames": 0,
        "cropped_frames": 0,
    }
    assert found["not_checked"] == []
    assert found["splits"]["train"] == {
        "windows": 27,
        "cases": 3,
        "frames_compared": 54,
        "blank_frames": 0,
        "questions": 162,
    }
    assert "no leak found" in capsys.readouterr().out


def test_without_pictures_only_what_was_checked_is_claimed(tmp_path, capsys):
    data = small_data.make()
    for rows in data.values():
        for row in rows:
            row["images"] = []
    code, found = check(tmp_path, small_data.write(tmp_path / "data", data))
    said = capsys.readouterr().out
    assert code == 0 and found["not_checked"]
    assert "no leak found in what could be checked" in said
    assert "– near duplicates" in said and "0 near duplicates" not in said and "0 shared cases" in said


def test_one_case_in_two_splits(tmp_path, capsys):
    rows = small_data.make()
    rows["test"] += [small_data.clip("case_2", "incision", 500.0)]
    code, found = check(tmp_path, small_data.write(tmp_path / "data", rows))
    assert code == 1
    assert found["leaks"]["shared_cases"] == 1
    assert found["leaks"]["overlapping_windows"] == 0
    (pair,) = [pair for pair in found["pairs"] if pair["shared_cases"]["n"]]
    assert (pair["a"], pair["b"], pair["shared_cases"]["examples"]) == ("train", "test", ["case_2"])
    assert "LEAK" in capsys.readouterr().out


def test_one_second_of_overlap(tmp_path):
    rows = small_data.make(pictures=False)
    rows["test"] += [small_data.clip("case_2", "incision", 44.0, pictures=False)]
    code, found = check(tmp_path, small_data.write(tmp_path / "data", rows))
    assert code == 1
    assert found["leaks"]["overlapping_windows"] == 1
    (overlap,) = [p["overlapping_windows"] for p in found["pairs"] if p["overlapping_windows"]["n"]]
    assert overlap["examples"] == [
        {"clip_id": "case_2@44000-49000", "like": "case_2@40000-45000", "amount": 1.0}
    ]
    assert any("frames" in line for line in found["not_checked"])  # without pictures it says so


def test_a_case_under_another_name_a_second_later(tmp_path):
    rows = small_data.make()
    later = small_data.clip("case_6", "incision", 1000.0)
    for image, time in zip(later["images"], (2.25, 4.75), strict=True):
        image["bytes"] = small_data.jpeg(small_data.frame("case_1", "incision", time))
    rows["test"] += [later]
    code, found = check(tmp_path, small_data.write(tmp_path / "data", rows))
    assert code == 1
    assert found["leaks"]["shared_frames"] == 0
    (pair,) = [p for p in found["pairs"] if p["near_duplicates"]["n"]]
    assert [e["clip_id"] for e in pair["near_duplicates"]["examples"]] == [later["clip_id"]]
    assert pair["near_duplicates"]["examples"][0]["like"].startswith("case_1@")


@pytest.mark.parametrize(("quality", "check_name"), [(None, "shared_frames"), (40, "near_duplicates")])
def test_one_frame_copied_or_re_encoded(tmp_path, quality, check_name):
    rows = small_data.make()
    copied = rows["train"][4]["images"][1]["bytes"]
    if quality:
        with Pictures.open(io.BytesIO(copied)) as image:
            copied = small_data.jpeg(image.resize((120, 90)), quality)
    rows["test"][3]["images"][0]["bytes"] = copied
    code, found = check(tmp_path, small_data.write(tmp_path / "data", rows))
    assert code == 1
    assert {name: n for name, n in found["leaks"].items() if n} == {check_name: 1}
    (pair,) = [p for p in found["pairs"] if p[check_name]["n"]]
    example = pair[check_name]["examples"][0]
    assert (example["like"], example["clip_id"]) == (rows["train"][4]["clip_id"], rows["test"][3]["clip_id"])


def test_question_texts_with_one_answer_are_listed(tmp_path):
    _, found = check(tmp_path, small_data.write(tmp_path / "data", small_data.make()))
    texts = {item["question"]: item["answer"] for item in found["one_answer_questions"]["examples"]}
    assert texts["is a laser visible?"] == "no"
    assert "which phase is this?" not in texts


def test_two_data_sets_are_compared_with_each_other_only(tmp_path):
    rows = small_data.make()
    ours = small_data.write(tmp_path / "ours", {"train": rows["train"], "test": rows["train"][:1]})
    theirs = small_data.write(tmp_path / "theirs", {"test": rows["test"]})
    code, found = check(tmp_path, ours, theirs)
    assert code == 0
    assert len(found["pairs"]) == 2
    again = small_data.write(tmp_path / "again", {"test": rows["train"][:1]})
    code, found = check(tmp_path, theirs, again)
    assert code == 0
    code, found = check(tmp_path, ours, again)
    assert code == 1
    assert found["leaks"]["shared_cases"] == 2


def stranger(folder, *, names=("video_name", "query", "label"), test_video="v9"):
    """Someone else's data set: a row per question, one picture, columns of their own."""
    case, question, answer = names

    def split(videos):
        return Dataset.from_list(
            [
                {
                    case: video,
                    question: "Which tool?",
                    answer: str(number % 2),
                    "frame": {"bytes": small_data.jpeg(small_data.frame(video, "incision", 9.0 * number))},
                }
                for video in videos
                for number in range(3)
            ],
            features=Features(
                {case: Value("string"), question: Value("string"), answer: Value("string"), "frame": Image()}
            ),
        )

    data = DatasetDict({"train": split(["v1", "v2"]), "test": split([test_video])})
    data.save_to_disk(folder)
    return folder


def test_a_stranger_s_data_set_by_its_column_names(tmp_path, capsys):
    code, found = check(tmp_path, stranger(tmp_path / "theirs"))
    assert code == 0
    assert found["columns"]["train"] == {"case_id": "video_name", "question": "query", "answer": "label"}
    assert sum("overlapping windows" in line for line in found["not_checked"]) == 2
    code, found = check(tmp_path, stranger(tmp_path / "leaky", test_video="v2"))
    assert code == 1
    assert found["leaks"]["shared_cases"] == 1
    assert found["leaks"]["shared_frames"] == 3
    capsys.readouterr()


def test_a_stranger_s_columns_can_be_told(tmp_path):
    folder = stranger(tmp_path / "theirs", names=("op", "q", "a"), test_video="v2")
    _, found = check(tmp_path, folder)
    assert any("shared cases" in line for line in found["not_checked"])
    _, found = check(tmp_path, folder, columns="case_id=op,question=q,answer=a")
    assert found["leaks"]["shared_cases"] == 1
    assert found["not_checked"] == [line for line in found["not_checked"] if "overlapping" in line]


@pytest.mark.parametrize(
    ("where", "columns", "message"),
    [
        (["nowhere"], "", "no such folder"),
        (["one"], "", "only one split"),
        (["data"], "case_id=patient", "no column 'patient'"),
        (["data"], "case=op", "no such part; did you mean case_id?"),
        (["data"], "case_id", "--columns case_id"),
        (["data", "data", "data"], "", "one or two"),
        (["bare"], "", "no check can be made"),
        (["damaged"], "", "picture that can't be read"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(tmp_path, monkeypatch, capsys, where, columns, message):
    monkeypatch.chdir(tmp_path)
    rows = small_data.make(pictures=False)
    small_data.write(tmp_path / "data", rows)
    small_data.write(tmp_path / "one", {"train": rows["train"]})
    bare = Dataset.from_list([{"x": 1}])
    DatasetDict({"train": bare, "test": bare}).save_to_disk(tmp_path / "bare")
    rows["test"][0]["images"] = [{"bytes": b"not a picture", "path": None}]
    small_data.write(tmp_path / "damaged", rows)
    capsys.readouterr()
    code, found = check(tmp_path, *where, columns=columns)
    assert (code, found) == (2, None)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("surgvqa-eval: ")
    assert message in last


def test_the_shipped_split_of_a_published_data_set_leaks_as_counted_by_hand(tmp_path, realdata):
    for part in ("train", "eval"):
        (tmp_path / part).mkdir()
        text = (realdata / "surgvivqa" / "data" / f"{part}_multivideo.jsonl").read_text()
        (tmp_path / part / "train.jsonl").write_text(text)
    code, found = check(tmp_path, tmp_path / "train", tmp_path / "eval")
    assert code == 1
    assert list(found["splits"].values())[1]["windows"] == 397  # of 398 rows: one clip is asked twice
    assert found["leaks"]["shared_frames"] == 169


def test_a_black_screen_in_both_splits_is_no_leak(tmp_path):
    rows = small_data.make()
    black = small_data.jpeg(Pictures.new("RGB", (160, 120)))
    for split in ("train", "test"):
        rows[split][0]["images"][0]["bytes"] = black
    code, found = check(tmp_path, small_data.write(tmp_path / "data", rows))
    assert code == 0
    assert found["splits"]["test"]["blank_frames"] == 1


def test_a_text_asked_rarely_or_answered_twice_is_not_single():
    rows = [("Is there a lens?", "no")] * 9 + [("Where is it?", "left")] * 4 + [("Which phase?", "idle")] * 5
    rows += [("which  phase?", "incision")]
    assert [(item.question, item.times) for item in one_answer_texts(rows)] == [("is there a lens?", 9)]


def test_real_operations_stay_apart_and_real_re_encodings_meet(realdata):
    """The threshold, on frames of four real operations of three kinds."""
    files = {
        "cataract": sorted((realdata / "cataract1k_frames_masks").rglob("images/*.png")),
        "vid68": sorted((realdata / "cholect50_val").rglob("VID68/*.png")),
        "vid73": sorted((realdata / "cholect50_val").rglob("VID73/*.png")),
        "case122": sorted((realdata / "surgvu25_sample").rglob("*.jpg"))[::10],
    }

    def windows(case, size, quality):
        for path in files[case]:
            with Pictures.open(path) as image:
                content = small_data.jpeg(image.convert("RGB").resize(size), quality)
            yield {
                "clip_id": path.name,
                "case_id": case,
                "start_s": 0,
                "end_s": 1,
                "images": [content],
                "frame_times_s": [],
            }

    large = {case: [window(row) for row in windows(case, (640, 480), 90)] for case in files}
    for one in files:
        again = [window(row) for row in windows(one, (224, 224), 40)]
        assert {found.clip_id for found in between(large[one], again)["near_duplicates"]} == {
            w.clip_id for w in again
        }
        for other in files:
            if other != one:
                assert between(large[other], again)["near_duplicates"] == []


def test_a_data_set_on_the_hub(hub, tmp_path):
    from hub import TOKEN
    from huggingface_hub import HfApi

    rows = small_data.make(clips_per_phase=1)
    rows["test"] += [small_data.clip("case_2", "incision", 500.0)]
    folder = small_data.write(tmp_path / "data", rows)
    api = HfApi(endpoint=hub.url, token=TOKEN)
    api.create_repo("org/set", repo_type="dataset")
    api.upload_folder(folder_path=folder, repo_id="org/set", repo_type="dataset")
    out = tmp_path / "leaks.json"
    done = subprocess.run(
        [sys.executable, "-m", "surgvqa.eval", "leaks", "org/set", "--out", str(out)],
        cwd=tmp_path,
        env=os.environ | hub.environment(str(tmp_path / "home")),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(out.read_text())
    assert found["leaks"]["shared_cases"] == 1
    assert found["splits"]["train"]["frames_compared"] == 18


def of(rows, source, named):
    """Clips as those of another data set, each case under another name."""
    return [
        row | {"source": source, "case_id": named[row["case_id"]], "clip_id": f"{source} {row['clip_id']}"}
        for row in rows
        if row["case_id"] in named
    ]


def test_operations_that_two_public_sets_show_are_named_without_pixels(tmp_path):
    rows = small_data.make(pictures=False)
    cholec80 = {"train": of(rows["train"], "cholec80", {"case_1": "video68", "case_2": "video09"})}
    endoscapes = {"test": of(rows["train"], "endoscapes", {"case_2": "2", "case_3": "9"})}
    where = [small_data.write(tmp_path / name, data) for name, data in (("a", cholec80), ("b", endoscapes))]
    code, found = check(tmp_path, *where)
    assert code == 1 and found["leaks"]["shared_cases"] == 1
    assert found["pairs"][0]["shared_cases"]["examples"] == ["2 is video68 (CAMMA cholecystectomy 68)"]
    other = {"test": of(rows["train"], "endoscapes", {"case_3": "9"})}
    code, found = check(tmp_path, where[0], small_data.write(tmp_path / "c", other))
    assert code == 0


def test_a_set_without_a_column_of_its_source_is_known_by_its_name(tmp_path):
    (tmp_path / "mine").mkdir()
    ours = small_data.write(
        tmp_path / "mine" / "x",
        {"train": of(small_data.make(pictures=False)["train"], "cholec80", {"case_1": "video02"})},
    )
    code, found = check(tmp_path, ours, stranger(tmp_path / "CholecT50-qa", test_video="VID02"))
    assert code == 1 and [pair["shared_cases"]["n"] for pair in found["pairs"]] == [0, 1]


def test_sets_of_which_nobody_knows_which_case_is_which_are_said_so(tmp_path):
    rows = small_data.make(pictures=False)["train"]
    a = small_data.write(tmp_path / "a", {"train": of(rows, "autolaparo", {"case_1": "video03"})})
    b = small_data.write(tmp_path / "b", {"test": of(rows, "autolaparo_motion", {"case_2": "clip001"})})
    _, found = check(tmp_path, a, b)
    assert any("AutoLaparo and AutoLaparo, clips show the same" in line for line in found["not_checked"])
