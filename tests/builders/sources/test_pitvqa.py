"""The PitVQA reader: the authors' own question set, and the cleaned one, against invented and real files."""

from __future__ import annotations

import collections
import csv
from pathlib import Path

import pytest
from surgvqa.builders.cases.timeline import phase_at
from surgvqa.builders.schema import Case, Omission, Phase
from surgvqa.builders.source_files.pitvqa_official import PLACES
from surgvqa.builders.sources import pitvqa
from surgvqa.cards.command import InputError

HEADER = "int_video,int_time,str_instrument1,str_instrument2,int_instrument1,int_instrument2,pos_instrument1,pos_instrument2"
STEPS = ["0,operation_not_started,-1", "2,nasal_corridor_creation,1", "6,sellotomy,5", "9,operation_ended,-1"]
NOTHING = "no_visible_instrument,no_secondary_instrument,0,-2,,"
ONE = "kerrisons,no_secondary_instrument,8,-2,3,"
TWO = "kerrisons,suction,8,16,4,1"


def tree(root: Path, rows: list[str], steps: list[str] = STEPS, number: int = 1, eol: str = "\r\n") -> Path:
    """One video's files; ``rows`` without video and second."""
    for folder, kind, header, lines in (
        ("instruments_csv", "instruments", HEADER, [f"{number},{i},{row}" for i, row in enumerate(rows)]),
        (
            "steps_csv",
            "steps",
            "int_video,int_time,str_step,int_step",
            [f"{number},{line}" for line in steps],
        ),
    ):
        path = root / folder / f"{kind}_{number:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((eol.join([header, *lines]) + eol).encode())
    return root


def read(root: Path, questions: str = "ours") -> tuple[list[Case], list[Omission]]:
    items = list(pitvqa.cases(root, questions=questions))
    return [x for x in items if isinstance(x, Case)], [x for x in items if isinstance(x, Omission)]


def causes(dropped: list[Omission]) -> dict[str, int]:
    """Rows left out per cause."""
    count: collections.Counter[str] = collections.Counter()
    for item in dropped:
        count[item.cause] += int(item.item.split(": ")[1].split()[0])
    return dict(count)


def lines(case: Case, second: int) -> list[str]:
    """A frame's questions as the authors' text file has them."""
    (clip,) = (clip for clip in case.clips if clip.end_ms == second * 1000 + 500)
    return [f"{qa.question}|{qa.short_answer}" for qa in clip.qa]


def test_five_nine_or_twelve_questions(tmp_path):
    rows = [
        NOTHING,
        NOTHING,
        NOTHING,
        ONE,
        TWO,
        "no_visible_instrument,suction,0,16,,2",
        NOTHING,
        ONE,
        TWO,
        ONE,
    ]
    (case,), dropped = read(tree(tmp_path, rows), "official")
    assert [len(clip.qa) for clip in case.clips] == [5, 9, 12, 9, 5, 9, 12]
    assert [clip.start_ms for clip in case.clips] == [1500, 2500, 3500, 4500, 5500, 6500, 7500]
    assert {clip.phase for clip in case.clips} == {"nasal corridor creation", "sellotomy"}
    assert causes(dropped) == {"before or after the operation": 3} and case.scenes == ()
    assert lines(case, 4) == [
        "What is the surgical phase shown in the image?|nasal_sphenoid",
        "What is the surgical step shown in this frame?|nasal_corridor_creation",
        "What is the surgical operation performed in the image?|The middle and superior turbinates are laterally displaced",
        "What is the next surgical phase?|sellar",
        "What is the next surgical step?|anterior_sphenoidotomy",
        "What instrument is used in the bottom-left of the image?|kerrisons",
        "What instrument is used in the top-left of the image?|suction",
        "What surgical activity is performing by the instrument kerrisons?|The middle and superior turbinates are laterally displaced",
        "What surgical activity is performing by the instrument suction?|The middle and superior turbinates are laterally displaced",
        "Where is the surgical instrument kerrisons tip located in the image?|bottom-left",
        "Where is the surgical instrument suction tip located in the image?|top-left",
        "How many instruments are present in the image?|two",
    ]
    assert lines(case, 5)[5] == "What instrument is used in the top-right of the image?|suction"
    ids = [qa.qa_id for clip in case.clips for qa in clip.qa]
    assert len(ids) == len(set(ids))
    assert all(qa.short_answer in qa.choices for clip in case.clips for qa in clip.qa)


