from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from building import build
from datasets import load_dataset
from PIL import Image
from surgvqa.builders.geometry import masks
from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.source_files.endovis_vqa import kind_of
from surgvqa.builders.source_files.endovis_vqa import read as read_vqa
from surgvqa.builders.sources.endovis import cases, notes
from surgvqa.cards.command import InputError

FIXTURE = Path(__file__).parents[2] / "fixtures" / "endovis"
MASK = "instrument_1_4_training/instrument_dataset_1/ground_truth/Left_Prograsp_Forceps_labels/frame001.png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path / "EndoVis"))


def read(root: Path, **options) -> tuple[dict[str, Case], list[Omission], list[Omission]]:
    found = list(cases(root, **options))
    drops = [one for one in found if isinstance(one, Omission)]
    return (
        {one.case_id: one for one in found if isinstance(one, Case)},
        drops,
        [one for one in drops if one.fault],
    )


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def area(rle: str | None, scene) -> float:
    return 0.0 if rle is None else masks.area_of(rle, scene.width, scene.height)


def test_instruments_their_parts_and_sequences(root: Path):
    found, drops, faults = read(root)
    assert not faults
    assert {one: case.split for one, case in found.items()} == {
        "endovis17_seq01": "train",
        "endovis17_seq03": "train",
        "endovis17_seq04": "train",
        "endovis17_seq07": "train",
        "endovis17_test_seq09": "test",
        "endovis18_seq05": "train",
    }
    first, second = found["endovis17_seq01"].scenes
    assert (first.time_s, second.time_s) == (0.0, 0.5)
    assert [(node.name, node.track) for node in first.nodes] == [
        ("prograsp forceps", "Left_Prograsp_Forceps"),
        ("bipolar forceps", "Maryland_Bipolar_Forceps"),
    ]
    assert second.nodes[2].name == "other instrument" and second.nodes[2].shaft_rle is None
    node = first.nodes[0]
    assert node.bbox == (2, 4, 12, 26)
    assert [area(one, first) for one in (node.shaft_rle, node.wrist_rle, node.clasper_rle)] == [100, 60, 36]
    assert [n.id for n in found["endovis17_seq03"].scenes[0].nodes] == [
        "large needle driver",
        "large needle driver#2",
    ]
    missing = {drop.item for drop in drops}
    assert {"instrument_dataset_2", "instrument_dataset_8", "seq_1"} <= missing and "seq_8" not in missing


def test_task_masks_of_the_test_set_and_scene_colours(root: Path):
    found, _, _ = read(root)
    (scene,) = found["endovis17_test_seq09"].scenes
    assert [(node.name, node.area) for node in scene.nodes] == [
        ("large needle driver", 160),
        ("monopolar curved scissors", 224),
    ]
    assert area(scene.nodes[0].clasper_rle, scene) == 40 and scene.nodes[1].wrist_rle is None
    scene = found["endovis18_seq05"].scenes[0]
    assert [(node.name, node.type) for node in scene.nodes] == [
        ("robotic instrument", "instrument"),
        ("kidney", "anatomy"),
        ("suction", "instrument"),
    ]
    assert scene.nodes[0].area == 6 * 20 and area(scene.nodes[0].wrist_rle, scene) == 24


def test_a_mask_of_another_size_is_named(root: Path):
    save(root / MASK, np.zeros((20, 24), np.uint8))
    found, _, faults = read(root)
    assert (
        len(faults) == 1
        and "24x20" in faults[0].cause
        and "48x40" in faults[0].cause
        and MASK in faults[0].cause
    )
    assert len(found["endovis17_seq01"].scenes) == 1, "the frame's scene is left out, not guessed"


def test_a_colour_picture_where_labels_are_expected_is_named(root: Path):
    save(root / MASK, np.zeros((40, 48, 3), np.uint8))
    assert "an RGB picture where labels are expected" in read(root)[2][0].cause


def test_unknown_classes_are_named(root: Path):
    values = np.zeros((40, 48), np.uint8)
    values[3:5, 3:8] = 77
    save(root / MASK, values)
    colours = root / "miccai_challenge_2018_release_1/seq_5/labels/frame001.png"
    picture = np.array(Image.open(colours))
    picture[:2, :3] = (1, 2, 3)
    save(colours, picture)
    strange = root / "instrument_1_4_training/instrument_dataset_3/ground_truth"
    (strange / "Left_Large_Needle_Driver_labels").rename(strange / "Left_Magic_Wand_labels")
    causes = " ".join(fault.cause for fault in read(root)[2])
    assert "unknown class 77 in 10 pixels; known: 0 background, 10 shaft" in causes
    assert "colour (1, 2, 3), 6 pixels" in causes
    assert "unknown label 'Magic Wand'" in causes


def test_a_frame_without_its_mask_is_a_fault(root: Path):
    (root / MASK).unlink()
    assert "no mask in Left_Prograsp_Forceps_labels" in read(root)[2][0].cause


def test_folds_need_all_their_sequences(root: Path):
    with pytest.raises(
        InputError, match=r"--fold 1 needs every .* missing .*instrument_dataset_2, instrument_dataset_5"
    ):
        read(root, fold="1")
    with pytest.raises(InputError, match="--fold 9: known: 0, 1"):
        read(root, fold="9")
    training = root / "instrument_1_4_training"
    for number in (2, 5, 6, 8):
        shutil.copytree(training / "instrument_dataset_1", training / f"instrument_dataset_{number}")
    found, _, faults = read(root, fold="1")
    assert not faults
    test = {one for one, case in found.items() if case.split == "test"}
    assert test == {"endovis17_seq02", "endovis17_seq05", "endovis17_test_seq09"}


