"""A data set in the formats of other projects: what they read is what we have, and what they can't say is counted."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from building import build, import_file
from PIL import Image
from pycocotools.coco import COCO
from surgvqa.builders import sources
from surgvqa.builders.__main__ import main
from surgvqa.builders.peers import formats
from surgvqa.builders.schema import FEATURES, QA_COLUMNS, Case
from surgvqa.cards.command import InputError

LOADERS = Path(__file__).parents[2] / "support" / "peer_loaders"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    options = {"render_cases": 4, "size": 96, "stills": True}
    build(
        "synthetic", folder / "root", folder / "set", workers=0, frames=2, max_side=64, source_options=options
    )
    return folder / "set"


def clips(folder: Path, split: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((folder / "clips").glob(f"{split}-*"))
        for row in pq.read_table(path).to_pylist()
    ]


def questions(folder: Path, split: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(row, qa) for row in clips(folder, split) for qa in row["qa"]]


def written(ours: Path, out: Path, form: str) -> dict[str, int]:
    lost = formats.export(ours, out, form)
    assert json.loads((out / "lost.json").read_text()) == lost
    source = json.loads((ours / "manifest.json").read_text())["source"]
    assert json.loads((out / "source.json").read_text())["licence"] == source["licence"]
    return lost


def whole(said: str) -> dict[str, Any]:
    return json.loads(said)


def same_question(said: Mapping[str, Any], row: Mapping[str, Any], qa: Mapping[str, Any]) -> bool:
    clip = {name: row[name] for name in FEATURES if name not in ("images", "qa", "messages")}
    return said == clip | {"question": {name: qa[name] for name in QA_COLUMNS}}


@pytest.mark.parametrize("form", ["ms-swift", "llama-factory"])
def test_conversations_come_back_whole(ours: Path, tmp_path: Path, form: str) -> None:
    assert written(ours, tmp_path / "out", form) == {}
    for split in SPLITS:
        rows = clips(ours, split)
        path = tmp_path / "out" / (f"{split}.jsonl" if form == "ms-swift" else f"{split}.json")
        text = path.read_text("utf-8")
        samples = [json.loads(line) for line in text.splitlines()] if form == "ms-swift" else json.loads(text)
        assert len(samples) == len(rows) > 0
        for sample, row in zip(samples, rows, strict=True):
            assert whole(sample["surgvqa"]) == {name: row[name] for name in FEATURES if name != "images"}
            shown = [(tmp_path / "out" / name).read_bytes() for name in sample["images"]]
            assert shown == [image["bytes"] for image in row["images"]]
            assert sum(one["content"].count("<image>") for one in sample["messages"]) == len(shown)
        import_file(path, tmp_path / f"back-{split}", max_side=0)
        table = pq.read_table(tmp_path / f"back-{split}" / "instruct").to_pylist()
        assert [row["messages"] for row in table] == [row["messages"] for row in rows]
        assert [len(row["images"]) for row in table] == [len(row["images"]) for row in rows]


def test_llama_factory_is_told_where_its_columns_are(ours: Path, tmp_path: Path) -> None:
    written(ours, tmp_path / "out", "llama-factory")
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert {one["file_name"] for one in info.values()} == {f"{split}.json" for split in SPLITS}


@pytest.mark.parametrize("form", ["lmms-eval", "medvidbench"])
def test_every_question_is_there_with_its_pictures(ours: Path, tmp_path: Path, form: str) -> None:
    assert written(ours, tmp_path / "out", form) == {}
    for split in SPLITS:
        asked = questions(ours, split)
        if form == "lmms-eval":
            lines = (tmp_path / "out" / f"{split}.jsonl").read_text("utf-8").splitlines()
            said = [
                (one["question"], one["answer"], one["images"], one["surgvqa"])
                for one in map(json.loads, lines)
            ]
        else:
            samples = json.loads((tmp_path / "out" / f"{split}.json").read_text())
            said = [
                (
                    one["conversations"][0]["value"].removeprefix("<video>\n"),
                    one["conversations"][1]["value"],
                    one["video"],
                    one["surgvqa"],
                )
                for one in samples
            ]
        assert len(said) == len(asked) > 0
        for (question, answer, names, rest), (row, qa) in zip(said, asked, strict=True):
            assert (question, answer) == (qa["question"], qa["short_answer"])
            assert [(tmp_path / "out" / name).read_bytes() for name in names] == [
                one["bytes"] for one in row["images"]
            ]
            assert same_question(whole(rest), row, qa)


def test_vlmevalkit_has_choices_by_letter(ours: Path, tmp_path: Path) -> None:
    assert written(ours, tmp_path / "out", "vlmevalkit") == {}
    rows: list[dict[str, str]] = []
    for path in sorted((tmp_path / "out").glob("set_test_*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file, delimiter="\t")
    by_id = {qa["qa_id"]: (row, qa) for row, qa in questions(ours, "test")}
    assert len(rows) == len(by_id)
    for one in rows:
        row, qa = by_id[whole(one["surgvqa"])["question"]["qa_id"]]
        right = one[one["answer"]] if one.get("A") else one["answer"]
        assert right == qa["short_answer"] and same_question(whole(one["surgvqa"]), row, qa)
        names = one["image_path"]
        assert all(
            (tmp_path / "out" / name).is_file()
            for name in (json.loads(names) if names[0] == "[" else [names])
        )
    assert len({one["index"] for one in rows}) == len(rows)


def test_inspect_has_a_task_for_choices_and_one_for_open_questions(ours: Path, tmp_path: Path) -> None:
    lost = written(ours, tmp_path / "out", "inspect")
    assert set(lost) <= {"clip's pictures joined into one"}
    tasks = {one["id"]: one for one in yaml.safe_load((tmp_path / "out" / "eval.yaml").read_text())["tasks"]}
    assert set(tasks) == {"choice", "open"} and tasks["choice"]["field_spec"]["choices"] == "choices"
    rows = pq.read_table(tmp_path / "out" / "choice" / "test-00000-of-00001.parquet").to_pylist()
    rows += pq.read_table(tmp_path / "out" / "open" / "test-00000-of-00001.parquet").to_pylist()
    by_id = {qa["qa_id"]: qa for _, qa in questions(ours, "test")}
    assert {row["id"] for row in rows} == set(by_id)
    for row in rows:
        right = row["choices"][ord(row["target"]) - 65] if row["choices"] else row["target"]
        assert right == by_id[row["id"]]["short_answer"]
        head, _, content = row["image"].partition(",")
        assert (
            head == "data:image/jpeg;base64" and Image.open(io.BytesIO(base64.b64decode(content))).width >= 64
        )


def test_surgvu_is_read_by_its_own_reader(ours: Path, tmp_path: Path) -> None:
    lost = written(ours, tmp_path / "out", "surgvu")
    assert "question's column kind" in lost and "question's column question" not in lost
    found = [one for one in sources.load("surgvu").cases(tmp_path / "out" / "test") if isinstance(one, Case)]
    asked = questions(ours, "test")
    assert [one.clips[0].qa[0].question for one in found] == [qa["question"] for _, qa in asked]
    assert [one.clips[0].qa[0].short_answer for one in found] == [qa["short_answer"] for _, qa in asked]
    assert [len(one.frames) for one in found] == [len(row["images"]) for row, _ in asked]


def test_answer_files_of_two_benchmarks(ours: Path, tmp_path: Path) -> None:
    asked = questions(ours, "test")
    lines = [
        json.dumps({"qa_id": qa["qa_id"], "prediction": f"it is {number}"})
        for number, (_, qa) in enumerate(asked)
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(lines[:-1]))  # one is missing
    lost = formats.export(ours, tmp_path / "m", "medvidbench", tmp_path / "p.jsonl")
    assert lost["test: questions without a prediction"] == 1
    answers = json.loads((tmp_path / "m" / "answers_test.json").read_text())
    samples = json.loads((tmp_path / "m" / "test.json").read_text())
    assert [one["id"] for one in answers] == [one["id"] for one in samples]
    assert set(answers[0]) == {"id", "qa_type", "prediction"} and answers[3]["prediction"] == "it is 3"
    assert answers[-1]["prediction"] == "" and answers[0]["id"].count("&&") == 3
    formats.export(ours, tmp_path / "s", "surgvu", tmp_path / "p.jsonl")
    said = tmp_path / "s" / "test" / "case000003" / "visual-context-response.json"
    assert json.loads(said.read_text()) == "it is 3"


def test_coco_has_the_masks_of_the_pictures(ours: Path, tmp_path: Path) -> None:
    lost = written(ours, tmp_path / "out", "coco")
    assert lost["question"] == sum(len(questions(ours, split)) for split in SPLITS)
    data = COCO(tmp_path / "out" / "annotations" / "instances_train.json")
    rows = {row["clip_id"]: row for row in clips(ours, "train")}
    shown = data.loadImgs(data.getImgIds())
    assert len(shown) == len([row for row in rows.values() if row["scene"]]) > 0
    for image in shown:
        with Image.open(tmp_path / "out" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        scene = json.loads(rows[image["clip_id"]]["scene"])
        things = data.loadAnns(data.getAnnIds(imgIds=[image["id"]]))
        assert {one["name"] for one in things} <= {node["id"] for node in scene["nodes"]}
        scale = image["width"] / scene["width"]
        for one in things:
            node = next(node for node in scene["nodes"] if node["id"] == one["name"])
            assert data.annToMask(one).sum() == pytest.approx(node["area"] * scale**2, rel=0.25, abs=8)
            assert one["bbox"][0] == pytest.approx(node["bbox"][0] * scale, abs=2.5)


def test_lerobot_and_fiftyone_hold_every_picture(ours: Path, tmp_path: Path) -> None:
    assert written(ours, tmp_path / "l", "lerobot") == {}
    rows = clips(ours, "train")
    table = pq.read_table(tmp_path / "l" / "train" / "data" / "chunk-000" / "file-000.parquet").to_pylist()
    assert [one["observation.images.endoscope"]["bytes"] for one in table] == [
        image["bytes"] for row in rows for image in row["images"]
    ]
    episodes = pq.read_table(tmp_path / "l" / "train" / "meta" / "episodes").to_pylist()
    assert [whole(one["surgvqa"])["clip_id"] for one in episodes] == [row["clip_id"] for row in rows]
    info = json.loads((tmp_path / "l" / "train" / "meta" / "info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (len(rows), len(table))
    written(ours, tmp_path / "f", "fiftyone")
    data = json.loads((tmp_path / "f" / "samples.json").read_text())
    samples = data["samples"]
    named = {"filepath", "tags", *data["sample_fields"]}  # its loader refuses a sample with any other field
    assert all(sample.keys() <= named for sample in samples)
    assert len(samples) == sum(len(row["images"]) for split in SPLITS for row in clips(ours, split))
    boxes = [
        one["bounding_box"] for sample in samples for one in sample.get("things", {}).get("detections", ())
    ]
    assert boxes and all(min(x, y) >= 0 and x + w <= 1.001 and y + h <= 1.001 for x, y, w, h in boxes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "swift"], "did you mean ms-swift?"),
        (["--to", "coco", "--predictions", "p.jsonl"], "coco has no file of answers"),
        (["--to", "surgvu", "--predictions", "nowhere.jsonl"], "no such file"),
        (["--to", "surgvu", "--predictions", "p.jsonl"], "p.jsonl, line 2: a second prediction for a"),
        (["--to", "surgvu", "--predictions", "q.jsonl"], "q.jsonl, line 1: an object with texts"),
    ],
)
def test_mistakes_are_one_line(
    ours: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text('{"qa_id": "a", "prediction": "b"}\n' * 2)
    Path("q.jsonl").write_text('{"qa_id": 1, "prediction": "b"}\n')
    assert main(["export", str(ours), "--out", "out", *words]) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists() and not Path("out.part").exists()


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(InputError, match="no config clips"):
        formats.export(tmp_path / "set", tmp_path / "out", "coco")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["inspect", "lerobot", "ms-swift", "llama-factory", "lmms-eval", "fiftyone"])
def test_their_own_loader_reads_it(ours: Path, tmp_path: Path, form: str) -> None:
    """Each in an environment of its own: $SURGVQA_PEERS/FORMAT/bin/python has the package from PyPI."""
    python = Path(os.environ.get("SURGVQA_PEERS", "/nowhere")) / form / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no {form} in $SURGVQA_PEERS")
    formats.export(ours, tmp_path / "out", form)
    expected = {split: len(clips(ours, split)) for split in SPLITS}
    script = LOADERS / f"{form.replace('-', '_')}_loader.py"
    offline = {
        **os.environ,
        "DISABLE_VERSION_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": "",
    }
    words = [str(python), str(script), str(tmp_path / "out"), json.dumps(expected)]
    done = subprocess.run(words, capture_output=True, text=True, env=offline, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_clips_without_pictures_are_said_to_be_lost(ours: Path, tmp_path: Path) -> None:
    """A data set built without pixels is questions about nothing that another project could show."""
    bare = tmp_path / "bare"
    (bare / "clips").mkdir(parents=True)
    for path in sorted((ours / "clips").glob("*.parquet")):
        table = pq.read_table(path)
        empty = pa.array([[] for _ in range(len(table))], table.schema.field("images").type)
        index = table.schema.get_field_index("images")
        pq.write_table(
            table.set_column(index, table.schema.field("images"), empty), bare / "clips" / path.name
        )
    count = sum(len(clips(ours, split)) for split in SPLITS)
    for form in (
        "ms-swift",
        "llama-factory",
        "lmms-eval",
        "inspect",
        "fiftyone",
        "vlmevalkit",
        "medvidbench",
    ):
        lost = formats.export(bare, tmp_path / form, form)
        assert lost["clip without a picture"] == count > 0, form


def test_a_line_of_predictions_ends_at_a_line_feed_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"qa_id": "a", "prediction": "left\u2028right"}\r\n\n{"qa_id": "b", "prediction": "c"}', "utf-8"
    )
    assert formats.read_predictions(path) == {"a": "left\u2028right", "b": "c"}