@pytest.mark.parametrize(
    ("row", "cause"),
    [("kerrisons,suction,8,16,4,1,unsure", "behind the last column"), ("kerrisons,suction,8,16,4", "fewer")],
)
def test_a_row_of_another_number_of_cells_is_refused(tmp_path: Path, row: str, cause: str) -> None:
    read_cases, dropped = read(tree(tmp_path, [NOTHING, NOTHING, NOTHING, row, NOTHING]))
    assert not read_cases
    assert any(cause in one.cause and "line 5" in one.cause and one.fault for one in dropped)


def test_position_codes_are_the_authors():
    """Going round (3 lower-left, 4 lower-right, 5 centre) would misplace 3, 4 and 5."""
    assert PLACES == {1: "top-left", 2: "top-right", 3: "centre", 4: "bottom-left", 5: "bottom-right"}
    assert {code: place.replace("centre", "center") for code, place in PLACES.items()} == pitvqa.POSITIONS


def test_a_position_with_no_instrument_is_asked_officially_and_dropped_by_us(tmp_path):
    rows = [NOTHING, NOTHING, NOTHING, "no_visible_instrument,no_secondary_instrument,0,-2,3,", NOTHING]
    (case,), _ = read(tree(tmp_path, rows), "official")
    assert "What instrument is used at the centre of the image?|no_visible_instrument" in lines(case, 3)
    assert any("1 questions" in note for note in pitvqa.notes([case]))
    (case,), dropped = read(tmp_path)
    assert [scene.time_s for scene in case.scenes] == [0, 1, 2, 4]
    assert causes(dropped) == {"a position without an instrument": 1}


def test_ours_counts_every_dropped_row_by_cause(tmp_path):
    rows = [
        "out_of_patient,no_secondary_instrument,-1,-2,,",
        "out_of_patient,no_secondary_instrument,-1,-2,5,",
        NOTHING,
        "suction,no_secondary_instrument,16,-2,,",  # an instrument without a position
        "kerrisons,no_secondary_instrument,8,-2,3,1",  # a second position without an instrument
        "occluded_image_inside_patient,no_secondary_instrument,0,-2,,",
        "no_visible_instrument,no_secondary_instrument,10,-2,4,",  # name and number disagree
        "no_visible_instrument,suction,0,16,,5",  # fine: only the secondary is there
        "kerrisons,kerrisons,8,8,3.0,1.0",  # as pandas writes them
    ]
    tree(tmp_path, rows)
    (tmp_path / "metadata").mkdir()
    # the real map isn't UTF-8
    (tmp_path / "metadata" / "map_instruments.csv").write_bytes(
        "int_instrument,str_instrument,中文意思\n0,no_visible_instrument,x\n8,kerrisons,咬骨钳\n16,suction,吸引器\n".encode(
            "gb18030"
        )
    )
    (case,), dropped = read(tmp_path)
    assert causes(dropped) == {
        "out of the patient": 2,
        "an instrument without a position": 1,
        "a position without an instrument": 1,
        "the image is occluded": 1,
        "the instrument's name and number disagree": 1,
    }
    assert not any(item.fault for item in dropped)
    assert [scene.time_s for scene in case.scenes] == [2, 7, 8]
    assert [(e.id, e.grid, e.granularity, e.rank) for e in case.scenes[2].nodes] == [
        ("kerrisons", "center", "quadrant", 1),
        ("kerrisons#2", "top-left", "quadrant", 2),
    ]
    assert [(e.name, e.rank) for e in case.scenes[1].nodes] == [("suction", 1)]
    assert all(e.bbox is None and e.centroid is None for scene in case.scenes for e in scene.nodes)


def test_steps_that_are_not_sorted(tmp_path):
    steps = ["0,nasal_corridor_creation,1", "6,durotomy,6", "3,sellotomy,5", "8,operation_ended,-1"]
    tree(tmp_path, [NOTHING] * 10, steps)
    (case,), _ = read(tmp_path)
    assert case.phases == (
        Phase("nasal corridor creation", 0, 3),
        Phase("sellotomy", 3, 6),
        Phase("durotomy", 6, 8),
    )
    (case,), _ = read(tmp_path, "official")  # as the authors scan it
    assert [lines(case, t)[1].split("|")[1] for t in range(8)] == ["nasal_corridor_creation"] * 6 + [
        "sellotomy"
    ] * 2


