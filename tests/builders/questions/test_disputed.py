"""Kinds of question that two readers of real data disputed, each on invented annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from surgvqa.builders.asking.pool import POOL, certified_questions
from surgvqa.builders.bits.choose import Part, choose
from surgvqa.builders.bits.telling import CAUSE
from surgvqa.builders.cases import moments
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.transitions import transitions
from surgvqa.builders.kinds.places import followed_cells
from surgvqa.builders.kinds.tips import QUARTERS
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Action, Case, Clip, Entity, Phase, Scene
from surgvqa.builders.sources import endoscapes

W, H = 800, 600


def laparoscopy(in_view: Sequence[Sequence[str]], phases: tuple[Phase, ...] = (), every: float = 1.0) -> Case:
    """Return a case whose moments show some names; structures are the names that the taxonomy has as anatomy."""
    anatomy = load("cholecystectomy").anatomy
    scenes = tuple(
        Scene(
            every * at,
            W,
            H,
            tuple(
                Entity(name, name, "anatomy" if name in anatomy else "instrument", "presence")
                for name in names
            ),
        )
        for at, names in enumerate(in_view)
    )
    lasts = every * len(in_view)
    phases = phases or (Phase("preparation", 0, lasts),)
    return link(Case("a", "made", "cholecystectomy", phases, scenes, duration_s=lasts))


def questions(case: Case, *kinds: str) -> list[QA]:
    known, clips = transitions([case]), moments.windows(case, 5.0, 8).clips
    chosen = Selection(kinds=kinds or tuple(POOL))
    taxonomy = load(case.procedure)
    return [qa for clip in clips for qa in certified_questions(clip, case, taxonomy, known, chosen)]


def parts(pairs: Sequence[tuple[str, str, tuple[str, ...], str]], kind: str = "higher") -> list[Part]:
    """Return four cases, of which one is a test case, that ask each text with each answer in turn."""
    made = []
    for number, split in enumerate(("train", "train", "train", "test")):
        qas = [
            QA(f"{number}-{i}#{kind}", kind, "spatial", text, short, short, choices)
            for i, (_, text, choices, short) in enumerate(pairs)
        ]
        clips = tuple(Clip(f"c{number}", 5000 * i, 5000 * i + 5000, None) for i in range(len(qas)))
        made.append(Part(f"c{number}", split, clips, tuple((qa,) for qa in qas)))
    return made


def asked_texts(chosen: Sequence[tuple[Clip, ...]]) -> set[str]:
    return {qa.question for clips in chosen for clip in clips for qa in clip.qa}


def test_words_that_tell_the_answer_are_not_asked():
    duct, plate = ("cystic duct", "gallbladder"), ("cystic plate", "gallbladder")
    constant = "Which lies higher, the cystic duct or the gallbladder?"
    open_one = "Which lies higher, the cystic plate or the gallbladder?"
    pairs = [("", constant, duct, "gallbladder" if i % 20 else "cystic duct") for i in range(40)]
    pairs += [("", open_one, plate, plate[i % 2]) for i in range(40)]
    choice = choose(parts(pairs))
    assert asked_texts(choice.clips) == {open_one}
    assert choice.left_out["higher"][CAUSE] == 160
    few = choose(parts(pairs[:2] + pairs[40:]))
    assert constant in asked_texts(few.clips), "eight questions of four cases say nothing"


def test_a_choice_that_is_always_right_is_not_offered():
    pairs = []
    for i in range(60):
        others = ("cystic plate", "cystic artery", "liver", "omentum")[i % 2 :][:3]
        short = "gallbladder" if i % 3 == 0 else others[i % 3]
        choices = (*others, "gallbladder") if short == "gallbladder" else (*others, "bowel")
        pairs.append(("", f"Which is in view: {', '.join(choices)}?", choices, short))
    choice = choose(parts(pairs, "option_anatomy"))
    kept = asked_texts(choice.clips)
    assert kept and not [text for text in kept if "gallbladder" in text]


def test_a_kind_of_one_text_is_left_to_thinning():
    text = "Which instruments are new at the end of the clip?"
    pairs = [("", text, (), "hook" if i % 12 == 0 else "none") for i in range(60)]
    choice = choose(parts(pairs, "entered"))
    assert text in asked_texts(choice.clips[:3]) and CAUSE not in choice.left_out["entered"]


def test_a_phase_and_a_step_are_asked_three_seconds_clear_of_a_change():
    phases = (Phase("preparation", 0, 20), Phase("calot triangle dissection", 20, 60))
    case = laparoscopy([["hook"]] * 60, phases)
    case = link(replace(case, steps=(Phase("clip", 0, 40), Phase("cut", 40, 60))))
    at = {kind: {t for qa in questions(case, kind) for t in qa.evidence_s} for kind in ("phase", "step")}
    assert at["phase"] and not [t for t in at["phase"] if 17 < t < 23]
    assert at["step"] and not [t for t in at["step"] if 37 < t < 43]


def test_a_change_of_phase_that_nothing_shows_is_not_asked():
    phases = (Phase("preparation", 0, 20.5), Phase("calot triangle dissection", 20.5, 60))
    shown, bare = (
        [qa for qa in questions(case, "phase_change") if qa.short_answer != "not within the clip"]
        for case in (
            laparoscopy([["hook"]] * 60, phases),
            laparoscopy([["hook"] if abs(t - 20) > 4 else [] for t in range(60)], phases),
        )
    )
    assert shown and not bare


def test_the_second_of_an_exchange_is_not_asked():
    alone = laparoscopy([["hook"]] * 3 + [[]] * 3)
    exchange = laparoscopy([["hook"]] * 3 + [["grasper"]] * 3)
    assert [qa.short_answer for qa in questions(alone, "leaves_at")] == ["3.0 s"]
    assert questions(exchange, "leaves_at", "enters_at") == []
    assert (
        questions(laparoscopy([[], ["hook"], ["hook", "grasper"], *[["hook", "grasper"]] * 3]), "which_first")
        == []
    )
    later = laparoscopy([[], ["hook"], ["hook"], *[["hook", "grasper"]] * 3])
    assert [qa.short_answer for qa in questions(later, "which_first")] == ["hook"]


def test_an_instrument_of_a_single_moment_is_neither_seen_nor_unseen():
    passing = [[], ["hook"], ["hook"], [], [], []]
    slip = [[*names, "clipper"] if at == 4 else names for at, names in enumerate(passing)]
    assert [qa.short_answer for qa in questions(laparoscopy(passing), "ever_seen")] == ["hook"]
    assert questions(laparoscopy(slip), "ever_seen") == []


@pytest.mark.parametrize("kind", ["missing", "option_anatomy", "presence", "seen_when", "anatomy"])
def test_a_region_is_never_said_to_be_absent(kind):
    duct = ["gallbladder", "cystic duct", "hook"]
    shows = [duct, [*duct, "hepatocystic triangle"], ["cystic artery", "cystic plate", "hook"], ["liver"]]
    case = laparoscopy([shows[(i // 2 + i) % 4] for i in range(60)], every=5.0)
    case = replace(case, phases=(Phase("calot triangle dissection", 0, 300),))
    found = questions(case, kind)
    assert found
    for qa in found:
        if "hepatocystic triangle" in (*qa.choices, qa.question):
            assert qa.short_answer in ("hepatocystic triangle", "yes") or kind == "missing", qa
        assert kind != "missing" or qa.short_answer != "hepatocystic triangle"
        assert kind != "anatomy" or "triangle" not in qa.question + qa.short_answer


def test_structures_are_asked_of_those_that_anybody_outlines():
    case = laparoscopy([["gallbladder", "hook"], ["cystic duct", "gallbladder"]] * 10, every=5.0)
    found = questions(case, "anatomy")
    assert found and all("gallbladder" in qa.question and "cystic duct" in qa.question for qa in found)
    assert not [qa for qa in found if "liver" in qa.question or "hook" in qa.question]


def test_a_way_that_may_cross_a_further_part_is_not_followed():
    assert followed_cells(["middle-left", "center", "top-center"]) == ["middle-left", "center", "top-center"]
    assert followed_cells(["bottom-center", "middle-right", "center"]) == ["bottom-center"]
    assert followed_cells(["top-left", "center"], QUARTERS) == ["top-left", "center"]
    assert followed_cells(["top-left", "bottom-right"], QUARTERS) == ["top-left"]


def acting(*acts: Action, others: Sequence[Action] = ()) -> Case:
    """Return a case whose moments show some actions, after moments that show other ones."""
    scenes = []
    for at, shown in enumerate([*([act] for act in others), list(acts), list(acts)]):
        names = dict.fromkeys(act.instrument for act in shown)
        nodes = tuple(Entity(name, name, "instrument", "presence") for name in names)
        scenes.append(Scene(10.0 * at, W, H, nodes, actions=tuple(shown)))
    lasts = 10.0 * len(scenes)
    phases = (Phase("preparation", 0, lasts),)
    return link(Case("a", "made", "cholecystectomy", phases, tuple(scenes), duration_s=lasts))


def test_two_verbs_of_one_instrument_on_one_target_are_not_offered_together():
    true = Action("grasper", "retract", "gallbladder")
    others = [Action("grasper", "grasp", "gallbladder")]
    others += [Action("grasper", "retract", target) for target in ("liver", "omentum", "gut")]
    found = [
        qa for qa in questions(acting(true, others=others), "triplet") if "gallbladder" in qa.short_answer
    ]
    of_true = [qa for qa in found if qa.short_answer == "grasper: retract gallbladder"]
    assert of_true and not [qa for qa in of_true if "grasper: grasp gallbladder" in qa.choices]


def test_a_verb_that_names_its_instrument_does_not_ask_for_it():
    grasp, dissect = Action("grasper", "grasp", "gallbladder"), Action("hook", "dissect", "liver")
    found = questions(acting(grasp, dissect), "actor")
    assert {qa.short_answer for qa in found} == {"hook"}


def test_instruments_that_stay_in_view_and_that_nobody_outlines_are_left_aside():
    scenes = tuple(
        Scene(5.0 * at, W, H, (Entity("gauge", "gauge", "instrument", "presence"),) if at % 3 else ())
        for at in range(12)
    )
    case = link(Case("a", "made", "cataract", (Phase("incision", 0, 60),), scenes, duration_s=60.0))
    found = questions(case, "instruments", "classes")
    assert found and all("the eye retractors aside" in qa.question for qa in found)
    outlined = replace(
        scenes[0], nodes=(Entity("eye retractors", "eye retractors", "instrument", "presence"),)
    )
    found = questions(link(replace(case, scenes=(outlined, *scenes[1:]))), "instruments", "classes")
    assert found and not any("aside" in qa.question for qa in found)


def test_outlines_of_another_picture_are_left_out():
    def outlined(at: float, rle: str) -> Scene:
        return Scene(at, W, H, (Entity("liver", "liver", "anatomy", "mask", rle=rle),))

    scenes = (outlined(0, "a"), outlined(30, "b"), outlined(60, "a"), Scene(90, W, H), Scene(120, W, H))
    case, copies = endoscapes.without_copies(Case("56", "endoscapes", "cholecystectomy", scenes=scenes))
    assert [scene.time_s for scene in case.scenes] == [30, 90, 120], "two pictures of nothing are no copies"
    assert [one.item for one in copies] == ["56: pictures at 0 and 60 s"]
