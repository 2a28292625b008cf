"""The report: blind figures against a count by hand, planted leaks, balance."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.cases import balance, leakage
from surgvqa.builders.pipeline.report import blind_table, describe
from surgvqa.builders.schema import QA, Omission
from surgvqa.cards.command import InputError


def qa(kind: str, short: str, question: str = "?", number: int = 0) -> dict:
    return {"qa_id": f"{kind}{number}", "kind": kind, "question": question, "short_answer": short}


def row(case_id: str, start: float, questions=(), images=(), seconds: float = 5.0) -> dict:
    return {
        "clip_id": f"{case_id}@{start:g}",
        "case_id": case_id,
        "start_s": start,
        "end_s": start + seconds,
        "frame_times_s": [start + seconds * (2 * i + 1) / 16 for i in range(8)],
        "images": list(images),
        "qa": list(questions),
    }


def picture(seed: int, size=(320, 240)) -> Image.Image:
    """Blobs of light that no other seed has."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    field = np.zeros((size[1], size[0]))
    for cx, cy, r, level in rng.uniform((0, 0, 15, -200), (*size, 60, 255), (14, 4)):
        field += level * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8)).convert("RGB")


def jpeg(image: Image.Image, quality: int = 90, size: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    (image.resize(size) if size else image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def test_the_blind_guesser_learns_from_train_and_answers_test():
    train = [
        row(
            "a",
            0,
            [qa("presence", s, q) for s, q in (("yes", "pupil?"), ("yes", "pupil?"), ("no", "knife?"))],
        )
    ]
    test = [
        row("b", 0, [qa("presence", s, q) for s, q in (("no", "knife?"), ("no", "lens?"), ("yes", "pupil?"))])
    ]
    report = describe({"train": train, "test": test})
    facts = report["kinds"]["presence"]
    assert report["blind_on"] == "test"
    assert facts["majority_answer"] == "yes" and facts["blind_majority"] == pytest.approx(1 / 3, abs=1e-4)
    assert facts["blind_by_text"] == pytest.approx(2 / 3, abs=1e-4), (
        "knife? no, lens? unseen: yes, pupil? yes"
    )
    assert facts["n"] == 6 and facts["n_blind"] == 3 and facts["answers"] == {"no": 3, "yes": 3}
    assert facts["single_answer_texts"] == 1, "pupil? twice, always yes; knife? once only"
    assert report["splits"] == {
        "train": {"cases": 1, "clips": 1, "qa": 3},
        "test": {"cases": 1, "clips": 1, "qa": 3},
    }
    assert "presence" in blind_table(report) and "33%" in blind_table(report)
    json.dumps(report)


def test_the_blind_guesser_keeps_to_the_choices():
    """Two questions, each with its own choices: one guess for all would be below chance."""
    asked = [
        qa("next_phase", short) | {"choices": choices}
        for short, choices in (("a", ["a", "b"]), ("b", ["b", "a"]), ("c", ["c", "d"]), ("d", ["d", "c"]))
    ]
    report = describe({"train": [row("a", 0, [asked[0], *asked])], "test": [row("b", 0, asked)]})
    facts = report["kinds"]["next_phase"]
    assert (facts["blind_majority"], facts["blind_by_text"], facts["majority_answer"]) == (0.5, 0.5, "a")


def test_a_kind_that_train_never_asks_has_no_blind_figure():
    report = describe({"train": [row("a", 0, [qa("phase", "x")])], "test": [row("b", 0, [qa("count", "1")])]})
    assert report["kinds"]["count"]["blind_majority"] is None
    assert report["kinds"]["phase"]["blind_majority"] is None


def test_warnings_past_the_threshold_and_for_a_single_answer():
    questions = [qa("entered", "none")] * 8 + [qa("entered", "gauge")] * 2 + [qa("dye", "no")] * 5
    rows = {"train": [row("a", 0, questions)], "test": [row("b", 0, questions)]}
    warnings = describe(rows, max_blind=0.75)["warnings"]
    assert warnings == [
        "over 75% of test right without looking: entered 80%",
        "one answer only, so nothing is measured: dye 'no'",
    ]
    assert describe(rows, max_blind=0.85)["warnings"] == warnings[1:]


def test_kinds_of_one_cause_share_a_line_the_most_guessable_first():
    questions = [qa(kind, "x") for kind in "abc" for _ in range(9)] + [qa(kind, kind) for kind in "bc"]
    questions += [qa("c", "y"), qa("d", "x")]
    rows = {"train": [row("a", 0, questions)], "test": [row("b", 0, questions)]}
    assert describe(rows, max_blind=0.5)["warnings"] == [
        "over 50% of test right without looking: b 90%, c 82%",
        "one answer only, so nothing is measured: a 'x'",
        "too few questions to tell: d 2",
    ]


def test_dropped_items_and_notes_are_listed():
    report = describe({"train": []}, omissions=[Omission("a.csv", "no header", True)], notes=["a note"])
    assert report["dropped"] == [{"item": "a.csv", "cause": "no header"}] and report["notes"] == ["a note"]
    assert report["leaks"]["shared_cases"] == 0 and report["blind_on"] is None


def clean() -> dict[str, list[dict]]:
    return {
        "train": [row("a", 5 * i, images=[jpeg(picture(10 + i))]) for i in range(4)],
        "test": [row("b", 5 * i, images=[jpeg(picture(50 + i))]) for i in range(4)],
    }


def found(rows: dict[str, list[dict]]) -> dict:
    return describe(rows)["leaks"]


def test_clean_splits_have_no_leak():
    report = found(clean())
    assert [report[kind] for kind in leakage.COUNTS] == [0, 0, 0, 0] and report["frames_compared"] == 8
    leakage.refuse(report)


def test_a_shared_case_is_found_and_refused():
    rows = clean()
    rows["test"].append(row("a", 500))
    assert found(rows)["shared_cases"] == 1 and found(rows)["overlapping_windows"] == 0
    with pytest.raises(InputError, match="the splits leak: 1 shared cases"):
        leakage.refuse(found(rows))


def test_an_overlap_of_one_second_is_found():
    rows = clean()
    rows["test"].append(row("a", 19))
    assert found(rows)["overlapping_windows"] == 1
    rows["test"][-1] = row("a", 20)
    assert found(rows)["overlapping_windows"] == 0, "windows are half-open"


def test_a_shared_frame_is_found_by_its_time_and_by_its_bytes():
    rows = clean()
    rows["test"].append(row("a", 0))
    assert found(rows)["shared_frames"] == 1
    rows = clean()
    rows["test"].append(row("c", 0, images=[jpeg(picture(10))]))
    assert found(rows)["shared_frames"] == 1 and found(rows)["pairs"]["train/test"]["shared_frames"] == 1


def test_a_re_encoded_and_resized_frame_of_another_name_is_found():
    rows = clean()
    rows["test"].append(row("c", 0, images=[jpeg(picture(11), 40, (160, 120))]))
    report = found(rows)
    assert report["near_duplicates"] == 1 and report["shared_frames"] == 0
    assert "c@0 like a@5" in report["examples"][0]
    leakage.refuse(report)


def test_flat_frames_are_not_compared():
    dark = jpeg(Image.new("RGB", (64, 48), (3, 3, 3)))
    brighter = jpeg(Image.new("RGB", (64, 48), (9, 9, 9)))
    report = found({"train": [row("a", 0, images=[dark])], "test": [row("b", 0, images=[brighter])]})
    assert report["near_duplicates"] == 0 and report["frames_compared"] == 0


def test_leaks_are_counted_per_pair_of_splits():
    rows = {
        "train": [row("a", 0), row("a", 5)],
        "validation": [row("a", 4)],
        "test": [row("a", 4), row("b", 0)],
    }
    pairs = found(rows)["pairs"]
    assert pairs["train/validation"]["overlapping_windows"] == 1
    assert pairs["train/test"]["overlapping_windows"] == pairs["validation/test"]["overlapping_windows"] == 1


def test_overlaps_agree_with_comparing_every_pair():
    rng = np.random.default_rng(1)
    spans = [
        (str(rng.integers(3)), int(a), int(a + rng.integers(1, 900))) for a in rng.integers(0, 20_000, 240)
    ]
    made = [
        leakage.Window(f"{i}", case, a, b, np.empty(0, np.uint64), np.empty((0, 4), np.uint64))
        for i, (case, a, b) in enumerate(spans)
    ]
    train, test = made[:40], made[40:]
    expected = sum(
        any(x.case_id == w.case_id and x.start_ms < w.end_ms and w.start_ms < x.end_ms for x in train)
        for w in test
    )
    assert leakage.find({"train": train, "test": test})["overlapping_windows"] == expected > 10


def test_a_shift_of_a_second_in_a_real_video_is_found_under_another_name(realdata: Path):
    av = pytest.importorskip("av")
    (video,) = sorted((realdata / "cholec80_clips").glob("*.mp4"))
    frames = []
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= 300:
                break
            if number % 5 == 0:
                frames.append(jpeg(frame.to_image(), 85, (427, 240)))
    train = [row("a", 0, images=frames[0:25:3])]
    test = [row("b", 0, images=frames[5:30:3])]
    report = found({"train": train, "test": test})
    assert report["near_duplicates"] == 1


def test_different_real_eyes_are_no_duplicates(realdata: Path):
    files = sorted((realdata / "cataract1k_frames_masks").rglob("images/*.png"))
    with_case = {case: [f for f in files if case in f.name] for case in ("case5013", "case5014")}
    rows = {
        split: [
            row(
                case, 0, images=[jpeg(Image.open(f).convert("RGB"), size=(512, 384)) for f in with_case[case]]
            )
        ]
        for split, case in (("train", "case5013"), ("test", "case5014"))
    }
    assert found(rows)["near_duplicates"] == 0 and found(rows)["frames_compared"] == len(files) > 1


def test_many_frames_are_compared_in_seconds():
    rng = np.random.default_rng(0)

    def windows(name: str, n: int) -> list[leakage.Window]:
        made = rng.integers(0, 2**63, (n, 8, 4)).astype(np.uint64)
        return [
            leakage.Window(f"{name}{i}", name, 0, 1, np.empty(0, np.uint64), hashes)
            for i, hashes in enumerate(made)
        ]

    started = time.process_time()
    assert leakage.find({"train": windows("a", 2000), "test": windows("b", 300)})["near_duplicates"] == 0
    assert time.process_time() - started < 10


def questions(**answers: int) -> list[QA]:
    return [
        QA(f"{answer}-{i}", "entered", "verification", "?", "", answer)
        for answer, n in answers.items()
        for i in range(n)
    ]


def test_balance_caps_the_most_frequent_answer_and_copies_nothing():
    given = {"train": questions(none=900, gauge=60, spatula=40), "test": questions(none=30, gauge=5)}
    made = balance.answers(given, seed=1)
    kept = {
        split: Counter(one.short_answer for one in asked if made.keeps(split, one))
        for split, asked in given.items()
    }
    assert kept["train"] == {"none": 60, "gauge": 60, "spatula": 40}
    assert kept["test"] == {"none": 5, "gauge": 5}
    assert made == balance.answers({split: asked[::-1] for split, asked in given.items()}, seed=1)
    other = balance.answers(given, seed=2)
    assert {q.qa_id for q in given["train"] if made.keeps("train", q)} != {
        q.qa_id for q in given["train"] if other.keeps("train", q)
    }


def test_balance_keeps_at_least_half_of_the_others_and_even_kinds_whole():
    many = {f"pair{i}": 10 for i in range(10)}
    given = questions(none=900, **many)
    made = balance.answers({"train": given})
    assert Counter(one.short_answer for one in given if made.keeps("train", one))["none"] == 50
    even = questions(yes=40, no=40)
    assert all(balance.answers({"train": even}).keeps("train", one) for one in even)
    single = questions(none=7)
    alone = balance.answers({"train": single})
    assert all(alone.keeps("train", one) for one in single) and "nothing to balance" in alone.notes[0]


def test_case_weights_even_out_cases():
    weights = balance.case_weights({"a": 10, "b": 30, "c": 0})
    assert weights["a"] * 10 == pytest.approx(weights["b"] * 30)
    assert (weights["a"] * 10 + weights["b"] * 30) / 40 == pytest.approx(1.0)


def test_the_published_surgvivqa_split_leaks_as_an_independent_count_says(realdata: Path):
    """169 of its 398 evaluation windows share a frame with training; other teams counted the same."""
    made: dict[str, list[dict]] = {}
    frames: dict[str, list[set[tuple[str, int]]]] = {}
    for split, name in (
        ("train", "train_multivideo"),
        ("validation", "eval_multivideo"),
        ("test", "test_multivideo"),
    ):
        lines = (realdata / "surgvivqa" / "data" / f"{name}.jsonl").read_text().splitlines()
        made[split], frames[split] = [], []
        for line in lines:
            one = json.loads(line)
            numbers = one["frame_numbers"]
            shown = row(one["video_id"], numbers[0], seconds=numbers[-1] + 1 - numbers[0])
            made[split].append(shown | {"frame_times_s": [float(number) for number in numbers]})
            frames[split].append({(one["video_id"], number) for number in numbers})
    pairs = found(made)["pairs"]
    train = set().union(*frames["train"])
    assert (
        pairs["train/validation"]["shared_frames"]
        == sum(bool(shown & train) for shown in frames["validation"])
        == 169
    )
    assert pairs["train/validation"]["overlapping_windows"] >= 169
    assert pairs["train/test"] == dict.fromkeys(leakage.COUNTS, 0)
