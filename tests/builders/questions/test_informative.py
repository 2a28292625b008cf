"""Questions that are chosen: true within the frames, worded, certified, and not guessable where they are held out."""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from surgvqa.builders.asking import templates
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.bits.blind import Guesser, chance, context, right
from surgvqa.builders.bits.choose import Part, choose
from surgvqa.builders.bits.guessers import pick
from surgvqa.builders.bits.thin import Guessers, Item, count_items, thin_items, weights
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.cases.windows import frame_times, windows
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import NINE, ask
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip, Entity, Frame, Phase, Scene
from surgvqa.builders.shards.rows import within
from surgvqa.cards.command import InputError

CATARACT = load("cataract")
W, H = 400, 300


def masked(name: str, polygon: list[float]) -> Entity:
    role = "anatomy" if name in CATARACT.anatomy else "instrument"
    rle = masks.polygons_to_rle([polygon], W, H)
    return Entity(
        name,
        name,
        role,
        "mask",
        masks.box_of(rle, W, H),
        masks.centroid_of(rle, W, H),
        masks.area_of(rle, W, H),
        rle=rle,
    )


def square(x: float, y: float, half: float) -> list[float]:
    return [x - half, y - half, x + half, y - half, x + half, y + half, x - half, y + half]


EYE = (masked("cornea", square(200, 150, 120)), masked("pupil", square(200, 150, 60)))
LEFT = masked("spatula", [0, 140, 150, 145, 150, 155, 0, 160])  # its tip is at 9 o'clock, in the pupil
HIGH = masked("spatula", [0, 20, 100, 20, 100, 40, 0, 40])
FROM_BELOW = masked("gauge", [190, 300, 195, 240, 205, 240, 210, 300])  # tip in the cornea, 6 o'clock


def case(*scenes: tuple[float, tuple[Entity, ...]], phases=(("incision", 0, 60),), **facts) -> Case:
    made = tuple(Scene(at, W, H, nodes) for at, nodes in scenes)
    facts = {"case_id": "a", "duration_s": 60.0, **facts}
    return link(
        Case(
            source="made", procedure="cataract", phases=tuple(Phase(*p) for p in phases), scenes=made, **facts
        )
    )


def questions(one: Case, frames: int = 8, kinds=tuple(POOL), failed=None) -> list[tuple[Clip, dict[str, QA]]]:
    known = transitions([one])
    return [
        (
            clip,
            {
                qa.qa_id.split("#")[1]: qa
                for qa in certified_questions(
                    clip, one, CATARACT, known, Selection(kinds=tuple(kinds), frames=frames), failed
                )
            },
        )
        for clip in moments.windows(one, 5.0, frames).clips
    ]


def test_windows_run_from_moment_to_moment():
    one = case((0.0, EYE), (4.5, EYE), (9.5, EYE), (40.0, EYE))
    clips = [clip for clip in moments.windows(one, 5.0, 8).clips if clip.scene]
    ends = [(frame_times(clip, 8)[0], frame_times(clip, 8)[-1]) for clip in clips]
    assert ends[:2] == [(0.0, 4.5), (4.5, 9.5)] and len(clips) == 3
    assert 40.0 in frame_times(clips[2], 8), "a lone moment has a frame of its own"
    assert all(clip.start_ms <= clip.scene.time_s * 1000 < clip.end_ms for clip in clips)
    for clip in moments.windows(one, 5.0, 8).clips:
        assert len(frame_times(clip, 8)) == 8 and clip.end_ms - clip.start_ms <= 6001


def test_stills_make_clips_of_two_that_follow_each_other():
    frames = tuple(Frame(at, Path(f"{at:g}.png")) for at in (0.0, 30.0, 50.0))
    one = case((0.0, EYE), (30.0, EYE), (50.0, EYE), (55.0, EYE), frames=frames)
    shown = [frame_times(clip, 8) for clip in moments.windows(one, 5.0, 8).clips if clip.scene]
    assert shown == [(0.0, 30.0), (30.0, 50.0)], "the scene at 55 s has no picture"


def test_what_comes_and_goes_does_so_within_the_frames():
    one = case((0.0, EYE), (5.0, (*EYE, LEFT)), (10.0, (*EYE, FROM_BELOW)))
    first, second = [q for clip, q in questions(one) if clip.scene]
    assert first["entered"].short_answer == "spatula" and first["exited"].short_answer == "none"
    assert second["entered"].short_answer == "gauge" and second["exited"].short_answer == "spatula"
    assert second["entered"].evidence_s == (5.0, 10.0)


