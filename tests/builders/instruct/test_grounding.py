"""The verifier: precision and recall on planted samples, and that no true one of ours is lost or false one kept."""

from __future__ import annotations

from dataclasses import replace

import planted_samples as planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.builders.frames.entry import FrameLabels, from_json
from surgvqa.builders.procedures.taxonomy import load, shipped_procedures
from surgvqa.builders.teachers.samples import Sample, Turn
from surgvqa.builders.teachers.template_teacher import samples
from surgvqa.builders.verifying.verifier import Verifier

VERIFIERS = {name: Verifier(load(name)) for name in shipped_procedures()}


def reason(key: str, kind: str, *turns: tuple[str, str]) -> str | None:
    verifier = VERIFIERS[planted.taxonomy(key).name]
    verifier.seen_keys.clear()
    return verifier.reason(Sample(kind, tuple(Turn(*turn) for turn in turns)), planted.frame(key))


def measured(good, bad) -> tuple[float, float, list, list]:
    lost = [row for row in good if reason(row[0], row[1], row[2:4]) is not None]
    kept = [row for row in bad if reason(row[0], row[1], row[2:4]) is None]
    right = len(good) - len(lost)
    return right / (right + len(kept)), right / len(good), lost, kept


def test_precision_and_recall_on_two_hundred_planted_samples():
    assert (len(planted.GOOD), len(planted.BAD)) == (100, 100)
    precision, recall, lost, kept = measured(planted.GOOD, planted.BAD)
    assert precision == 1.0, kept
    assert recall >= 0.97, lost


def test_precision_and_recall_on_sixty_more_of_other_procedures():
    precision, recall, lost, kept = measured(planted.MORE_GOOD, planted.MORE_BAD)
    assert precision == 1.0, kept
    assert recall >= 0.9, lost


def test_precision_and_recall_on_the_last_forty():
    precision, recall, lost, kept = measured(planted.LAST_GOOD, planted.LAST_BAD)
    assert precision == 1.0, kept
    assert recall >= 0.9, lost


def test_both_counts_unless_it_joins_two_names():
    assert (
        reason(
            "B",
            "conversation",
            ("Which structures?", "Both the cystic duct and the cystic artery are visible."),
        )
        is None
    )
    assert "number" in str(reason("B", "conversation", ("What is visible?", "Both clippers are visible.")))


@pytest.mark.parametrize(
    ("kind", "fault", "words"),
    [
        ("phase", "phase", ("phase:",)),
        ("instrument", "instrument", ("instrument:",)),
        ("structure", "structure", ("anatomy:",)),
        ("number", "number", ("number:",)),
        ("side", "side", ("side:",)),
        ("speculation", "speculation", ("speculation:",)),
        ("leak", "leak", ("leak:",)),
        ("event", "event", ("event:", "claim:")),
        ("markup", "markup", ("markup:",)),
        ("echo", "echo", ("echo:", "markup:")),
    ],
)
def test_the_reason_says_what_is_wrong(kind: str, fault: str, words: tuple[str, ...]):
    rows = [row for row in planted.BAD if row[4] == fault]
    assert rows
    told = [reason(row[0], row[1], row[2:4]) for row in rows]
    right = sum(str(one).startswith(words) for one in told)
    assert right >= 0.7 * len(rows), list(zip(rows, told, strict=True))


def test_duplicates_are_refused_and_refused_samples_are_no_originals():
    verifier, frame = VERIFIERS["cholecystectomy"], planted.frame("A")
    verifier.seen_keys.clear()
    one = Sample("conversation", (Turn("Which phase is this?", "Calot triangle dissection."),))
    assert verifier.reason(one, frame) is None
    assert str(verifier.reason(one, frame)).startswith("duplicate:")
    assert verifier.reason(one, replace(frame, image="frames/2.jpg")) is None
    twice = Sample("conversation", one.turns * 2)
    assert str(verifier.reason(twice, replace(frame, image="3.jpg"))).startswith("duplicate:")
    wrong = Sample("conversation", (Turn("Which phase is this?", "Preparation."),))
    assert [str(verifier.reason(wrong, frame)).split(":")[0] for _ in range(2)] == ["phase", "phase"]