def test_a_row_that_names_another_video(tmp_path):
    tree(tmp_path, [NOTHING] * 10)
    path = tmp_path / "steps_csv" / "steps_01.csv"
    path.write_text(path.read_text().replace("1,6,sellotomy", "2,6,sellotomy"))
    path = tmp_path / "instruments_csv" / "instruments_01.csv"
    path.write_text(path.read_text().replace("\n1,4,", "\n9,4,"))
    (case,), dropped = read(tmp_path)
    assert case.phases == (Phase("nasal corridor creation", 2, 6),)  # 6-9 isn't labelled with the step before
    assert causes(dropped) == {"the row names video 2": 1, "the row names video 9": 1}
    assert 4 not in [scene.time_s for scene in case.scenes]


def test_no_step_while_out_of_the_patient(tmp_path):
    rows = [NOTHING] * 4 + ["out_of_patient,no_secondary_instrument,-1,-2,,"] * 2 + [NOTHING] * 6
    (case,), _ = read(tree(tmp_path, rows, ["0,sellotomy,5"]))
    assert case.phases == (Phase("sellotomy", 0, 4), Phase("sellotomy", 6, 12))
    assert case.duration_s == 12
    assert phase_at(case, 4500) is None, "the steps go on; that nothing is under way no table says"


def test_no_step_is_idle_only_where_no_row_shows_an_instrument(tmp_path):
    at_work = "kerrisons,no_secondary_instrument,8,-2,3,"
    rows = [NOTHING, NOTHING, at_work, NOTHING, *[at_work] * 4]
    (case,), _ = read(tree(tmp_path, rows, ["0,operation_not_started,-1", "4,sellotomy,5"]))
    assert [phase_at(case, 1000 * at) for at in range(5)] == ["idle", "idle", None, "idle", "sellotomy"]


def test_frames_on_disk_decide_what_is_asked(tmp_path):
    rows = [NOTHING] * 4
    tree(tmp_path, rows, ["0,sellotomy,5"])
    folder = tmp_path / "images" / "video_01"
    folder.mkdir(parents=True)
    for second in (0, 2, 3):
        (folder / f"{second:05}.png").write_bytes(b"")
    for questions in ("official", "ours"):
        (case,), dropped = read(tmp_path, questions)
        assert [frame.time_s for frame in case.frames] == [0, 2, 3] and case.video is None
        assert causes(dropped) == {"its frame is not on disk": 1}
        assert len(case.clips or case.scenes) == 3


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (lambda text: text.replace("kerrisons", "kerosene"), "unknown instrument 'kerosene'"),
        (lambda text: text.replace(",8,-2,3,", ",8,-2,6,"), "a position outside 1-5"),
        (lambda text: text.replace("1,2,no", "1,1,no"), "second 1 is there twice"),
        (lambda text: text.replace("1,2,no", "1,two,no"), "'two' is not a whole number"),
        (lambda text: text.replace("pos_instrument1", "pos"), "lacks the column pos_instrument1"),
        (lambda text: text.split("\r\n")[0] + "\r\n", "has no rows"),
    ],
)
def test_bad_input_is_a_fault_of_that_video(tmp_path, break_it, cause):
    tree(tmp_path, [NOTHING, NOTHING, NOTHING, ONE])
    tree(tmp_path, [NOTHING, NOTHING, NOTHING, ONE], number=2)
    path = tmp_path / "instruments_csv" / "instruments_01.csv"
    path.write_bytes(break_it(path.read_bytes().decode()).encode())
    cases, dropped = read(tmp_path)
    assert [case.case_id for case in cases] == ["video_02"]
    (fault,) = (item for item in dropped if item.fault)
    assert fault.item == "video_01" and cause in fault.cause