def test_no_evidence_lies_outside_the_frames():
    dense = tuple((float(t), (*EYE, *((LEFT,) if t % 7 > 3 else ()))) for t in range(30))
    for one in (case(*dense), case((0.0, EYE), (4.5, (*EYE, LEFT)), (30.0, EYE)), case()):
        for frames in (1, 2, 8):
            for clip, found in questions(one, frames):
                shown = frame_times(clip, frames)
                for qa in found.values():
                    assert qa.evidence_s and all(shown[0] <= at <= shown[-1] for at in qa.evidence_s), qa


def test_an_instrument_speaks_of_its_tip():
    one = case((0.0, EYE), (5.0, (*EYE, LEFT)), (10.0, (*EYE, FROM_BELOW)))
    first, second = [q for clip, q in questions(one) if clip.scene]
    if "tip_clock" in first and first["tip_clock"].short_answer != "not visible":
        assert first["tip_clock"].short_answer == "9 o'clock"
    assert first["tip_in"].short_answer == "pupil" and second["tip_in"].short_answer == "cornea"
    assert first["entry_side"].short_answer == "left" and second["entry_side"].short_answer == "bottom"
    assert set(first["tip_in"].choices) == {"cornea", "pupil", "none of them"}


def test_what_no_certificate_holds_for_is_counted_and_not_asked():
    speck = masked("gauge", square(200, 150, 1.5))  # nine pixels, too small to see
    failed: Counter[tuple[str, str]] = Counter()
    for _, found in questions(case((0.0, EYE), (5.0, (*EYE, speck))), failed=failed):
        assert "count" not in found or found["count"].short_answer == "0"
    assert failed["count", "not visible"] == 1 and failed["instruments", "not visible"] == 1


def test_an_unclear_direction_is_not_asked():
    failed: Counter[tuple[str, str]] = Counter()
    found = questions(case((0.0, (*EYE, LEFT)), (5.0, (*EYE, LEFT))), failed=failed)
    assert not any("tip_shift" in q for _, q in found) and failed["tip_shift", "not stable"] == 1
    up = questions(case((0.0, (*EYE, LEFT)), (5.0, (*EYE, HIGH))))
    assert [q["tip_shift"].short_answer for _, q in up if "tip_shift" in q] == ["up"]


def test_dense_labels_say_when():
    scenes = [(float(t), (*EYE, *((LEFT,) if t >= 3 else ()))) for t in range(6)]
    (found,) = [q for clip, q in questions(case(*scenes)) if clip.scene]
    assert found["enters_at"].short_answer == "3.0 s" and found["enters_at"].evidence_s == (2.0, 3.0)


def test_the_moment_is_named_and_annotations_are_not():
    one = case((0.0, EYE), (5.0, (*EYE, LEFT)), (10.0, (*EYE, FROM_BELOW)))
    for _, found in questions(one):
        for qa in found.values():
            assert "annotat" not in qa.question and "{" not in qa.question and qa.question[0].isupper()
            if qa.kind in ("instruments", "count", "presence"):
                assert "of the clip" in qa.question, qa.question


def test_templates_are_checked(tmp_path):
    assert set(templates.wording().kinds) == set(POOL)
    for text, cause in (
        ("count: {questions: [a, b], answer: x, nothing: y}", "phrasings"),
        ("count: {questions: [a, b, c, d, e, '{z}'], answer: x, nothing: y}", "unknown slot {z}"),
        ("count: {questions: [a, b, c, d, e, '{a}'], answer: x, nothing: y}", "doesn't speak of"),
        ("- a", "kinds with their questions"),
    ):
        path = tmp_path / f"{abs(hash(text))}.yaml"
        path.write_text(text)
        with pytest.raises(InputError, match=cause):
            templates.load(path)


def item(number: int, name: str, answer: str, choices: tuple[str, ...] = ("yes", "no")) -> Item:
    text = f"Is the {name} visible at the end of the clip?"
    return Item(f"q{number}", context("presence", text, choices), answer, text)


