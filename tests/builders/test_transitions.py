"""What training cases teach: orders of phases, and what each phase shows; counted exactly."""

from __future__ import annotations

import pytest
from surgvqa.builders.cases.transitions import Transitions, transitions
from surgvqa.builders.schema import Case, Entity, Phase, Role, Scene


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
    assert found == Transitions(
        following={"incision": 2, "none": 2, "phaco": 2},
        scenes={"incision": 3, "phaco": 1},
        shown={"incision": {"knife": 2, "pupil": 1}, "phaco": {"pupil": 1}},
        roles={"knife": "instrument", "pupil": "anatomy"},
        located=False,
        several=("knife",),
    )
    assert [*found.following, *found.scenes, *found.roles] == [
        "incision", "none", "phaco", "incision", "phaco", "knife", "pupil",
    ]  # fmt: skip


def test_moments_outside_of_all_phases_count_for_themselves() -> None:
    found = transitions([case("a", Scene(1.0, 4, 3, (KNIFE,)), phases=())])
    assert found.following == {} and found.scenes == {"": 1} and found.shown == {"": {"knife": 1}}


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
