"""One's own steps, actions, and outlines of several cases in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from building import build
from datasets import load_dataset
from PIL import Image
from surgvqa.builders.schema import Action, Case, Omission
from surgvqa.builders.sources import procedure

STEPS = ("op1,dissecting the triangle,0,30", "op1,exposing the artery,10,20", "op2,clipping,0,0:12:00")
ACTIONS = (
    "op1,5,grasper,retract,gallbladder",
    "op1,5,hook,dissect,cystic duct",
    "op1,10,hook,,",
    "op2,5,clipper,clip,cystic artery",
)


def tree(root: Path, steps: tuple[str, ...] = STEPS, actions: tuple[str, ...] = ACTIONS) -> Path:
    """Two operations of stills."""
    (root / "frames").mkdir(parents=True)
    for case in ("op1", "op2"):
        (root / "frames" / case).mkdir()
        for second in (0, 5, 10, 15):
            Image.effect_noise((64, 48), 90).convert("RGB").save(root / "frames" / case / f"{second:04d}.png")
    (root / "steps.csv").write_text("\n".join(("case,step,start,end", *steps)) + "\n")
    (root / "actions.csv").write_text("\n".join(("case,time,instrument,verb,target", *actions)) + "\n")
    return root


def read(root: Path) -> tuple[dict[str, Case], list[str]]:
    """Cases by id, and the faults."""
    items = list(procedure.cases(root, taxonomy="cholecystectomy", image_rate=1.0))
    faults = [f"{one.item}: {one.cause}" for one in items if isinstance(one, Omission) and one.fault]
    return {one.case_id: one for one in items if isinstance(one, Case)}, faults


def outline(root: Path, name: str, pictures: tuple[str, ...]) -> None:
    """A COCO file with a box on every picture."""
    (root / "annotations").mkdir(exist_ok=True)
    images = [
        {"id": number, "file_name": one, "width": 64, "height": 48} for number, one in enumerate(pictures)
    ]
    boxes = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [4, 5, 20, 10 + number], "area": 200}
        for number in range(len(pictures))
    ]
    file = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "hook"}]}
    (root / "annotations" / name).write_text(json.dumps(file))


def test_steps_lie_inside_each_other_and_actions_say_who_does_what(tmp_path: Path) -> None:
    cases, faults = read(tree(tmp_path / "mine"))
    assert not faults
    assert [(one.label, one.start_s, one.end_s) for one in cases["op1"].steps] == [
        ("dissecting the triangle", 0, 30),
        ("exposing the artery", 10, 20),
    ]
    assert cases["op2"].steps[0].end_s == 720
    first, second = cases["op1"].scenes
    assert first.actions == (
        Action("grasper", "retract", "gallbladder"),
        Action("hook", "dissect", "cystic duct"),
    )
    assert [node.name for node in first.nodes] == ["grasper", "hook"]
    assert second.actions == (Action("hook", None, None),)


def test_they_are_asked_about(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine")
    kinds = {
        "kinds": ("verb", "target", "step"),
        "source_options": {"taxonomy": "cholecystectomy", "image_rate": 1.0},
    }
    build(
        "procedure",
        root,
        tmp_path / "out",
        workers=0,
        test_cases=("op2",),
        clip_seconds=10.0,
        frames=2,
        questions="informative",
        **kinds,
    )
    rows = load_dataset(str(tmp_path / "out"), "qa")
    answers = {(row["kind"], row["short_answer"]) for split in rows.values() for row in split}
    assert {"verb", "target"} <= {kind for kind, _ in answers}
    assert answers & {("verb", "retract"), ("verb", "dissect"), ("verb", "clip")}


@pytest.mark.parametrize(
    ("steps", "actions", "message"),
    [
        (("op1,,0,3",), (), "steps.csv row 2: no name of a step"),
        (("op1,clipping,5,3",), (), "steps.csv row 2: clipping ends at 3 s, before it starts"),
        ((), ("op1,5,grasper,,gallbladder",), "actions.csv row 2: a target, gallbladder, and no verb"),
        ((), ("op1,5,graspr,retract,",), "actions.csv row 2"),
        ((), ("op1,5,hook,cut,",) * 2, "actions.csv row 3: hook does the same twice at 5 s"),
        ((), ("op1,soon,hook,cut,",), "actions.csv row 2"),
    ],
)
def test_mistakes_name_their_row(
    tmp_path: Path, steps: tuple[str, ...], actions: tuple[str, ...], message: str
) -> None:
    _, faults = read(tree(tmp_path / "mine", steps or STEPS, actions or ACTIONS))
    assert len(faults) == 1 and message in faults[0]


def test_who_acts_is_in_view_by_every_table(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine")
    (root / "tools.csv").write_text("case,time,hook,grasper\nop1,5,1,0\nop1,10,1,1\n")
    cases, faults = read(root)
    assert faults == ["actions.csv: op1: grasper acts at 5 s and isn't in view there by the other tables"]
    assert [node.name for node in cases["op1"].scenes[1].nodes] == ["hook", "grasper"], "of tools.csv"
    assert cases["op1"].scenes[1].actions == (Action("hook", None, None),)


def test_one_file_of_outlines_holds_several_cases(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine", actions=("op1,5,hook,cut,",))
    outline(root, "all.json", ("op1/0005.png", "op2/0010.png", "op1/0015.png"))
    cases, faults = read(root)
    assert not faults and set(cases) == {"op1", "op2"}
    assert [scene.time_s for scene in cases["op1"].scenes] == [5, 15]
    assert [scene.nodes[0].bbox for scene in cases["op2"].scenes] == [(4, 5, 24, 16)]
    assert cases["op1"].scenes[0].actions == (Action("hook", "cut", None),)
    assert all(root / "annotations" / "all.json" in case.files for case in cases.values())


@pytest.mark.parametrize("name", ["op1.json", "op7.json"])
def test_a_file_that_is_named_after_a_case_holds_no_other_s_pictures(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path / "mine", actions=("op2,5,hook,cut,",))
    outline(root, name, ("op2/0010.png",))
    _, faults = read(root)
    assert faults == [
        f"annotations/{name}: op2/0010.png: the file is of {name[:3]}, and the picture of op2, as it says"
    ]


def test_a_file_of_another_name_may_hold_one_case(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine", actions=("op1,5,hook,cut,",))
    outline(root, "labels.json", ("op2/0010.png",))
    cases, faults = read(root)
    assert not faults and [scene.time_s for scene in cases["op2"].scenes] == [10]


def test_a_picture_of_no_case_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "mine", actions=("op1,5,hook,cut,",))
    outline(root, "labels.json", ("op1/0005.png", "op3/0010.png"))
    _, faults = read(root)
    assert faults[0].startswith(
        "annotations/labels.json: op3/0010.png lies in the folder of no case, and other pictures of the file are of op1"
    )
