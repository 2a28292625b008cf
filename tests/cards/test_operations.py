"""The table of operations that several public data sets show."""

from __future__ import annotations

import pytest
from surgvqa.builders import sources
from surgvqa.cards.patients.operations import mapping_gap, operation, plain, public_set, shared_with, table


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("cholec80", "video68"), ("cholect50", "VID68")),
        (("cholec80", "video66"), ("endoscapes", "121")),
        (("cholec80", "video67"), ("m2cai16", "tool_video_01")),
        (("cholec80", "video66"), ("m2cai16", "tool_video_15")),
        (("cholec80_vqa", "video01"), ("cholecseg8k", "video01")),
        (("cholect50", "VID111"), ("CholecTrack20", "VID111")),
        (("endovis", "endovis18_seq05"), ("endovis18_vqa", "seq_05")),
        (("cadis", "Video04"), ("cataracts", "train04")),
        (("cholec80", "cholec80.video07"), ("ssg_vqa", "VID07")),
    ],
)
def test_two_names_of_one_operation(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert operation(*one) == operation(*other) is not None


@pytest.mark.parametrize(
    ("source", "case_id"),
    [
        ("endoscapes", "5"),
        ("m2cai16", "workflow_video_01"),
        ("endovis", "endovis17_seq05"),
        ("cataracts", "test04"),
        ("autolaparo", "video03"),
        ("ours", "video01"),
        ("cholec80", "case_8a31"),
    ],
)
def test_an_operation_of_one_set_alone_has_no_common_name(source: str, case_id: str) -> None:
    assert operation(source, case_id) is None


def test_the_counts_of_the_published_overlaps() -> None:
    held = {one.name: one.operations or frozenset() for one in table()}
    cholec80 = held["Cholec80"]
    shared = {name: len(cholec80 & numbers) for name, numbers in held.items()}
    assert shared["CholecT50"] == 45 and shared["CholecSeg8k"] == 17
    assert shared["CholecInstanceSeg"] == 80 and shared["Endoscapes"] == 6 and shared["M2CAI16, tools"] == 15
    assert len(held["CholecT50"]) == 50 and not held["CholecTrack20"], (
        "its list isn't published where we could read it"
    )


def test_every_row_says_where_it_is_said_and_no_spelling_is_of_two_sets() -> None:
    assert all(one.reference for one in table())
    spelt = [source for one in table() for source in one.sources]
    assert len(spelt) == len(set(spelt))
    assert {plain(name) for name in sources.names()} & set(spelt) >= {"cholec80", "cholect50", "endoscapes"}


def test_a_set_says_who_else_shows_its_operations() -> None:
    (seg8k,) = (one for one in shared_with("endoscapes", ["1", "121", "9"]) if one.startswith("CholecInst"))
    assert "2 of these operations" in seg8k and "1, 121" in seg8k
    assert shared_with("jigsaws", ["Suturing_B001"]) == []
    assert public_set("org/AutoLaparo") is not None and mapping_gap("autolaparo", "autolaparo_motion")
    assert mapping_gap("cholec80", "cholect50") is None