def test_a_file_without_its_partner(tmp_path):
    tree(tmp_path, [NOTHING] * 3)
    tree(tmp_path, [NOTHING] * 3, number=2)
    (tmp_path / "steps_csv" / "steps_01.csv").unlink()
    (tmp_path / "instruments_csv" / "instruments_02.csv").rename(
        tmp_path / "instruments_csv" / "instruments_03.csv"
    )
    cases, dropped = read(tmp_path)
    assert not cases and all(item.fault for item in dropped)
    assert [item.item for item in dropped] == ["video_01", "video_03", "video_02"]


def test_not_this_source(tmp_path):
    with pytest.raises(InputError, match="instruments_csv") as error:
        list(pitvqa.cases(tmp_path))
    assert str(tmp_path) in str(error.value) and "https://" in str(error.value)
    tree(tmp_path, [NOTHING])
    with pytest.raises(InputError, match="official and ours"):
        list(pitvqa.cases(tmp_path, questions="theirs"))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "steps_01.csv").write_text("")
    with pytest.raises(InputError, match="same video"):
        list(pitvqa.cases(tmp_path))


# --- the 20 real videos ---


@pytest.fixture(scope="module")
def official(realdata) -> dict[str, Case]:
    cases, dropped = read(realdata / "pitvqa", "official")
    assert not any(item.fault for item in dropped)
    return {case.case_id: case for case in cases}


def counted(root: Path) -> dict[str, collections.Counter[int]]:
    """Frames per number of positions, counted another way: raw text, and each second's step painted."""
    counts = {}
    for path in sorted((root / "instruments_csv").glob("*.csv")):
        number = path.stem[-2:]
        with (root / "steps_csv" / f"steps_{number}.csv").open(newline="") as file:
            changes = [(int(row[1]), row[2]) for row in list(csv.reader(file))[1:]]
        body = path.read_text(encoding="latin-1").splitlines()[1:]
        painted = [""] * len(body)
        for start, name in sorted(changes):
            painted[start:] = [name] * (len(body) - start)
        counts[f"video_{number}"] = collections.Counter(
            sum(field.strip() != "" for field in line.split(",")[6:8])
            for line, step in zip(body, painted, strict=True)
            if "out_of_patient" not in line and step not in ("operation_not_started", "operation_ended")
        )
    return counts


def test_real_totals(official, realdata):
    """On 20 of 25 videos; the authors' loader prints 24,767 frames and 203,868 + 13 questions for the rest.

    (13: what that loader leaves out because the answer is no instrument; 214 on the other 20.)
    """
    expected = counted(realdata / "pitvqa")
    assert {case_id: len(case.clips) for case_id, case in official.items()} == {
        case_id: sum(count.values()) for case_id, count in expected.items()
    }
    asked = {
        case_id: collections.Counter(len(clip.qa) for clip in case.clips)
        for case_id, case in official.items()
    }
    assert asked == {case_id: {5: count[0], 9: count[1], 12: count[2]} for case_id, count in expected.items()}
    frames = [len(case.clips) for case in official.values()]
    assert (min(frames), max(frames)) == (2443, 7179)  # as published
    assert sum(frames) == 109_173 - 24_767
    assert sum(len(clip.qa) for case in official.values() for clip in case.clips) == 884_242 - 203_868 - 13


FRAMES = [
    ("video_01", 3, [(0, "nasal_sphenoid"), (3, "anterior_sphenoidotomy"), (-1, "zero")], 5),
    ("video_01", 302, [(1, "anterior_sphenoidotomy"), (5, "kerrisons"), (7, "centre"), (-1, "one")], 9),
    ("video_01", 2002, [(5, "kerrisons"), (6, "suction"), (9, "centre"), (10, "centre"), (-1, "two")], 12),
    ("video_05", 1635, [(5, "suction"), (7, "bottom-left"), (-1, "one")], 9),  # only the secondary
    ("video_03", 2941, [(1, "tumour_excision"), (5, "no_visible_instrument"), (7, "centre")], 9),
    ("video_03", 1179, [(1, "sellotomy"), (-1, "zero")], 5),  # occluded
    ("video_16", 4200, [(1, "haemostasis"), (5, "pituitary_rongeurs"), (6, "suction")], 12),  # not sorted
    ("video_16", 4450, [(1, "haemostasis"), (9, "centre"), (10, "bottom-right")], 12),
]  # fmt: skip