def test_thinning_ends_at_chance():
    """The spatula is nearly always there and the gauge never: the name gives the answer away."""
    items = [item(i, "spatula", "yes" if i % 10 else "no") for i in range(200)]
    items += [item(1000 + i, "gauge", "no" if i % 10 else "yes") for i in range(200)]
    taught = count_items(items)
    assert right(Guesser(taught), taught) > 0.85
    kept, cause = thin_items(items, Guessers(taught), 0)
    assert cause is None and len(kept) >= 60
    left = count_items(kept)
    assert (
        right(Guesser(taught), left) <= chance(left) + 0.1
        and right(Guesser(left), left) <= chance(left) + 0.1
    )


def test_chance_is_that_of_all_answers_that_training_shows():
    """Training counts up to five; where two of these answers are left, a half of them right is far above chance."""
    train = [item(i, "spatula", str(i % 5), ()) for i in range(100)]
    held = [item(200 + i, "spatula", "0" if i % 2 else "1", ()) for i in range(200)]
    held += [item(900 + i, "spatula", str(2 + i % 3), ()) for i in range(15)]
    kept, _ = thin_items(held, Guessers(count_items(train)), 0)
    answers = Counter(one.answer for one in kept)
    assert not kept or max(answers.values()) <= 0.3 * len(kept)


def test_a_kind_with_one_answer_is_left_out_by_name():
    kept, cause = thin_items([item(i, "spatula", "yes") for i in range(50)], Guessers(Counter()), 0)
    assert not kept and cause


def test_training_keeps_all_and_weighs_it():
    def part(case_id: str, split: str) -> Part:
        clips = tuple(Clip(case_id, i * 1000, i * 1000 + 1000, None) for i in range(40))
        pool = tuple(
            (QA(f"{c.clip_id}#count", "count", "recognition", "How many?", "", "1" if i % 4 else "2"),)
            for i, c in enumerate(clips)
        )
        return Part(case_id, split, clips, pool)

    chosen = choose([part("a", "train"), part("b", "test")])
    train, test = chosen.clips
    assert len(train) == 40 and len(test) < 40
    weighed = {qa.short_answer: qa.weight for clip in train for qa in clip.qa}
    assert weighed["2"] == pytest.approx(3 * weighed["1"])
    assert all(qa.bits > 0 for clip in (*train, *test) for qa in clip.qa)
    answers = Counter(qa.short_answer for clip in test for qa in clip.qa)
    assert max(answers.values()) <= 0.6 * answers.total()
    again = choose([part("a", "train"), part("b", "test")])
    assert again == chosen
    assert weights({"a": 1, "b": 1}) == {"a": 1.0, "b": 1.0}


