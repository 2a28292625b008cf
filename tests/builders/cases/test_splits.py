"""Splits: whole cases, near the wanted shares in every kind, official ones kept."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.builders.cases.splits import SPLITS, assign, note, part, refuse_shared_cases
from surgvqa.builders.schema import QA, Case, Clip
from surgvqa.cards.command import InputError


def cases(n: int, **splits: str) -> list[Case]:
    return [Case(f"c{i:02d}", "made-up", "cataract", split=splits.get(f"c{i:02d}")) for i in range(n)]


def counts(n: int) -> dict[str, Counter[str]]:
    """Every case has a hundred of one kind; every seventh has ten of a rare one, three have count."""
    return {
        f"c{i:02d}": Counter(
            {"phase": 100} | ({"rare": 10} if i % 7 == 0 else {}) | ({"count": 5} if i < 3 else {})
        )
        for i in range(n)
    }


def test_shares_hold_for_frequent_and_rare_kinds():
    result = assign(cases(70), kinds_by_case=counts(70))
    assert Counter(result.values()) == {"train": 49, "validation": 7, "test": 14}
    rare = Counter(split for case_id, split in result.items() if "rare" in counts(70)[case_id])
    assert rare == {"train": 7, "validation": 1, "test": 2}
    three = Counter(split for case_id, split in result.items() if "count" in counts(70)[case_id])
    assert three["train"] >= 1 and three["test"] >= 1


def test_the_seed_decides_and_the_order_of_cases_does_not():
    made = cases(20)
    result = assign(made, kinds_by_case=counts(20), seed=3)
    assert result == assign(made[::-1], kinds_by_case=counts(20), seed=3)
    assert result != assign(made, kinds_by_case=counts(20), seed=4)
    assert list(result) == sorted(result)


def test_train_gets_the_last_case_only_where_nothing_else_leaves_it_one():
    """A build that is made again has the same splits, also where most cases are held out."""
    result = assign(cases(8), kinds_by_case=counts(8), validation=0.4, test=0.5)
    assert "".join(split[1] for split in result.values()) == "eeaeeara"  # tEst, vAlidation, tRain


def test_test_cases_are_the_test_split_alone():
    result = assign(cases(10), kinds_by_case={}, test_cases=["c03", "c07"])
    assert [case_id for case_id, split in result.items() if split == "test"] == ["c03", "c07"]
    assert "validation" in result.values()


def test_official_splits_stand():
    result = assign(cases(5, c00="test", c01="train", c02="validation"), kinds_by_case={})
    assert result == {"c00": "test", "c01": "train", "c02": "validation", "c03": "train", "c04": "train"}


def test_test_cases_go_before_official_splits():
    result = assign(
        cases(4, c00="test", c01="train", c02="train", c03="train"), kinds_by_case={}, test_cases=["c01"]
    )
    assert result["c01"] == "test" and list(result.values()).count("test") == 1


def test_a_case_twice_an_unknown_test_case_and_bad_shares_are_refused():
    with pytest.raises(InputError, match="c01 is there more than once"):
        assign([*cases(3), *cases(2)[1:]], kinds_by_case={})
    with pytest.raises(InputError, match="--test-cases c77"):
        assign(cases(3), kinds_by_case={}, test_cases=["c77"])
    with pytest.raises(InputError, match="nothing to train on"):
        assign(cases(3), kinds_by_case={}, validation=0.5, test=0.5)
    with pytest.raises(InputError, match="no case is left"):
        assign(cases(2), kinds_by_case={}, test_cases=["c00", "c01"])
    with pytest.raises(InputError, match="'dev' is none of"):
        assign(cases(2, c00="dev"), kinds_by_case={})


def test_a_case_in_two_splits_is_refused():
    refuse_shared_cases({"train": ["a", "b"], "test": ["c"]})
    with pytest.raises(InputError, match="case b is in train and in test"):
        refuse_shared_cases({"train": ["a", "b"], "test": ["b"]})
    with pytest.raises(InputError, match="case a is in test and in train"):
        refuse_shared_cases({"test": ["a", "b"], "train": ["b", "a"]})


@given(
    st.integers(1, 25),
    st.integers(0, 5),
    st.sampled_from([(0.1, 0.2), (0.0, 0.2), (0.2, 0.0), (0.0, 0.0), (0.3, 0.3)]),
    st.dictionaries(
        st.integers(0, 24), st.dictionaries(st.sampled_from("pqr"), st.integers(1, 900), max_size=3)
    ),
)
@settings(max_examples=200, deadline=None)
def test_any_cases_are_dealt_out(n: int, seed: int, shares: tuple[float, float], made):
    kinds = {f"c{i:02d}": Counter(found) for i, found in made.items()}
    validation, test = shares
    result = assign(cases(n), kinds_by_case=kinds, seed=seed, validation=validation, test=test)
    found = Counter(result.values())
    assert sorted(result) == [f"c{i:02d}" for i in range(n)] and found["train"] >= 1
    assert bool(found["test"]) == (test > 0 and n > 1)
    assert bool(found["validation"]) == (validation > 0 and n > 1 + (test > 0))


def test_clips_closer_than_the_distance_stay_in_one_part():
    """Pairs of clips that end and start one second apart: with two seconds asked for, each pair is one group."""
    clips = [
        Clip("c", start, start + 1000, None)
        for pair in range(40)
        for start in (10_000 * pair, 10_000 * pair + 2000)
    ]
    divided = part(clips, apart_s=2.0)
    assert Counter(clip.split for clip in divided).keys() == {"train", "validation"}
    assert all(one.split == other.split for one, other in zip(divided[::2], divided[1::2], strict=True))
    apart = part(clips, apart_s=1.0)
    assert any(one.split != other.split for one, other in zip(apart[::2], apart[1::2], strict=True)), (
        "at that very distance they may part"
    )


def drawn(number: int) -> tuple[list[Case], dict[str, Counter[str]]]:
    """Invented cases, up to thirty, with kinds of very different frequency, some with an official split."""
    draw = random.Random(number)
    names = [f"c{i:02d}" for i in range(draw.randint(1, 30))]
    officially = number % 3 == 0
    made = [
        Case(name, "made-up", "cataract", split=draw.choice([None, "train", "test"]) if officially else None)
        for name in names
    ]
    frequency = {"p": 1.0, "q": 0.5, "r": 0.15, "s": 0.05}
    kinds = {
        name: Counter({kind: draw.randint(1, 60) for kind, p in frequency.items() if draw.random() < p})
        for name in names
    }
    return made, kinds


def test_splits_stay_as_they_are():
    """A data set built again by another version has the cases of the published one in each split."""
    results = []
    for number in range(250):
        made, kinds = drawn(number)
        draw = random.Random(-number - 1)
        shares = draw.choice([(0.1, 0.2), (0.15, 0.15), (0.0, 0.3), (0.3, 0.0), (0.05, 0.4)])
        tested = [draw.choice(made).case_id] if number % 5 == 0 else []
        try:
            results.append(
                assign(made, kinds_by_case=kinds, test_cases=tested, validation=shares[0], test=shares[1])
            )
        except InputError as error:
            results.append(str(error).split(";")[0])  # without its advice
    assert (
        hashlib.sha256(json.dumps(results).encode()).hexdigest()
        == "5f38957c0a6ddf4bf8ee4e3326e600554fde7a12443cf0f9f46c4fcfa2c8506c"
    )


def test_parts_stay_as_they_are():
    results = []
    for number in range(60):
        draw = random.Random(number)
        starts = sorted(draw.sample(range(0, 90_000, 500), draw.randint(2, 25)))
        clips = [
            Clip("c", start, start + draw.choice([500, 3000, 9000]), None, qa=asked(draw)) for start in starts
        ]
        results.append([clip.split for clip in part(clips, apart_s=draw.choice([0.5, 2.0]))])
    assert (
        hashlib.sha256(json.dumps(results).encode()).hexdigest()
        == "d43d4e86c1f6591d9707625b1ee07030572e9958f839d9527a9a018eaab4d315"
    )


def asked(draw: random.Random) -> tuple[QA, ...]:
    return tuple(
        QA(f"{kind}{n}", kind, "recognition", "?", "a", "a")
        for kind in "pqr"
        for n in range(draw.choice([0, 1, 4]))
    )


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.2, -0.5), (0.9, 0.2)])
def test_shares_below_nothing_or_beyond_all_are_refused(validation: float, test: float):
    with pytest.raises(InputError, match="leave nothing to train on"):
        assign(cases(9), kinds_by_case={}, validation=validation, test=test)


def test_fixed_cases_count_towards_the_shares():
    """Nine of thirty cases are test cases by name: the others go to training and validation alone."""
    named = [f"c{i:02d}" for i in range(9)]
    result = assign(cases(30), kinds_by_case=counts(30), test_cases=named)
    assert Counter(result.values()) == {"train": 18, "validation": 3, "test": 9}


def test_a_single_case_is_for_training_and_a_second_for_the_test():
    assert assign(cases(1), kinds_by_case={}) == {"c00": "train"}
    assert Counter(assign(cases(2), kinds_by_case={}).values()) == {"train": 1, "test": 1}


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_one_case_is_left_to_train_on_whatever_the_shares(n: int):
    found = Counter(assign(cases(n), kinds_by_case={}, validation=0.02, test=0.97).values())
    assert found["train"] == 1 and (found["test"] > 0) == (n > 1)


def test_a_clip_as_far_away_as_asked_is_apart():
    clips = [Clip("c", start, start + 1000, None) for start in range(0, 40_000, 2999)]
    assert len({clip.split for clip in part(clips, apart_s=2.0)}) == 1, "1.999 s is nearer than 2 s"
    clips = [Clip("c", start, start + 1000, None) for start in range(0, 40_000, 3000)]
    assert len({clip.split for clip in part(clips, apart_s=2.0)}) == 2


def test_clips_of_one_start_that_touch_stay_together():
    clips = [Clip("c", 0, 5000, None), Clip("c", 0, 60_000, None), Clip("c", 30_000, 31_000, None)]
    assert len({clip.split for clip in part(clips, apart_s=1.0)}) == 1


def test_a_note_says_by_whom_the_cases_were_split() -> None:
    def told(*cases: Case, test_cases: tuple[str, ...] = (), splits: tuple[str, ...] = SPLITS) -> str:
        return note(cases, iter(splits), test_cases, 3)

    plain, official = Case("a", "s", "cataract"), Case("b", "s", "cataract", split="test")
    listed = Case(
        "c", "s", "cataract", split="test", split_list="the authors' fold 1 (not here: 1 of its 5 test cases)"
    )
    assert "no official split of these cases; drawn with seed 3" in told(plain)
    assert (
        told(plain, official, splits=("train", "test"))
        == "split: as the source splits its cases; no validation split"
    )
    assert "by the authors' fold 1 (not here: 1 of its 5 test cases)" in told(plain, listed)
    assert (
        told(plain, listed, test_cases=("a",))
        == "split: 1 test case named with --test-cases, the others drawn with seed 3"
    )


@pytest.mark.parametrize(
    ("cases", "options", "way"),
    [
        ([Case(name, "s", "cataract", split="test") for name in "ab"], {}, "--test-cases a"),
        ([Case(name, "s", "cataract") for name in "ab"], {"test_cases": ("a", "b")}, "name fewer with --test-cases"),
    ],
)  # fmt: skip
def test_nothing_to_train_on_names_a_way_out(
    cases: list[Case], options: dict[str, tuple[str, ...]], way: str
) -> None:
    with pytest.raises(InputError, match=way):
        assign(cases, kinds_by_case={}, **options)