@pytest.mark.parametrize(("case_id", "second", "answers", "count"), FRAMES)
def test_real_frames(official, case_id, second, answers, count):
    """Picked by hand from the files: answers by their place in the authors' list."""
    frame = lines(official[case_id], second)
    assert len(frame) == count
    assert [(at, frame[at].split("|")[1]) for at, _ in answers] == answers


def test_real_files_cleaned(realdata):
    cases, dropped = read(realdata / "pitvqa")
    assert len(cases) == 20 and not any(item.fault for item in dropped)
    assert causes(dropped) == {
        "out of the patient": 8512,
        "the image is occluded": 436,
        "a position without an instrument": 179,
        "an instrument without a position": 102,
        "the instrument's name and number disagree": 1,
        "the row names video 23": 1,
    }
    rows = sum(
        len(path.read_bytes().splitlines()) - 1
        for path in (realdata / "pitvqa" / "instruments_csv").glob("*.csv")
    )
    assert (
        rows == sum(len(case.scenes) for case in cases) + sum(causes(dropped).values()) - 1
    )  # one is a step
    by_id = {case.case_id: case for case in cases}
    at_4200 = [phase.label for phase in by_id["video_16"].phases if phase.start_s <= 4200 < phase.end_s]
    assert at_4200 == ["synthetic graft placement"]
    for case in cases:
        assert all(a.end_s <= b.start_s for a, b in zip(case.phases, case.phases[1:], strict=False))
        assert case.phases[0].start_s >= 0 and case.phases[-1].end_s <= case.duration_s
    assert {case.split for case in cases} == {None}


def test_the_authors_split_where_their_held_out_videos_are(tmp_path):
    for number in (1, 2, 3):
        tree(tmp_path, [NOTHING] * 3, ["0,sellotomy,5"], number=number)
    assert [case.split for case in read(tmp_path, "official")[0]] == ["train", "test", "train"]
    assert [case.split for case in read(tmp_path)[0]] == [None] * 3
    (tmp_path / "instruments_csv" / "instruments_02.csv").unlink()
    (tmp_path / "steps_csv" / "steps_02.csv").unlink()
    assert [case.split for case in read(tmp_path, "official")[0]] == [None] * 2


def test_the_command_takes_the_question_set(tmp_path, capsys):
    from surgvqa.builders.__main__ import main

    for number in (1, 3, 4, 5, 7):
        tree(tmp_path / "in", [NOTHING, ONE, TWO], ["0,sellotomy,5"], number=number)
    asked = ["pitvqa", "--root", str(tmp_path / "in"), "--media", "none", "--workers", "0", "--questions"]
    assert main([*asked, "official", "--out", str(tmp_path / "out")]) == 0
    assert sum(1 for _ in (tmp_path / "out" / "qa").iterdir()) >= 2
    assert "26 questions" in capsys.readouterr().out  # 5 + 9 + 12 of a case
    assert main([*asked, "theirs", "--out", str(tmp_path / "other")]) == 2
    assert "official and ours" in capsys.readouterr().err


def test_real_idle_seconds_are_those_without_a_step_and_without_an_instrument(realdata):
    """Raw lines, painted: idle is a second of which the steps say that the operation hasn't begun or has ended."""
    folder, idle = realdata / "pitvqa", 0
    for case in (one for one in pitvqa.cases(folder) if isinstance(one, Case)):
        number = case.case_id[-2:]
        with (folder / "steps_csv" / f"steps_{number}.csv").open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        changes = sorted((int(at), name if int(video) == int(number) else "") for video, at, name, *_ in rows)
        lines = (folder / "instruments_csv" / f"instruments_{number}.csv").read_text("latin-1").splitlines()
        for line in lines[1:]:
            _, second, first, *_ = line.split(",")
            step = [name for start, name in changes if start <= int(second)][-1:]
            expected = step in (["operation_not_started"], ["operation_ended"])
            expected = expected and first in (
                "out_of_patient",
                "no_visible_instrument",
                "occluded_image_inside_patient",
            )
            assert (phase_at(case, 1000 * int(second)) == "idle") == expected, (
                case.case_id,
                second,
                step,
                first,
            )
            idle += expected
    assert idle > 1000