@pytest.mark.parametrize(
    ("kind", "question", "answer"),
    [
        ("conversation", "Is the hook cutting the cystic duct?", "Yes."),
        ("conversation", "Which structure is the hook cutting?", "The cystic duct."),
        ("reasoning", "Is the critical view of safety met before clipping and cutting?", "Yes, it is met."),
        (
            "reasoning",
            "What is next?",
            "The critical view of safety has been met before clipping and cutting.",
        ),
        (
            "conversation",
            "Where is the grasper and the hook?",
            "The grasper and the hook are at the bottom right.",
        ),
        ("conversation", "Which instruments are visible?", "The grasper is visible."),
        ("reasoning", "Is it safe to proceed?", "Yes."),
        ("conversation", "Where is the hook?", "It lies behind the liver."),
    ],
)
def test_claims_that_hide(kind: str, question: str, answer: str):
    assert reason("A", kind, (question, answer)) is not None


def test_coordinates_are_no_leak_where_they_are_asked_for_and_true():
    asked = "What are the pixel coordinates of the center of the hook?"
    assert reason("A", "conversation", (asked, "The hook is at (790, 790).")) is None
    assert str(reason("A", "conversation", ("Where is the hook?", "The hook is at (790, 790)."))).startswith(
        "leak"
    )
    assert str(reason("A", "conversation", (asked, "The hook is at (100, 790)."))).startswith("leak")


@st.composite
def frames(draw) -> tuple[str, FrameLabels]:
    """Any labels that a procedure allows: known or not, located or not."""
    name = draw(st.sampled_from(shipped_procedures()))
    taxonomy = load(name)
    entry = {"image": f"{draw(st.integers(0, 10**6))}.jpg", "video_id": "v", "timestamp_s": 1.0}
    if draw(st.booleans()):
        entry["phase"] = draw(st.sampled_from([*taxonomy.phases, "idle"]))
    for key, known in (("anatomy", taxonomy.anatomy), ("tools", taxonomy.instruments)):
        if draw(st.booleans()):
            entry[key] = draw(st.lists(st.sampled_from(known), unique=True, max_size=4))
    if draw(st.booleans()):
        events = draw(st.lists(st.sampled_from(taxonomy.events), unique=True, max_size=4))
        entry["events"] = [f"{event}={draw(st.sampled_from(['true', 'false']))}" for event in events]
    if draw(st.booleans()):
        entry |= {"width": 600, "height": 600, "boxes": []}
        for name_ in [*entry.get("anatomy", ()), *entry.get("tools", ())]:
            x, y = draw(st.tuples(st.integers(0, 500), st.integers(0, 500)))
            side = draw(st.integers(5, 99))
            for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
                entry["boxes"].append({"name": name_, "bbox": [x, y, x + side, y + side]})
                x = max(0, x - 7)
    return name, from_json(entry, taxonomy)


@given(frames(), st.integers(0, 99))
@settings(max_examples=400, deadline=None)
def test_the_template_teacher_is_always_borne_out(found, seed):
    name, frame = found
    VERIFIERS[name].seen_keys.clear()
    for sample in samples(frame, load(name), seed):
        assert VERIFIERS[name].reason(sample, frame) is None, sample


@given(frames(), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_a_true_sample_of_another_scene_is_refused(found, seed):
    """Each sample of a frame, judged by that frame without one of the things it names."""
    name, frame = found
    verifier = VERIFIERS[name]
    for key in ("tools", "anatomy"):
        things = getattr(frame, key)
        if not things:
            continue
        gone = things[0].name
        other = replace(frame, **{key: tuple(thing for thing in things if thing.name != gone)})
        description = next(s for s in samples(frame, load(name), seed) if s.kind == "description")
        verifier.seen_keys.clear()
        assert verifier.reason(description, other) is not None, (gone, description)
