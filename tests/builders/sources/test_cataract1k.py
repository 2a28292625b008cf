"""The Cataract-1K reader: every oddity met in its files, and the real files themselves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.__main__ import main
from surgvqa.builders.cases.agreement import measure
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.pipeline.prepare import look_at
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import ask
from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.shards.job import Options
from surgvqa.builders.sources import cataract1k
from surgvqa.builders.video import case_media
from surgvqa.cards.command import InputError

FIXTURE = Path(__file__).parents[2] / "fixtures" / "cataract1k"
PHASES = Path("Phase_recognition_dataset/annotations/case_0901/case_0901_annotations_phases.csv")
MASKS = Path("Segmentation_dataset/Annotations/Coco-Annotations/case_0901/annotations/instances.json")
STILLS = Path("Segmentation_dataset/Annotations/Images-and-Supervisely-Annotations/case_0901/img")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path / "set"))


def read(root: Path, **options: Any) -> tuple[dict[str, Case], list[Omission], list[Omission]]:
    """Cases by id, what is left out by design, faults."""
    found = list(cataract1k.cases(root, **options))
    dropped = [item for item in found if isinstance(item, Omission)]
    return (
        {item.case_id: item for item in found if isinstance(item, Case)},
        [item for item in dropped if not item.fault],
        [item for item in dropped if item.fault],
    )


def change(path: Path, edit: Callable[[Any], None]) -> None:
    file = json.loads(path.read_text())
    edit(file)
    path.write_text(json.dumps(file))


def stills(root: Path, indices: list[int], size: tuple[int, int] = (1024, 768)) -> None:
    (root / STILLS).mkdir(parents=True)
    for index in indices:
        Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(
            root / STILLS / f"case0901_{index:02d}.png"
        )


def test_phases_have_canonical_names_and_seconds(root: Path) -> None:
    cases, dropped, faults = read(root)
    case = cases["case_0901"]
    assert [(phase.label, phase.start_s, phase.end_s) for phase in case.phases] == [
        ("incision", 2.0, 7.0),
        ("viscoelastic", 8.5, 12.0),
        ("capsule polishing", 12.0, 17.2),
    ]
    assert not faults
    assert any("row 5" in item.item and "no length" in item.cause for item in dropped)


def test_seconds_count_and_frame_numbers_do_not(root: Path) -> None:
    path = root / PHASES
    path.write_text("caseId,comment,frame,endFrame,sec,endSec\n0901,Incision,99999,1,2.5,7.25\n")
    phase = read(root)[0]["case_0901"].phases[0]
    assert (phase.start_s, phase.end_s) == (2.5, 7.25)


def test_byte_equal_copies_count_once_and_are_named(root: Path) -> None:
    cases, dropped, _ = read(root)
    copies = {Path(item.item).name for item in dropped if "byte-equal copy" in item.cause}
    assert copies == {"case_0901_annotations_phases-checkpoint.csv", "instances-checkpoint.json"}
    assert not any("checkpoint" in path.name for path in cases["case_0901"].files)


def test_an_autosave_that_differs_is_left_out_and_two_originals_are_a_fault(root: Path) -> None:
    copy = root / PHASES.parent / ".ipynb_checkpoints" / "case_0901_annotations_phases-checkpoint.csv"
    copy.write_text("caseId,comment,frame,endFrame,sec,endSec\n0901,Incision,0,0,1,2\n")
    _, dropped, faults = read(root)
    assert any("autosave" in item.cause for item in dropped) and not faults
    (root / "elsewhere" / "case_0901").mkdir(parents=True)
    copy.rename(root / "elsewhere" / "case_0901" / "case_0901_annotations_phases.csv")
    faults = read(root)[2]
    assert len(faults) == 1 and "differ" in faults[0].cause and "case_0901" in faults[0].cause


def test_classes_come_from_the_files_own_categories(root: Path) -> None:
    cases = read(root)[0]
    by_time = {scene.time_s: [node.id for node in scene.nodes] for scene in cases["case_0901"].scenes}
    assert by_time == {
        0.0: ["cornea", "pupil"],
        4.5: ["cornea", "pupil", "slit knife"],
        9.5: ["cornea", "pupil", "gauge"],
        19.5: ["cornea", "pupil"],
    }
    assert [node.id for node in cases["case_0903"].scenes[1].nodes] == [
        "cornea",
        "pupil",
        "implanted lens",
        "spatula",
    ]


def test_a_second_label_of_a_structure_is_part_of_it(root: Path) -> None:
    scene = read(root)[0]["case_0901"].scenes[2]
    pupil = next(node for node in scene.nodes if node.name == "pupil")
    assert pupil.area == 200 * 200 + 30 * 60
    assert pupil.bbox == (400.0, 250.0, 650.0, 450.0)


def test_polygons_in_a_string_are_read(root: Path) -> None:
    file = json.loads((root / MASKS).read_text())
    kinds = {type(entry["segmentation"]) for entry in file["annotations"]}
    assert kinds == {str, list}, "the tree holds both"
    scene = read(root)[0]["case_0901"].scenes[0]
    assert [node.area for node in scene.nodes] == [420.0 * 420.0, 200.0 * 200.0]


def test_a_broken_string_is_a_fault_that_names_file_annotation_and_image(root: Path) -> None:
    def edit(file: Any) -> None:
        entry = next(one for one in file["annotations"] if isinstance(one["segmentation"], str))
        entry["segmentation"] = "[[400, 250, 600,"

    change(root / MASKS, edit)
    cases, _, faults = read(root)
    assert len(faults) == 1
    assert (
        "instances.json" in faults[0].item
        and "annotation 2" in faults[0].item
        and "_01.png" in faults[0].item
    )
    assert "isn't JSON" in faults[0].cause
    # the picture is left out whole; its near-duplicate takes the first moment
    assert [scene.time_s for scene in cases["case_0901"].scenes] == [0.0, 4.5, 9.5, 19.5]


def test_the_first_image_counts_once(root: Path) -> None:
    cases, dropped, _ = read(root)
    assert [scene.time_s for scene in cases["case_0901"].scenes].count(0.0) == 1
    (item,) = [item for item in dropped if "case0901_01.png" in item.item]
    assert "case0901_02.png" in item.cause and "agree to 1.00" in item.cause


def test_a_number_of_no_case_is_a_slip_and_anothers_a_fault(root: Path) -> None:
    cases, _, faults = read(root)
    assert [scene.time_s for scene in cases["case_0903"].scenes] == [0.0, 4.5], "named case9093_02.png …"
    assert not faults
    path = Path(str(root / MASKS).replace("0901", "0903"))
    change(path, lambda file: file["images"][1].update(file_name="case0902_03.png"))
    (fault,) = read(root)[2]
    assert "named after another case" in fault.cause and "case0902_03.png" in fault.cause


def test_two_of_folder_name_and_column_say_the_case(root: Path) -> None:
    path = root / PHASES
    path.rename(path.with_name("case_9999_annotations_phases.csv"))
    shutil.rmtree(path.parent / ".ipynb_checkpoints")
    assert read(root)[0]["case_0901"].phases, "the file's name alone is wrong"
    named = path.with_name("case_9999_annotations_phases.csv")
    named.write_text(named.read_text().replace("0901,", "9999,"))
    (fault,) = read(root)[2]
    assert "caseId" in fault.cause and "9999" in fault.cause


def test_the_tree_may_have_any_shape(root: Path, tmp_path: Path) -> None:
    flat = tmp_path / "surgery-sft" / "annotations"
    shutil.copytree(root / "Phase_recognition_dataset" / "annotations", flat / "phase_annotations")
    shutil.copytree(
        root / "Segmentation_dataset/Annotations/Coco-Annotations", flat / "segment_annotations/cases"
    )
    official, sft = read(root)[0], read(flat.parent)[0]
    assert official.keys() == sft.keys() == {"case_0901", "case_0902", "case_0903"}
    assert all(official[name].phases == sft[name].phases for name in official)
    assert all(official[name].scenes == sft[name].scenes for name in official)
    alone = read(root / MASKS.parents[1])[0]
    assert alone["case_0901"].scenes == official["case_0901"].scenes, "the root may be a case's folder"


def test_stills_stand_at_the_moments_of_their_images(root: Path) -> None:
    stills(root, [1, 2, 4])
    masks = root / STILLS.parent / "mask_anatomy_inst"
    shutil.copytree(root / STILLS, masks)
    case = read(root)[0]["case_0901"]
    assert [(frame.time_s, frame.path.name) for frame in case.frames] == [
        (0.0, "case0901_02.png"),
        (9.5, "case0901_04.png"),
    ]
    assert case_media.fit(case, case_media.look(case)).scenes == case.scenes
    assert "case_0901: 2 of 4 annotated images have no picture" in cataract1k.notes([case])


@pytest.mark.parametrize(
    ("size", "scales"),
    [
        ((512, 384), (0.5, 0.5)),  # a smaller copy
        ((224, 224), (224 / 1024, 224 / 768)),  # surgery-sft's, squeezed
        ((512, 288), None),  # cropped or letterboxed, nobody knows
    ],
)
def test_boxes_follow_resized_pictures(
    root: Path, size: tuple[int, int], scales: tuple[float, float] | None
) -> None:
    stills(root, [2, 3], size)
    case = read(root)[0]["case_0901"]
    if scales is None:
        with pytest.raises(InputError, match="1024x768 frame, its pixels 512x288"):
            case_media.fit(case, case_media.look(case))
        return
    (was, now) = (one.scenes[1].nodes[0].bbox for one in (case, case_media.fit(case, case_media.look(case))))
    assert now == pytest.approx([at * scales[i % 2] for i, at in enumerate(was)])


def test_official_folds(root: Path, tmp_path: Path) -> None:
    assert {name: case.split for name, case in read(root)[0].items()} == {
        "case_0901": "train",
        "case_0902": None,
        "case_0903": "test",
    }
    folds = root / "TrainIDs_SemanticSegmentation_FiveFold"
    assert read(root)[0]["case_0901"].split_list == "the authors' fold 0"
    test = folds / "Cat1k_anatomy_instrument_0_test.csv"
    whole = test.read_text()
    test.write_text(whole + "1,x/case_5334/img/case5334_04.png,x\n")
    cases, left, _ = read(root)
    assert cases["case_0901"].split_list == "the authors' fold 0 (not here: 1 of its 2 test cases)"
    absent = [one for one in left if one.item == "case_5334"]
    assert [one.cause for one in absent] == [
        "in the test list of the authors' fold 0, and nothing of it lies below the root"
    ]
    test.write_text(whole)
    moved = folds.rename(tmp_path / "folds")
    assert read(root)[0]["case_0901"].split is None
    assert read(root, folds=moved, fold=1)[0]["case_0901"].split == "test"
    with pytest.raises(InputError, match=r"fold_?7|_7_train.*folds there: 0, 1"):
        read(root, folds=moved, fold=7)
    test = moved / "Cat1k_anatomy_instrument_0_test.csv"
    test.write_text(test.read_text() + "1,x/case_0901/img/case0901_04.png,x\n")
    with pytest.raises(InputError, match=r"case_0901 is in the train and in the test list of fold 0"):
        read(root, folds=moved)


def bad_header(root: Path) -> None:
    (root / PHASES).write_text("case,phase,start,end\n0901,Incision,1,2\n")


def bad_number(root: Path) -> None:
    (root / PHASES).write_text("caseId,comment,frame,endFrame,sec,endSec\n0901,Incision,0,0,one,2\n")


def bad_phase(root: Path) -> None:
    (root / PHASES).write_text("caseId,comment,frame,endFrame,sec,endSec\n0901,Capsulorexis,0,0,1,2\n")


def bad_label(root: Path) -> None:
    change(root / MASKS, lambda file: file["categories"][4].update(name="Gaugge"))


def image_twice(root: Path) -> None:
    change(root / MASKS, lambda file: file["images"][1].update(id=file["images"][0]["id"]))


def annotation_twice(root: Path) -> None:
    change(root / MASKS, lambda file: file["annotations"][1].update(id=file["annotations"][0]["id"]))


def no_image(root: Path) -> None:
    change(root / MASKS, lambda file: file["annotations"][4].update(image_id=77))


def no_category(root: Path) -> None:
    change(root / MASKS, lambda file: file["annotations"][4].update(category_id=77))


def no_index(root: Path) -> None:
    change(root / MASKS, lambda file: file["images"][2].update(file_name="eye.png"))


def index_twice(root: Path) -> None:
    change(root / MASKS, lambda file: file["images"][3].update(file_name="case0901_03.png"))


def not_json(root: Path) -> None:
    (root / MASKS).write_text('{"images": [')


def not_coco(root: Path) -> None:
    (root / MASKS).write_text('{"images": []}')


def empty_video(root: Path) -> None:
    (root / "case_0901.mp4").write_bytes(b"")


def text_video(root: Path) -> None:
    (root / "case_0901.mp4").write_text("not a video")


@pytest.mark.parametrize("spoil", [empty_video, text_video])
def test_a_video_that_cannot_be_read_costs_its_case(root: Path, spoil: Callable[[Path], None]) -> None:
    spoil(root)
    cases, _, faults = read(root)
    assert not faults, "the reader leaves videos to the survey, whose workers may fall"
    found, dropped = look_at(list(cases.values()), root, Options(media="frames"), 0)
    (fault,) = (one for one in dropped if one.fault and "case_0901.mp4" in one.cause)
    assert fault.item == "case_0901" and "case_0901" not in found


def broken_still(root: Path) -> None:
    stills(root, [2])
    (root / STILLS / "case0901_02.png").write_bytes(b"\x89PNG")


BAD = {
    bad_header: (PHASES.name, "no column caseId"),
    bad_number: (PHASES.name, "'one', not a number"),
    bad_phase: (PHASES.name, "did you mean capsulorhexis?"),
    bad_label: ("instances.json", "unknown label 'Gaugge': did you mean gauge?"),
    image_twice: ("instances.json: image", "id is there twice"),
    annotation_twice: ("instances.json: annotation", "id is there twice"),
    no_image: ("instances.json: annotation 5", "image_id 77 is not among"),
    no_category: ("instances.json: annotation 5", "category_id 77 is not among"),
    no_index: ("instances.json", "'eye.png' has no index"),
    index_twice: ("instances.json", "it is there 2 times, and not alike"),
    not_json: ("instances.json", "not JSON"),
    not_coco: ("instances.json", "not COCO instances"),
    broken_still: ("case_0901", "case0901_02.png"),
}


@pytest.mark.parametrize("spoil", BAD, ids=lambda spoil: spoil.__name__)
def test_bad_input_is_a_fault_that_names_the_file(root: Path, spoil: Callable[[Path], None]) -> None:
    before = read(root)[0]
    spoil(root)
    cases, _, faults = read(root)
    item, cause = BAD[spoil]
    assert [fault for fault in faults if item in fault.item and cause in fault.cause], faults
    assert all(cases[name] == before[name] for name in ("case_0902", "case_0903")), (
        "the others are not touched"
    )


def test_a_bad_tree_exits_with_2_and_one_line_and_writes_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad_label(root)
    out = tmp_path / "out"
    assert main(["cataract1k", "--root", str(root), "--out", str(out), "--media", "none"]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert "instances.json" in told[-1] and "Gaugge" in told[-1] and "Traceback" not in told[-1]
    assert not out.exists()


def test_a_folder_without_any_of_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case_1.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="nothing of Cataract-1K below"):
        read(tmp_path)


def test_the_rule_is_stated_with_its_agreement(root: Path) -> None:
    cases = read(root)[0]
    (note,) = cataract1k.notes(list(cases.values()))
    assert "5 (n - 2) - 0.5 s" in note
    # the knife at 4.5 s lies in the incision; of the images without an instrument 0 s lies before it, of 19.5 s,
    # after the last phase, nothing is known
    assert "1 of 1 (100.0 %) instruments lie in a phase they belong to" in note
    assert measure(list(cases.values()), cataract1k.BELONGS) == {
        "tools": (1, 1),
        "idle": (1, 1),
        "busy": (2, 2),
    }


# Real files, where they are at hand


@pytest.fixture(scope="module")
def real(realdata: Path) -> list[Case | Omission]:
    return list(cataract1k.cases(realdata / "cataract1k", folds=realdata / "cataract1k_official_folds"))


def test_real_annotations_have_no_fault_and_every_image_counts(
    realdata: Path, real: list[Case | Omission]
) -> None:
    cases = {case.case_id: case for case in real if isinstance(case, Case)}
    assert not [item for item in real if isinstance(item, Omission) and item.fault]
    for path in (realdata / "cataract1k").rglob("instances.json"):
        file = json.loads(path.read_text())
        scenes = cases[path.parents[1].name].scenes
        assert len(scenes) == len(file["images"]) - 1, "all but the near-duplicate first image"
        names = {entry["id"]: entry["name"] for entry in file["categories"]}
        by_image: dict[int, set[str]] = {entry["id"]: set() for entry in file["images"]}
        for entry in file["annotations"]:
            name = names[entry["category_id"]].lower().rstrip("1")
            # the natural lens is in the eye from the start, and nobody outlines it
            by_image[entry["image_id"]].add("implanted lens" if name == "lens" else name)
        ordered = sorted(file["images"], key=lambda entry: int(entry["file_name"].split("_")[-1][:-4]))
        for scene, image in zip(scenes, ordered[1:], strict=True):
            assert {node.name for node in scene.nodes} == by_image[image["id"]], image["file_name"]


def test_real_images_have_a_clip_and_nine_questions_each(real: list[Case | Omission]) -> None:
    cases = [link(case) for case in real if isinstance(case, Case)]
    known, taxonomy = transitions(cases), load("cataract")
    both = [case for case in cases if case.phases and case.scenes]
    assert len(both) >= 15
    for case in both[::6]:
        clips = [clip for clip in windows(case, 5.0).clips if clip.scene is not None]
        assert [clip.scene.time_s for clip in clips if clip.scene] == [scene.time_s for scene in case.scenes]
        last = max(phase.end_s for phase in case.phases)
        unsure = [(round(1000 * start), round(1000 * end)) for start, end in case.unknown]
        for clip in clips:  # a gap that shows an instrument is unknown
            doubtful = any(start <= clip.start_ms < end for start, end in unsure)
            assert (clip.phase is None) == (clip.start_ms >= round(last * 1000) or doubtful)
        whole = 7 if case.unknown else 9  # beside a doubtful gap nobody knows what came before, or comes next
        assert all(len(ask(clip, case, taxonomy, known)) >= (whole if clip.phase else 6) for clip in clips)


def test_the_rule_agrees_with_real_phases_better_than_its_neighbours(real: list[Case | Omission]) -> None:
    cases = [case for case in real if isinstance(case, Case)]

    def share(shift_s: float) -> float:
        measured = measure(cases, cataract1k.BELONGS, shift_s).values()
        return sum(agreeing for agreeing, _ in measured) / sum(total for _, total in measured)

    assert share(0.0) > 0.95
    assert share(0.0) > max(share(shift) for shift in (-2.0, -1.0, 1.0, 2.0, 5.0))


def test_real_folds_split_by_case(real: list[Case | Omission]) -> None:
    splits = {case.case_id: case.split for case in real if isinstance(case, Case)}
    assert splits["case_5013"] == "test" and splits["case_5015"] == "train" and splits["case_4687"] is None


def test_real_stills_belong_to_their_annotations(realdata: Path, tmp_path: Path) -> None:
    for case in ("case_5013", "case_5014"):
        source = realdata / "cataract1k" / "segment_annotations" / "cases" / case
        shutil.copytree(source, tmp_path / "masks" / case)
        phases = realdata / "cataract1k" / "phase_annotations" / case
        shutil.copytree(phases, tmp_path / "phases" / case)
    shutil.copytree(realdata / "cataract1k_frames_masks" / "train", tmp_path / "frames")
    cases, _, faults = read(tmp_path)
    assert not faults
    times = {name: [frame.time_s for frame in case.frames] for name, case in cases.items()}
    assert times == {"case_5013": [274.5, 289.5], "case_5014": [44.5, 89.5, 119.5]}
    for case in cases.values():
        assert case_media.fit(case, case_media.look(case)).scenes == case.scenes
        assert {frame.time_s for frame in case.frames} <= {scene.time_s for scene in case.scenes}
        for frame in case.frames:  # the label image beside it says where the instruments are
            scene = next(scene for scene in case.scenes if scene.time_s == frame.time_s)
            label = np.asarray(Image.open(tmp_path / "frames" / "labels" / frame.path.name))
            x, y = next(node.centroid for node in scene.nodes if node.name == "pupil" and node.centroid)
            assert label.shape[:2] == (scene.height, scene.width)
            for node in scene.nodes:
                if node.type == "instrument" and node.centroid is not None:
                    x, y = node.centroid
                    patch = label[int(y) - 40 : int(y) + 40, int(x) - 40 : int(x) + 40]
                    assert (patch > 0).mean() > 0.1, (frame.path.name, node.name)
