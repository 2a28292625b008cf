"""What training cases teach: orders of phases, and what each phase shows; counted exactly."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from surgvqa.builders.cases.transitions import Transitions, transitions
from surgvqa.builders.schema import Action, Case, Entity, Phase, Role, Scene


def thing(name: str, role: Role, granularity: str = "presence") -> Entity:
    return Entity(name, name, role, granularity)  # type: ignore[arg-type]


def case(name: str, *scenes: Scene, phases: tuple[str, ...] = ("incision", "phaco", "incision")) -> Case:
    laid = tuple(Phase(label, 10.0 * n, 10.0 * n + 10) for n, label in enumerate(phases))
    return Case(name, "invented", "cataract", phases=laid, scenes=scenes, duration_s=10.0 * len(phases))


KNIFE, PUPIL = thing("knife", "instrument"), thing("pupil", "anatomy")


def test_everything_is_counted_once_per_stretch_and_moment() -> None:
    first = case("a", Scene(1.0, 4, 3, (KNIFE, PUPIL)), Scene(12.0, 4, 3, (PUPIL,)))
    second = case("b", Scene(25.0, 4, 3, (KNIFE, KNIFE)), Scene(9.999, 4, 3, ()))
    found = transitions([first, second])
    expected = Transitions(
        following={"incision": 2, "none": 2, "phaco": 2},
        scenes={"incision": 3, "phaco": 1},
        shown_counts={"incision": {"knife": 2, "pupil": 1}, "phaco": {"pupil": 1}},
        roles={"knife": "instrument", "pupil": "anatomy"},
        located=False,
        several=("knife",),
        phases=("incision", "phaco"),
    )
    assert asdict(found) == asdict(expected)
    assert [*found.following, *found.scenes, *found.roles] == [
        "incision", "none", "phaco", "incision", "phaco", "knife", "pupil",
    ]  # fmt: skip


def test_moments_outside_of_all_phases_count_for_themselves() -> None:
    found = transitions([case("a", Scene(1.0, 4, 3, (KNIFE,)), phases=())])
    assert found.following == {} and found.scenes == {"": 1} and found.shown_counts == {"": {"knife": 1}}


@pytest.mark.parametrize("order", [0, 1])
def test_one_place_is_enough_to_be_located(order: int) -> None:
    boxed = thing("knife", "instrument", "box")
    both = [case("a", Scene(1.0, 4, 3, (boxed, PUPIL))), case("b", Scene(1.0, 4, 3, (PUPIL,)))]
    assert transitions(both[:: 1 - 2 * order]).located
    assert not transitions([both[1]]).located and not transitions([]).located


@pytest.mark.parametrize(
    ("phase", "name", "share"),
    [("incision", "knife", 0.625), ("incision", "pupil", 0.125), (None, "knife", 0.5), ("phaco", "knife", 0.5), ("", "knife", 0.5)],
)  # fmt: skip
def test_a_share_is_never_quite_none_or_all(phase: str | None, name: str, share: float) -> None:
    known = Transitions({}, {"incision": 3}, {"incision": {"knife": 2}}, {}, True)
    assert known.share(phase, name) == share


def test_what_was_learned_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        transitions([]).located = True  # type: ignore[misc]


def test_an_instrument_alone_and_a_structure_twice_are_not_several() -> None:
    tip = thing("tip", "instrument")
    known = transitions([case("a", Scene(1.0, 4, 3, (KNIFE, KNIFE, tip)), Scene(2.0, 4, 3, (PUPIL, PUPIL)))])
    assert known.several == ("knife",)


def test_a_crowd_of_instruments_is_no_several_but_crowded() -> None:
    crowd = replace(thing("knife", "instrument", "mask"), crowd=True)
    eyes = replace(thing("pupil", "anatomy", "mask"), crowd=True)
    known = transitions([case("a", Scene(1.0, 4, 3, (crowd, crowd)))])
    assert known.crowded and not known.several
    assert not transitions([case("a", Scene(1.0, 4, 3, (eyes,)))]).crowded
    assert not transitions([case("a", Scene(1.0, 4, 3, (KNIFE, PUPIL)))]).crowded
    kept = transitions([case("a", Scene(1.0, 4, 3, (crowd,)), Scene(2.0, 4, 3, (KNIFE,)))])
    assert kept.crowded, "a later moment without a crowd changes nothing"


def test_one_box_is_enough_to_be_boxed() -> None:
    box = replace(thing("knife", "instrument", "box"), bbox=(0.0, 0.0, 2.0, 2.0))
    both = [Scene(1.0, 4, 3, (box,)), Scene(2.0, 4, 3, (PUPIL,))]
    assert transitions([case("a", *both)]).boxed and transitions([case("a", *both[::-1])]).boxed
    assert not transitions([case("a", both[1])]).boxed


def test_any_granularity_but_presence_says_where_things_are() -> None:
    for granularity in ("mask", "point", "tracked"):
        assert transitions(
            [case("a", Scene(1.0, 4, 3, (thing("knife", "instrument", granularity),)))]
        ).located


def test_actions_are_counted_by_their_three_names() -> None:
    acts = (Action("hook", "cut", "duct"), Action("hook", None, None))
    moments = (Scene(1.0, 4, 3, actions=acts), Scene(2.0, 4, 3, actions=acts[:1]), Scene(3.0, 4, 3))
    assert transitions([case("a", *moments)]).acts == {"hook|cut|duct": 2, "hook||": 1}


def test_steps_come_in_the_order_of_their_mean_place_in_a_case() -> None:
    # "late" begins at 60 of 100 s and 1 of 2 s (0.55 on average), "twice" at 0.2, 0.9 and 0 (0.37), "never" at 0.4
    long = replace(
        case("a"),
        steps=(
            Phase("twice", 20, 30),
            Phase("never", 40, 50),
            Phase("late", 60, 90),
            Phase("twice", 90, 100),
        ),
    )
    short = replace(case("b"), steps=(Phase("twice", 0, 1), Phase("late", 1, 2)))
    assert transitions([long, short]).steps == ("twice", "never", "late")
    assert transitions([short, long]).steps == ("twice", "never", "late")
    assert transitions([case("a")]).steps == ()


def test_what_follows_is_counted_where_both_are_known() -> None:
    """What comes next, not what came before; a stretch that nobody annotated counts for nothing."""
    gap = (Phase("incision", 0, 10), Phase("phaco", 20, 30))
    known = transitions([replace(case("a"), phases=gap, idle="stated", duration_s=30.0)])
    assert known.following == {"none": 1}, "after the incision comes what nobody labelled"
    one = transitions([case("a", phases=("incision", "phaco"))])
    assert one.following == {"none": 1, "phaco": 1}