def test_recorded_frames_are_cut_to_the_camera(tmp_path: Path):
    folder = tmp_path / "in" / "instrument_dataset_1"
    frame, mask = np.zeros((1080, 1920, 3), np.uint8), np.zeros((1080, 1920), np.uint8)
    frame[28 + 100 : 28 + 200, 320 + 50 : 320 + 250] = (0, 200, 0)
    mask[28 + 100 : 28 + 200, 320 + 50 : 320 + 250] = 10
    save(folder / "left_frames" / "frame000.png", frame)
    save(folder / "ground_truth" / "Vessel_Sealer_labels" / "frame000.png", mask)
    found, _, faults = read(tmp_path / "in")
    assert not faults
    case = found["endovis17_seq01"]
    (scene,) = case.scenes
    assert (scene.width, scene.height) == (1280, 1024) and scene.nodes[0].bbox == (50, 100, 250, 200)
    build("endovis", tmp_path / "in", tmp_path / "out", max_side=0, kinds=["instruments"], workers=0)
    row = load_dataset(str(tmp_path / "out"), "clips", cache_dir=str(tmp_path / "hf"))["train"][0]
    picture = np.asarray(row["images"][0])
    assert picture.shape == (1024, 1280, 3)
    assert picture[105:195, 60:240, 1].min() > 150 and picture[:90, :, 1].max() < 60


def test_the_official_test_goes_on_with_training_operations(root: Path):
    source = root / "instrument_2017_test" / "instrument_dataset_9"
    shutil.copytree(source, source.parent / "instrument_dataset_1")
    found, _, _ = read(root)
    assert "test seq01 go on where the training sequences" in notes(list(found.values()))[0]


def test_questions_are_attached_to_their_frames(root: Path):
    found, _, faults = read(root, vqa=root / "EndoVis-18-VQA")
    assert not faults
    (clip,) = found["endovis18_seq05"].clips
    assert (clip.start_ms, clip.end_ms) == (0, 500) and clip.scene is not None
    assert [(qa.kind, qa.answer, qa.short_answer) for qa in clip.qa] == [
        ("organ", "organ being operated is kidney", "kidney"),
        ("position", "suction is located at right-top", "right-top"),
        ("activity", "action done by suction is idle", "Idle"),
    ]
    for line in ("no bar here", "where is it?|here|or there"):
        (root / "EndoVis-18-VQA/seq_5/vqa/Sentence/frame000_QA.txt").write_text(f"{line}\n")
        with pytest.raises(InputError, match=r"line 1: '.*' is not question.answer"):
            read(root, vqa=root / "EndoVis-18-VQA")


def test_conversations_of_either_roles_and_slashes(root: Path, tmp_path: Path):
    file = tmp_path / "talk.json"
    item = {
        "image": "EndoVis-18-VQA_extended\\seq_5\\left_frames\\frame001.png",
        "conversations": [
            {
                "from": "human",
                "value": "<image>\nWhere is suction located? Answer the question with a single phrase.",
            },
            {"from": "gpt", "value": "left-bottom"},
        ],
    }
    other = {
        "image": "EndoVis-17-VQA/left_frames/seq1_frame000.jpg",
        "conversations": [
            {"role": "user", "content": "How many tools?"},
            {"role": "assistant", "content": "2"},
        ],
    }
    absent = {**other, "image": "EndoVis-17-VQA/left_frames/seq6_frame000.jpg"}
    file.write_text(json.dumps([item, item, other, absent]))
    found, drops, _ = read(root, vqa=file)
    (clip,) = found["endovis18_seq05"].clips
    assert [qa.question for qa in clip.qa] == ["Where is suction located?"], "asked twice, kept once"
    assert found["endovis17_seq01"].clips[0].qa[0].kind == "count"
    assert any(
        "1 frames with questions are not below the root, such as 2017 seq 6" in one.cause for one in drops
    )
    item["conversations"][0]["from"] = "dog"
    file.write_text(json.dumps([item]))
    with pytest.raises(InputError, match="a turn of 'dog'"):
        read(root, vqa=file)


def test_the_real_frame_and_masks(realdata: Path):
    found, drops, faults = read(realdata / "endovis17_roboseg")
    assert not faults
    (case,) = found.values()
    assert case.crop == (320, 28, 1280, 1024) and len(case.frames) == 1 and len(case.scenes) == 1
    (node,) = case.scenes[0].nodes
    whole = np.array(Image.open(realdata / "endovis17_roboseg/Data/Test/Ground_Truth/frame000.png"))
    assert node.name == "robotic instrument" and node.area == (whole > 0).sum(), "the crop cuts no label away"
    assert area(node.wrist_rle, case.scenes[0]) == (whole == 20).sum() == 33889
    assert any("4 masks have no frame" in one.cause for one in drops)


def test_the_real_conversations(realdata: Path):
    said = read_vqa(realdata / "endochat_endovis17vqa" / "endovis_single_phrase.json")
    questions = [one for pairs in said.values() for one in pairs]
    assert len(questions) == 3849 and {key[0] for key in said} == {17, 18}
    assert "open" not in {kind_of(one.question)[0] for one in questions}
    assert not [one for one in questions if "Answer the question" in one.question]