def test_a_held_out_clip_that_leaves_little_open_is_left_out():
    """Every clip costs a model its frames: of 40 clips, those asked one question go, those asked four stay."""

    def part(case_id: str, split: str) -> Part:
        clips = tuple(Clip(case_id, i * 1000, i * 1000 + 1000, None) for i in range(80))
        pool = tuple(
            tuple(
                QA(f"{c.clip_id}#k{k}", f"k{k}", "recognition", "How many?", "", str((i // 2 + k) % 4))
                for k in range(8 if i % 2 else 1)
            )
            for i, c in enumerate(clips)
        )
        return Part(case_id, split, clips, pool)

    chosen = choose([part("a", "train"), part("b", "train"), part("c", "test")])
    assert [len(clips) for clips in chosen.clips[:2]] == [80, 80]
    assert {len(clip.qa) for clip in chosen.clips[2]} <= set(range(4, 9)) and 20 < len(chosen.clips[2]) <= 40
    assert any("far less open" in note for note in chosen.notes)
    assert chosen.left_out["k0"]["its clip leaves little open"] >= 35


def test_kinds_too_small_to_measure_a_guesser_on_are_one_note_a_split():
    def part(case_id: str, split: str) -> Part:
        clips = tuple(Clip(case_id, i * 1000, i * 1000 + 1000, None) for i in range(8))
        pool = tuple(
            tuple(
                QA(f"{c.clip_id}#k{k}", f"k{k}", "recognition", "How many?", "", str((i + k) % 4))
                for k in range(3)
            )
            for i, c in enumerate(clips)
        )
        return Part(case_id, split, clips, pool)

    notes = choose([part("a", "train"), part("b", "train"), part("c", "test"), part("d", "validation")]).notes
    small = [note for note in notes if "blind guesser" in note]
    assert [note.split()[0] for note in small] == ["test", "validation"]
    assert "at most 8 questions of a kind" in small[0]


def test_evidence_is_a_second_of_the_frames_shown():
    assert within((0.0, 9.5), (0.0, 9.48)) == (0.0, 9.48)


def dense_case(seconds: int) -> Case:
    tool = Entity("spatula", "spatula", "instrument", "presence")
    scenes = tuple(Scene(float(t), W, H, (tool,) if t % 9 else ()) for t in range(seconds))
    phases = tuple(Phase("incision", at, at + 60) for at in range(0, seconds, 60))
    return link(Case("a", "made", "cataract", phases, scenes, duration_s=float(seconds)))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["nine", "informative"])
def test_twice_the_moments_take_about_twice_as_long(how):
    def took(seconds: int) -> float:
        one = dense_case(seconds)
        known = transitions([one])
        begin = time.process_time()
        if how == "nine":
            for clip in windows(one, 5.0).clips:
                ask(clip, one, CATARACT, known, Selection(kinds=(*NINE, "motion_direction")))
        else:
            for clip in moments.windows(one, 5.0, 8).clips:
                certified_questions(clip, one, CATARACT, known)
        return time.process_time() - begin

    took(900)
    gc.disable()  # a collection of the whole process' objects may fall into either
    try:
        longer, shorter = (min(took(seconds) for _ in range(3)) for seconds in (7200, 3600))
    finally:
        gc.enable()
    assert longer < 3 * shorter


def test_the_command_chooses_and_reports(tmp_path):
    root = tmp_path / "cases"
    told = ["synthetic", "--root", str(root), "--render-cases", "4", "--size", "64", "--phase-seconds", "5"]
    for how, wanted in (("informative", set(POOL)), ("nine", set(NINE))):
        out = tmp_path / how
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "surgvqa.builders",
                *told,
                "--out",
                str(out),
                "--media",
                "none",
                "--questions",
                how,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report = json.loads((out / "report.json").read_text())
        assert set(report["kinds"]) <= wanted and report["bits"]["per_clip"] > 0


def test_thinning_holds_against_who_takes_the_likeliest_answer_of_those_offered():
    """Training shows the liver larger than the duct, and the duct larger than the plate, and more of the latter."""

    def asked(number: int, pair: tuple[str, str], answer: str) -> Item:
        text = f"Which is larger at {number}, the {pair[0]} or the {pair[1]}?"
        return Item(f"q{number}", context("larger", text, pair), answer, text)

    train = [asked(i, ("duct", "plate"), "duct") for i in range(200)]
    train += [asked(1000 + i, ("duct", "liver"), "liver") for i in range(40)]
    held = [asked(2000 + i, ("duct", "liver"), "duct" if i % 4 else "liver") for i in range(200)]
    known = Counter(one.answer for one in train)
    assert pick([known], "", ("duct", "liver")) == "duct"
    mixed = [*held, *(asked(3000 + i, ("liver", "plate"), "liver" if i % 4 else "plate") for i in range(200))]
    kept, cause = thin_items(mixed, Guessers(count_items(train)), 0)
    assert cause is None and len(kept) > 100
    hits = sum(pick([known], "", one.context.choices) == one.answer for one in kept)
    assert hits <= 0.6 * len(kept)


def test_thinning_goes_on_until_nothing_changes():
    """Each round's chance moves with what the one before took; eight rounds are too few for these, and for real counts."""
    draw = random.Random(10)
    taught: Counter = Counter()
    heart: dict[str, Counter[str]] = {}
    items = []
    for word in range(4):
        text = f"How many w{word}?"
        what = context("count", text, ())
        for answer in "012":
            n, times = int(10 ** draw.uniform(0, 3.2)), int(10 ** draw.uniform(0, 3))
            taught[what, answer] += times
            heart.setdefault(text, Counter())[answer] += times
            items += [Item(f"{word}-{answer}-{i}", what, answer, text) for i in range(n)]
    kept, cause = thin_items(items, Guessers(taught, heart), 0)
    assert cause is None and len(kept) > 900
    again, _ = thin_items(kept, Guessers(taught, heart), 0)
    assert {one.qa_id for one in again} == {one.qa_id for one in kept}, "nothing is left to take out"
