"""Every kind that is asked of dense labels, held against the raw file by a reader that shares no code with the builder."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from statistics import mean

import pytest
from mask_answers import CHECKED
from surgvqa.builders import sources
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.bits.choose import Part, choose
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.case_index import of_case
from surgvqa.builders.cases.scene import from_json, link, to_json
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import QA, Case, Clip

TOOLS = ["grasper", "bipolar", "hook", "scissors", "clipper", "irrigator"]
VERBS = ["grasp", "retract", "dissect", "coagulate", "cut", "null_verb"]
TARGETS = ["gallbladder", "liver", "cystic_duct", "null_target"]
PHASES = ["preparation", "carlot-triangle-dissection", "clipping-and-cutting", "gallbladder-dissection"]
SAID = ["preparation", "calot triangle dissection", "clipping and cutting", "gallbladder dissection"]
OWN = {"irrigator": 0, "clipper": 2}  # the one phase in which a tool is used: it speaks for it
W, H = 854, 480  # what a release without pictures is taken to be
SECONDS = 240
DENSE = frozenset(
    [
        "phase",
        "phase_change",
        "instruments",
        "presence",
        "option",
        "missing",
        "count",
        "count_class",
        "entered",
        "exited",
        "seen_when",
        "enters_at",
        "leaves_at",
        "when",
        "how_long",
        "which_first",
        "verb",
        "target",
        "actor",
        "triplet",
        "absolute_position",
        "reaches",
        "mostly_at",
        "ever_seen",
        "timed_caption",
        "goes_to",
        "box",
        "in_box",
        "verb_reworded",
        "target_reworded",
    ]
)  # the kinds that are checked on dense labels
STEPS = frozenset(("step", "step_of", "step_change", "step_caption", "phase_caption"))


def raw(seed: int) -> dict:
    """Labels of one video as CholecT50 writes them, a second a frame, tools that come and go."""
    draw = random.Random(seed)
    triplets = dict(enumerate((t, v, g) for t in TOOLS for v in VERBS for g in TARGETS))
    triplets = {i: x for i, x in triplets.items() if (x[1] == "null_verb") == (x[2] == "null_target")}
    shown: set[str] = set()
    frames = {}
    for second in range(SECONDS):
        phase = second * len(PHASES) // SECONDS
        usual = [tool for tool in TOOLS if OWN.get(tool, phase) == phase]
        shown &= {*usual}
        if draw.random() < 0.25:
            shown ^= {draw.choice(usual)}
        instances = []
        for tool in sorted(shown):
            number, (_, verb, target) = draw.choice([one for one in triplets.items() if one[1][0] == tool])
            x, y = draw.uniform(0, 0.6), draw.uniform(0, 0.6)
            w, h = draw.uniform(0.1, 0.4), draw.uniform(0.1, 0.4)
            codes = [VERBS.index(verb), TARGETS.index(target)]
            instances.append(
                [number, TOOLS.index(tool), 1, x, y, w, h, codes[0], codes[1], 1, -1, -1, -1, -1, phase]
            )
            if tool == "grasper" and draw.random() < 0.3:  # a second one
                twin = [number, 0, 1, 1 - x - w, 0.98 - y - h, w, h, *codes, 1, -1, -1, -1, -1, phase]
                instances.append(twin)
        frames[str(second)] = instances or [[-1] * 14 + [phase]]
    return {
        "fps": 1,
        "categories": {
            "instrument": dict(enumerate(TOOLS)),
            "verb": dict(enumerate(VERBS)),
            "target": dict(enumerate(TARGETS)),
            "phase": dict(enumerate(PHASES)),
            "triplet": {i: ",".join(x) for i, x in triplets.items()},
        },
        "annotations": frames,
    }


class Truth:
    """What a raw file says of a second."""

    def __init__(self, labels: dict) -> None:
        self.labels = labels
        self.all: list[Truth] = []  # of every video

    def rows(self, second: float) -> list[dict]:
        found = []
        for one in self.labels["annotations"][str(round(second))]:
            if one[1] < 0:
                continue
            x, y, w, h = one[3:7]
            _, verb, target = self.labels["categories"]["triplet"][one[0]].split(",")
            box = [x * 1000, y * 1000, min(1, x + w) * 1000, min(1, y + h) * 1000]
            verb, target = (
                None if word.startswith("null") else word.replace("_", " ") for word in (verb, target)
            )
            found.append({"tool": TOOLS[one[1]], "verb": verb, "target": target, "box": box})
        return found

    def tools(self, second: float) -> set[str]:
        return {row["tool"] for row in self.rows(second)}

    def phase(self, second: float) -> str:
        return SAID[self.labels["annotations"][str(int(second))][0][-1]]

    def speaks(self, tool: str, phase: str) -> bool:
        """Whether a tool is in view clearly more often in a phase than in a phase on average, over all videos."""
        rows = [
            (one.phase(second), tool in one.tools(second)) for one in self.all for second in range(SECONDS)
        ]
        shares = {name: mean(seen for other, seen in rows if other == name) for name in SAID}
        return shares[phase] > 1.4 * mean(shares.values())  # the builder's 1.5 smooths its counts


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[Truth, Case, tuple[float, ...], tuple[QA, ...]]]:
    """(truth, case, frames, questions) of every clip of four made-up videos."""
    root = tmp_path_factory.mktemp("t50")
    (root / "labels").mkdir()
    truths = {}
    for number in (91, 92, 93, 94):
        labels = raw(number)
        (root / "labels" / f"VID{number}.json").write_text(json.dumps(labels))
        truths[f"VID{number}"] = Truth(labels)
    for truth in truths.values():
        truth.all = [*truths.values()]
        truth.speaks = cache(truth.speaks)
    cases = [link(one) for one in sources.load("cholect50").cases(root) if isinstance(one, Case)]
    known, taxonomy = transitions(cases), load("cholecystectomy")
    return [
        (truths[case.case_id], case, clip.frames_s, certified_questions(clip, case, taxonomy, known))
        for case in cases
        for clip in moments.windows(case, 5.0, 8).clips
    ]


def named(question: str) -> list[str]:
    """Instruments in the order in which a question names them, before its choices."""
    return sorted((tool for tool in TOOLS if tool in question), key=question.index)


def box_in(text: str) -> list[int]:
    return [int(x) for x in re.search(r"\[(\d+), (\d+), (\d+), (\d+)\]", text).groups()]


def near(a: list[float], b: list[int]) -> bool:
    return all(abs(x - y) <= 1 for x, y in zip(a, b, strict=True))


CELLS = ("top-left", "top-center", "top-right", "middle-left", "center", "middle-right")
CELLS += ("bottom-left", "bottom-center", "bottom-right")


def cell_of(rows: list[dict], tool: str) -> str | None:
    """Return the cell of the middle of a tool's box, where there is one tool of the name."""
    boxes = [row["box"] for row in rows if row["tool"] == tool]
    if len(boxes) != 1:
        return None
    x1, y1, x2, y2 = boxes[0]
    return CELLS[3 * int(min(2, (y1 + y2) * 3 // 2000)) + int(min(2, (x1 + x2) * 3 // 2000))]


def clean_way(truth: Truth, tool: str, seconds: list[int]) -> bool:
    """Whether the middle of a tool's box, going straight from second to second, is only where seconds show it."""
    middles = []
    for second in seconds:
        boxes = [row["box"] for row in truth.rows(second) if row["tool"] == tool]
        middles.append(((boxes[0][0] + boxes[0][2]) / 2, (boxes[0][1] + boxes[0][3]) / 2) if boxes else None)
    for a, b in pairwise(middles):
        if a is None or b is None:
            continue
        way = [[a[k] + (b[k] - a[k]) * i / 100 for k in (0, 1)] for i in range(101)]
        cells = {(min(2, int(x * 3 // 1000)), min(2, int(y * 3 // 1000))) for x, y in way}
        ends = {(min(2, int(x * 3 // 1000)), min(2, int(y * 3 // 1000))) for x, y in (a, b)}
        if _wide(cells - ends, way):
            return False
    return True


def _wide(others: set[tuple[int, int]], way: list[list[float]]) -> bool:
    """Whether a way is in further cells for more than a fortieth of it: what is shorter may fall between two looks."""
    inside = [(min(2, int(x * 3 // 1000)), min(2, int(y * 3 // 1000))) in others for x, y in way]
    return sum(inside) > 3


def alone(truth: Truth, tool: str, second: int) -> bool:
    """Whether no other tool comes or goes within a second of the second at which one does."""
    times = [at for at in range(second - 1, second + 2) if 0 < at < SECONDS]
    return all((truth.tools(at) ^ truth.tools(at - 1)) <= {tool} for at in times)


def right(truth: Truth, frames: tuple[float, ...], qa: QA) -> bool:
    """Whether an answer is what the raw file says."""
    at, short = qa.evidence_s[-1], qa.short_answer
    rows, first, last = truth.rows(at) if at == int(at) else [], frames[0], frames[-1]
    bare = qa.question.split(": ")[0] if qa.choices else qa.question
    tool = (named(bare) or named(qa.question) or [""])[0]
    own = [row for row in rows if row["tool"] == tool]
    seconds = [int(first) + i for i in range(int(last - first) + 1)]
    seen = [tool in truth.tools(second) for second in seconds]
    tools = {row["tool"] for row in rows}
    match qa.kind:
        case "phase":
            shown = {int(at_s) for at_s in frames if at_s == int(at_s) and truth.phase(at_s) == short}
            return short == truth.phase(at) and any(
                truth.speaks(one, short) for second in shown for one in truth.tools(second)
            )
        case "phase_change":
            labels = [truth.phase(at_s) for at_s in frames]
            changes = [i for i, (a, b) in enumerate(pairwise(labels), 1) if a != b]
            if not changes:
                return short == "not within the clip"
            third = (frames[changes[0]] + frames[changes[0] - 1] - 2 * first) / 2 / (last - first) * 3
            return short == ("in its first third", "in its middle third", "in its last third")[int(third)]
        case "instruments":
            return short == (", ".join(sorted(tools, key=TOOLS.index)) or "none")
        case "presence":
            return short == ("yes" if tool in tools else "no")
        case "option":
            return {short} == set(qa.choices) & tools
        case "missing":
            return {short} == set(qa.choices) - tools
        case "count":
            return short == str(len(rows))
        case "count_class":
            return short == str(len(own))
        case "entered" | "exited":
            sides = truth.tools(last), truth.tools(first)
            gone = sides[0] - sides[1] if qa.kind == "entered" else sides[1] - sides[0]
            return short == (", ".join(sorted(gone, key=TOOLS.index)) or "none")
        case "seen_when":
            words = {(1, 0): "only at the start", (0, 1): "only at the end", (1, 1): "at both ends"}
            return short == words.get((seen[0], seen[-1]), "at neither end")
        case "enters_at":
            at_s = seen.index(True)
            return not seen[0] and short == f"{at_s}.0 s" and alone(truth, tool, seconds[at_s])
        case "leaves_at":
            if all(seen):
                return short == "not within the clip"
            at_s = seen.index(False)
            return seen[0] and short == f"{at_s}.0 s" and alone(truth, tool, seconds[at_s])
        case "when":
            shown = [i for i, one in enumerate(seen) if one]
            ends = [i for i in (shown[0], shown[-1] + 1) if 0 < i < len(seen)]
            assert all(alone(truth, tool, seconds[i]) for i in ends), "an exchange"
            return short == f"{shown[0]}.0-{shown[-1]}.0 s" and len(shown) == shown[-1] - shown[0] + 1
        case "how_long":
            shown = [i for i, one in enumerate(seen) if one]
            least, most = shown[-1] - shown[0], min(shown[-1] + 1, len(seen) - 1) - max(0, shown[0] - 1)
            low, high = {"up to 2 s": (0, 2), "2 to 4 s": (2, 4), "over 4 s": (4, 9)}[short]
            return low <= least and most <= high
        case "which_first":
            begins, first_two = {}, named(qa.question)
            for one in named(qa.question):
                begins[one] = min(i for i, second in enumerate(seconds) if one in truth.tools(second))
            return (
                short == min(begins, key=begins.get) and abs(begins[first_two[0]] - begins[first_two[1]]) > 1
            )
        case "verb" | "target":
            if not own:
                return short == "not visible"
            return len(own) == 1 and short == (own[0][qa.kind] or "nothing")
        case "verb_reworded" | "target_reworded":
            if "[" in qa.question:
                meant = [row for row in rows if near(row["box"], box_in(qa.question))]
            else:
                middles = sorted(rows, key=lambda row: row["box"][0] + row["box"][2])
                meant = [middles[-1 if "rightmost" in qa.question else 0]]
            return len(meant) == 1 and short == (meant[0][qa.kind.removesuffix("_reworded")] or "nothing")
        case "actor":
            fit = [r for r in rows if r["verb"] and r["verb"] in bare and r["target"] and r["target"] in bare]
            return {row["tool"] for row in fit} == {short} and all(r["verb"][:4] != short[:4] for r in fit)
        case "triplet":
            done = {
                f"{r['tool']}: {r['verb']} {r['target']}" if r["verb"] else f"{r['tool']}: nothing"
                for r in rows
            }
            alike = [one for one in qa.choices if one.split()[0] == short.split()[0]]
            targets = [one.split()[-1] if len(one.split()) > 2 else "" for one in alike]
            assert targets.count(short.split()[-1] if len(short.split()) > 2 else "") == 1, "a second verb"
            return {short} == done & set(qa.choices) and len(qa.choices) == 4
        case "absolute_position":
            return short == cell_of(rows, tool)
        case "reaches":
            at_s = int(short.split(".")[0])
            place = next(one for one in CELLS if f"at the {one} of" in bare or f"to the {one} of" in bare)
            courses = [cell_of(truth.rows(second), tool) for second in seconds]
            straight = clean_way(truth, tool, seconds[: at_s + 1])
            return straight and at_s > 0 and courses.index(place) == at_s and courses[0] not in (None, place)
        case "mostly_at":
            courses = [cell_of(truth.rows(second), tool) for second in seconds]
            return None not in courses and 3 * courses.count(short) >= 2 * len(courses)
        case "ever_seen":
            every = [truth.tools(second) for second in seconds]
            union = set().union(*every)
            around = [
                truth.tools(s) if 0 <= s < SECONDS else set()
                for s in (seconds[0] - 1, *seconds, seconds[-1] + 1)
            ]
            rows_of = {t: "".join(" x"[t in one] for one in around) for t in union}
            assert not any(" x " in row for row in rows_of.values()), "a single row"
            return short == ", ".join(sorted(union, key=TOOLS.index)) and union > every[0] | every[-1]
        case "timed_caption":
            said = {}
            for part in short.split("; "):
                begin, end, names = re.fullmatch(r"(\d)\.0-(\d)\.0 s: (.*)", part).groups()
                said |= dict.fromkeys(range(int(begin), int(end)), names)
            told = [", ".join(sorted(truth.tools(s), key=TOOLS.index)) or "none" for s in seconds]
            return [said[i] for i in range(len(seconds) - 1)] == told[:-1] and told[-1] == told[-2]
        case "goes_to":
            courses = [cell_of(truth.rows(second), tool) for second in seconds]
            later = [one for one in courses if one != courses[0]]
            straight = clean_way(truth, tool, seconds[: courses.index(short) + 1])
            return straight and courses[0] is not None and later[0] == short != courses[-1]
        case "box":
            return near(own[0]["box"], box_in(short)) if own else short == "not visible"
        case "in_box":
            return {row["tool"] for row in rows if near(row["box"], box_in(qa.question))} == {short}
    raise AssertionError(f"{qa.kind} has no check")


def test_every_answer_is_what_the_raw_file_says(world):
    wrong, checked = [], Counter()
    for truth, _, frames, questions in world:
        for qa in questions:
            checked[qa.kind] += 1
            if not right(truth, frames, qa):
                wrong.append((qa.kind, qa.question, qa.short_answer, qa.evidence_s, frames))
    assert not wrong, (len(wrong), wrong[:3])
    assert checked.keys() >= DENSE and checked.total() > 3000, (DENSE - checked.keys(), checked)


def test_what_is_chosen_is_what_the_raw_file_says(world):
    """A choice that never is right goes from the choices and from the words; what is left says the same."""
    frames_of = {f"{case.case_id}@{i}-{i + 1}": one for i, (_, case, one, _) in enumerate(world)}
    parts = [
        Part(case.case_id, "train", (Clip(case.case_id, i, i + 1, None),), (questions,))
        for i, (_, case, _, questions) in enumerate(world)
    ]
    truths = [truth for truth, *_ in world]
    chosen = [clip for clips in choose(parts).clips for clip in clips]
    before = {qa.qa_id: qa for *_, questions in world for qa in questions}
    mended = 0
    for clip in chosen:
        for qa in clip.qa:
            assert right(truths[clip.start_ms], frames_of[clip.clip_id], qa), qa
            assert not qa.choices or qa.short_answer in qa.choices
            dropped = {*before[qa.qa_id].choices} - {*qa.choices}
            mended += bool(dropped)
            assert not [word for word in dropped if word in qa.question], qa
    assert len(chosen) > 100 and mended


def test_no_evidence_lies_outside_the_frames_and_no_moment_is_unsaid(world):
    for _, _, frames, questions in world:
        for qa in questions:
            assert qa.evidence_s and all(frames[0] <= at <= frames[-1] for at in qa.evidence_s), qa
            assert qa.short_answer in qa.choices or not qa.choices, qa
            if qa.kind in ("verb", "target", "box", "in_box", "option", "count_class"):
                assert "of the clip" in qa.question, qa.question
            assert "{" not in qa.question + qa.answer


def test_a_part_of_the_answers_is_that_it_is_not_there(world):
    for kind in ("verb", "target", "box"):
        answers = Counter(qa.short_answer for *_, questions in world for qa in questions if qa.kind == kind)
        assert 0.02 < answers["not visible"] / answers.total() < 0.3, (kind, answers)


def test_rewordings_share_their_pair_and_their_answer(world):
    pairs: dict[str, list[QA]] = {}
    for *_, questions in world:
        for qa in questions:
            if qa.pair_id is not None:
                pairs.setdefault(qa.pair_id, []).append(qa)
    assert pairs
    for pair_id, found in pairs.items():
        assert len(found) > 1 and len({qa.short_answer for qa in found}) == 1
        assert pair_id in {qa.qa_id for qa in found}, "the question with the name is one of them"
        assert sum(qa.kind.endswith("_reworded") for qa in found) == len(found) - 1


def test_choices_are_hard(world):
    """A wrong action shares a word with the true one, as far as training shows such actions; choices differ."""
    alike = total = 0
    for *_, questions in world:
        for qa in questions:
            if qa.kind in ("triplet", "option", "in_box"):
                assert len(set(qa.choices)) == len(qa.choices) <= 4
                assert len(qa.choices) == 4 or (qa.kind == "in_box" and len(qa.choices) > 1)
            if qa.kind == "triplet":
                true = set(re.findall(r"\w+", qa.short_answer))
                wrong = [set(re.findall(r"\w+", one)) for one in qa.choices if one != qa.short_answer]
                total += len(wrong)
                alike += sum(bool(true & one) for one in wrong)
    assert alike > 0.9 * total > 0


def test_an_action_survives_its_json(world):
    scenes = [scene for _, case, *_ in world[:3] for scene in case.scenes[:50]]
    assert any(scene.actions for scene in scenes)
    for scene in scenes:
        assert from_json(to_json(scene)) == scene


def test_the_checkers_know_every_kind():
    """Each of these lists is held by its test against what was checked of raw files."""
    known = DENSE | STEPS | CHECKED | {"classes", "in_place"}
    assert POOL.keys() - known == set(), "a kind that no checker reads again from raw files"
    assert known <= POOL.keys()


def test_steps_and_their_changes(tmp_path):
    """MultiBypass140's steps, read again from its file: the one that began last holds."""
    (tmp_path / "labels").mkdir()
    names = [
        "s2_trocar_placement",
        "s3_retractor_placement",
        "s4_crura_dissection",
        "s5_his_angle_dissection",
    ]
    raws, raw_phases = {}, {}
    for number in (81, 83):
        starts = [0, 31_000 + number * 10, 62_500, 93_000 + number * 7, 120_000]
        steps = [
            {"start": a, "end": b, "label_name": names[i], "label_id": i}
            for i, (a, b) in enumerate(pairwise(starts))
        ]
        ends = [("preparation", 62_500), ("gastric_pouch_creation", 120_000)]
        phases = [
            {"start": end - lasts, "end": end, "label_name": name, "label_id": i}
            for i, ((name, end), lasts) in enumerate(zip(ends, (62_500, 57_500), strict=True))
        ]
        raws[f"BBP{number}"] = steps
        raw_phases[f"BBP{number}"] = [(0, "preparation"), (62_500, "gastric pouch creation")]
        file = tmp_path / "labels" / f"BBP{number}.mp4.json"
        file.write_text(json.dumps({"phases": phases, "steps": steps}))
    cases = [link(one) for one in sources.load("multibypass140").cases(tmp_path) if isinstance(one, Case)]
    known, taxonomy = transitions(cases), load("gastric_bypass")
    checked: Counter[str] = Counter()
    for case in cases:
        for clip in moments.windows(case, 5.0, 8).clips:
            for qa in certified_questions(clip, case, taxonomy, known):
                at = qa.evidence_s[-1] * 1000
                (label,) = [s["label_name"] for s in raws[case.case_id] if s["start"] <= at < s["end"]]
                words = label.split("_", 1)[1].replace("_", " ")
                if qa.kind in ("step", "step_of"):
                    assert qa.short_answer == words, qa
                elif qa.kind == "step_change" and qa.short_answer != "not within the clip":
                    (cut,) = [
                        s["start"] / 1000
                        for s in raws[case.case_id]
                        if clip.start_ms < s["start"] < clip.end_ms
                    ]
                    assert qa.evidence_s[0] <= cut <= qa.evidence_s[1]
                elif qa.kind in ("step_caption", "phase_caption"):
                    starts = [
                        (s["start"], s["label_name"].split("_", 1)[1].replace("_", " "))
                        for s in raws[case.case_id]
                    ]
                    starts = starts if qa.kind == "step_caption" else raw_phases[case.case_id]
                    inside = [(a, name) for a, name in starts if a < clip.end_ms]
                    first = max(i for i, (a, _) in enumerate(inside) if a <= clip.start_ms)
                    begins = [max(0, a - clip.start_ms) / 1000 for a, _ in inside[first:]]
                    ends = [*begins[1:], (clip.end_ms - clip.start_ms) / 1000]
                    told = zip(begins, ends, [name for _, name in inside[first:]], strict=True)
                    assert qa.short_answer == "; ".join(f"{a:.1f}-{b:.1f} s: {name}" for a, b, name in told)
                checked[qa.kind] += 1
    assert checked.keys() >= STEPS
    assert of_case(cases[0]).step(10.0) == "trocar placement"


@pytest.mark.parametrize(
    ("change", "answer"), [(3.0, "in its middle third"), (4.0, None), (3.8, None), (5.0, "in its last third")]
)
def test_a_change_near_the_border_of_two_thirds_is_not_asked(change, answer):
    """PitVQA's video_19: a phase that begins at 4.0 s of six lies in the middle third as well as in the last."""
    from surgvqa.builders.schema import Entity, Phase, Scene

    tool = Entity("hook", "hook", "instrument", "presence")
    case = link(
        Case(
            "a",
            "x",
            "cholecystectomy",
            phases=(Phase("preparation", 0.0, change), Phase("gallbladder dissection", change, 7.0)),
            scenes=tuple(Scene(float(second), W, H, nodes=(tool,)) for second in range(7)),
        )
    )
    known, taxonomy = transitions([case]), load("cholecystectomy")
    (clip, *_) = moments.windows(case, 5.0, 8).clips
    questions = [qa for qa in certified_questions(clip, case, taxonomy, known) if qa.kind == "phase_change"]
    assert [qa.short_answer for qa in questions] == ([answer] if answer else [])
