from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from building import build
from datasets import load_dataset
from PIL import Image
from surgvqa.builders.configs.segmentation import Segmentation, decode_labels, notes, rows, scenes
from surgvqa.builders.geometry import masks
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.schema import Case, Entity, Frame, Scene
from surgvqa.builders.source_files import cataract1k_times
from surgvqa.builders.sources import cataract1k, procedure
from surgvqa.cards.command import InputError

ENDOVIS = Path(__file__).parents[2] / "fixtures" / "endovis"


def entity(name: str, kind, box: tuple[int, int, int, int], size: tuple[int, int]) -> Entity:
    mask = np.zeros(size[::-1], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Entity(
        name, name, kind, "mask", tuple(map(float, box)), area=float(mask.sum()), rle=masks.mask_to_rle(mask)
    )


@pytest.fixture
def case(tmp_path: Path) -> Case:
    path = tmp_path / "frame.png"
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
    nodes = (
        entity("slit knife", "instrument", (20, 10, 30, 40), (64, 48)),
        entity("pupil", "anatomy", (16, 8, 48, 40), (64, 48)),
        entity("cornea", "anatomy", (8, 4, 56, 44), (64, 48)),
    )
    return Case("a", "synthetic", "cataract", scenes=(Scene(0.0, 64, 48, nodes),), frames=(Frame(0.0, path),))


def labels_of(row) -> np.ndarray:
    return decode_labels(row["label_map"]["bytes"])


def test_smaller_things_lie_on_top_and_instances_stay_whole(case: Case):
    (row,) = rows(case, Segmentation("all"))
    labels, names = labels_of(row), row["classes"]
    assert labels.shape == (48, 64) and names[0] == "background"
    assert [names[labels[y, x]] for x, y in ((0, 0), (10, 6), (40, 20), (25, 20))] == [
        "background",
        "cornea",
        "pupil",
        "slit knife",
    ]
    assert sorted(row["present"]) == sorted(names.index(name) for name in ("cornea", "pupil", "slit knife"))
    pupil = next(one for one in row["instances"] if one["name"] == "pupil")
    assert pupil["bbox"] == [16, 8, 48, 40] and masks.area_of(pupil["mask"], 64, 48) == 32 * 32
    assert "slit knife" not in row["absent"] and "spatula" in row["absent"] and "pupil" not in row["absent"]


def test_the_tasks(case: Case):
    (row,) = rows(case, Segmentation("binary"))
    assert (
        row["classes"] == ["background", "instrument"]
        and labels_of(row).sum() == 10 * 30
        and row["absent"] == []
    )
    (row,) = rows(case, Segmentation("instruments"))
    assert {one["name"] for one in row["instances"]} == {"slit knife"}
    assert "incision knife" not in row["classes"] or row["instances"][0]["phrases"][0] == "slit knife"
    assert scenes(case, "parts") == (), "no parts are annotated: not all of them are background"
    with pytest.raises(InputError, match="--segmentation binery: did you mean binary"):
        Segmentation("binery")


def test_picture_and_masks_are_made_smaller_alike(case: Case):
    (row,) = rows(case, Segmentation("all"), max_side=32)
    assert (row["width"], row["height"]) == (32, 24)
    labels = labels_of(row)
    knife = row["classes"].index("slit knife")
    assert np.argwhere(labels == knife).min(0).tolist() == [5, 10] and (labels == knife).sum() == 5 * 15
    assert row["instances"][-1]["bbox"] == [10, 5, 15, 20]


def test_a_thing_without_mask_keeps_its_frame_out(case: Case):
    boxed = Entity("spatula", "spatula", "instrument", "box", (1, 1, 5, 5), area=16.0)
    scene = case.scenes[0]
    other = replace(case, scenes=(replace(scene, nodes=(*scene.nodes, boxed)),))
    assert scenes(other, "all") == () and scenes(case, "all") == case.scenes


def test_notes_name_classes_that_never_occur(case: Case):
    (told,) = notes([case], Segmentation("all"))
    assert "1 frames, 0 of them without anything" in told and "cornea 1" in told
    assert "spatula" in told.split("in no frame: ")[1]


def test_an_rgb_label_map_is_refused(case: Case):
    (row,) = rows(case, Segmentation("all"))
    with pytest.raises(InputError, match="RGB, a picture where labels are expected"):
        decode_labels(_png(np.zeros((4, 4, 3), np.uint8)))
    assert row["label_map"]["bytes"][:4] == b"\x89PNG"


def _png(values: np.ndarray) -> bytes:
    import io

    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("task", ["parts", "instruments"])
def test_endovis_builds_loads_and_builds_again(tmp_path: Path, task: str):
    options = {"kinds": ["instruments"], "workers": 0, "max_side": 0, "segmentation": task}
    source_options = {"fold": "official"}
    manifest = build("endovis", ENDOVIS, tmp_path / "out", source_options=source_options, **options)
    verify(tmp_path / "out")
    assert manifest["parameters"]["segmentation"] == task
    data = load_dataset(str(tmp_path / "out"), "segmentation", cache_dir=str(tmp_path / "hf"))
    rows = {row["row_id"]: row for split in data.values() for row in split}
    row = rows[f"endovis17_seq01@0#{task}"]
    labels = np.asarray(row["label_map"])
    if task == "parts":
        # the two instruments; the other one of the sequence has no parts, so its frame is out
        assert (labels == 1).sum() == 200 and (labels == 3).sum() == 72
        assert f"endovis17_seq01@500#{task}" not in rows
    else:
        assert row["classes"][labels[10, 5]] == "prograsp forceps"
        assert "vessel sealer" in row["absent"]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["notes"]
    again = build("endovis", ENDOVIS, tmp_path / "out2", source_options=source_options, **options)
    assert again["files"] == manifest["files"]


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_rasterised_polygon_is_the_real_mask(realdata: Path):
    """Cataract-1K: COCO polygons against label pictures that others rasterised, where both are there."""
    agreed: dict[str, float] = {}
    coco = {
        case.case_id: case
        for case in cataract1k.cases(realdata / "cataract1k")
        if isinstance(case, Case) and case.case_id in ("case_5013", "case_5014")
    }
    for path in sorted((realdata / "cataract1k_frames_masks" / "train" / "labels").glob("*.png")):
        number, index = path.stem.removeprefix("case").split("_")
        real = np.asarray(Image.open(path))[..., 0] > 0
        time_s = cataract1k_times.image_time(int(index))
        scene = next(one for one in coco[f"case_{number}"].scenes if one.time_s == time_s)
        tools = [node for node in scene.nodes if node.type == "instrument" and node.rle]
        drawn = np.zeros(real.shape, bool)
        for node in tools:
            drawn |= masks.rle_to_mask(node.rle, scene.width, scene.height)
        if len(tools) == 1:
            agreed[path.stem] = iou(drawn, real)
    assert agreed and min(agreed.values()) >= 0.93, agreed


def test_real_polygons_of_cholecystectomies_become_label_maps(realdata: Path, tmp_path: Path):
    sample = realdata / "cholec_instance_seg" / "_sample_files" / "VID03_t80_sparse"
    shutil.copytree(sample / "ann_dir", tmp_path / "annotations" / "VID03")
    shutil.copytree(sample / "img_dir", tmp_path / "frames" / "VID03")
    found = list(procedure.cases(tmp_path, taxonomy="cholecystectomy", image_rate=25.0))
    assert not [one for one in found if not isinstance(one, Case) and one.fault]
    (case,) = (one for one in found if isinstance(one, Case))
    written = list(rows(case, Segmentation("instruments")))
    assert len(written) == len(case.scenes) >= 9
    row = next(one for one in written if one["time_s"] == 90 / 25)
    assert sorted(one["name"] for one in row["instances"]) == ["grasper", "grasper", "hook"]
    labels = labels_of(row)
    assert labels.shape == (480, 854)
    assert {row["classes"][value] for value in row["present"]} == {"grasper", "hook"}
