"""Questions whose own words, or whose choices, tell the answer: not asked, in any split, whatever the kind."""

from __future__ import annotations

from dataclasses import replace

from surgvqa.builders.bits.choose import Choice, Part, choose
from surgvqa.builders.bits.told import CHOICES, WORDS, named_things
from surgvqa.builders.schema import QA, Clip


def asked(kind: str, text: str, answer: str, choices: tuple[str, ...] = ()) -> QA:
    return QA("", kind, "recognition", text, "", answer, choices)


def parts(*pools: list[QA], held: int = 1) -> list[Part]:
    """One case a pool, the last ``held`` of them a test split; a clip a question."""
    made = []
    for number, pool in enumerate(pools):
        case_id, split = f"c{number}", "train" if number < len(pools) - held else "test"
        clips = tuple(Clip(case_id, i * 1000, i * 1000 + 1000, None) for i in range(len(pool)))
        rows = tuple(
            (replace(qa, qa_id=f"{clip.clip_id}#{qa.kind}"),) for clip, qa in zip(clips, pool, strict=True)
        )
        made.append(Part(case_id, split, clips, rows))
    return made


def left(choice: Choice) -> list[QA]:
    return [qa for clips in choice.clips for clip in clips for qa in clip.qa]


def larger(a: str, b: str, answer: str) -> QA:
    return asked(
        "larger",
        f"Which covers more of the frame at the end of the clip, the {a} or the {b}?",
        answer,
        (a, b),
    )


def mixed(i: int) -> QA:
    return larger("cornea", "spatula", ("cornea", "spatula")[i % 2])


def test_of_a_pair_with_one_answer_nobody_is_asked():
    """The pupil is larger than the gauge in 19 of 20; the other pair has both answers and stays."""
    pool = [
        larger(*(("pupil", "gauge"), ("gauge", "pupil"))[i % 2], "gauge" if i == 7 else "pupil")
        for i in range(20)
    ]
    pool += [mixed(i) for i in range(20)]
    choice = choose(parts(pool, pool, pool, pool))
    assert not [qa for qa in left(choice) if "gauge" in qa.question]
    assert len([qa for qa in left(choice) if "spatula" in qa.question]) >= 60
    assert choice.left_out["larger"][WORDS] == 80


def test_a_few_questions_or_a_few_cases_tell_nothing():
    told = [larger("pupil", "gauge", "pupil") for _ in range(20)]
    rest = [mixed(i) for i in range(20)]
    assert any("gauge" in qa.question for qa in left(choose(parts([*told, *rest], rest, rest, rest))))
    few = [*told[:2], *rest]
    assert any("gauge" in qa.question for qa in left(choose(parts(few, few, few, few))))


def test_the_order_of_cases_changes_nothing():
    pool = [larger("pupil", "gauge", "pupil" if i else "gauge") for i in range(10)] + [
        mixed(i) for i in range(20)
    ]
    made = parts(pool, pool, pool, pool)
    there, back = choose(made), choose(made[::-1])
    assert sorted(qa.qa_id for qa in left(there)) == sorted(qa.qa_id for qa in left(back))
    assert there.left_out == back.left_out


def test_a_rare_thing_follows_the_others_of_its_kind_and_a_frequent_one_its_own():
    """Instruments come in from below, for the surgeon sits there; only the spatula comes from everywhere."""
    sides = ("left", "right", "top", "bottom")

    def side(name: str, answer: str) -> QA:
        return asked(
            "entry_side",
            f"Over which side of the frame does the {name} reach in at the end of the clip: left, right, top or bottom?",
            answer,
            sides,
        )

    pool = [side("gauge", "bottom") for _ in range(100)] + [side("slit knife", "bottom")] * 2
    pool += [side("spatula", sides[i % 2]) for i in range(8)]
    found = left(choose(parts(pool, pool, pool, pool)))
    assert found and all("spatula" in qa.question for qa in found)


def test_an_answer_that_is_right_whenever_it_is_offered_is_not_offered():
    """Wherever the gallbladder is a choice it is the answer; no set of four has one answer alone."""
    others = ["duct", "artery", "plate", "triangle", "liver", "clip"]

    def one(answer: str, *wrong: str) -> QA:
        offered = (answer, *wrong)
        return asked(
            "option_anatomy",
            f"Which one of these is visible at the end of the clip: {', '.join(offered)}?",
            answer,
            offered,
        )

    pool = [one("gallbladder", *(others[(i + k) % 6] for k in (0, 1, 3))) for i in range(6)]
    pool += [one(others[i % 6], *(others[(i + k) % 6] for k in (1, 2, 3))) for i in range(36)]
    pool += [one(others[(i + 3) % 6], *(others[(i + k) % 6] for k in (0, 1, 2))) for i in range(36)]
    choice = choose(parts(pool, pool, pool, pool))
    assert left(choice) and not [qa for qa in left(choice) if "gallbladder" in qa.choices]
    assert choice.left_out["option_anatomy"][CHOICES] == 24


def test_a_kind_that_names_nothing_stays():
    """In nine of ten clips no instrument enters; that is no fault of the words, and the rest is worth asking."""
    text = "Which tools have entered by the end of the clip that were not there at its start?"
    pool = [asked("entered", text, "none" if i % 20 else "hook") for i in range(100)]
    assert len(left(choose(parts(pool, pool, pool, pool)))) >= 300


def test_what_a_question_names_is_read_from_its_phrasing():
    text = "Seen from the middle of the pupil, at what o'clock does the middle of the cornea lie at 2.5 s of the clip (12 is up)?"
    assert named_things("direction", text, ()) == ("cornea", "pupil")
    assert named_things("phase", "At 2.5 s of the clip, which surgical phase is this?", ("a", "b")) == ()
