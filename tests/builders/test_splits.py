"""Splits: whole cases, near the wanted shares in every kind, official ones kept."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.builders.cases.splits import assign, part, refuse_shared_cases
from surgvqa.builders.schema import Case, Clip
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
