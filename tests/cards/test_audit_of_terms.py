"""No sentence that the shipped wording makes of the shipped procedures' terms reads as an identifier."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.procedures import taxonomy
from surgvqa.cards.publish.audit import audit

WHEN = ("at the start of the clip", "at the end of the clip", "at 12.5 s")
# The forms that short answers take: a place, a clock hour, a number, a stretch of time, a point, a list.
SHORT = (
    "{a}",
    "9 o'clock",
    "12",
    "1 to 12 s",
    "12.5 s to 140.25 s",
    "(412, 96)",
    "upper left",
    "{a}, {b}",
    "{a}: 10 %; {b}: 90 %",
)


def terms() -> list[str]:
    """Return the phases, anatomy, instruments and events of all shipped procedures, sorted."""
    procedures = [taxonomy.load(name) for name in taxonomy.shipped_procedures()]
    return sorted(
        {term for one in procedures for term in (*one.phases, *one.anatomy, *one.instruments, *one.events)}
    )


def sentences() -> Iterator[str]:
    """Yield every phrasing and answer of every kind with every term in its slots."""
    names = terms()
    turns = itertools.count()
    for template in wording().kinds.values():
        for text, (place, name) in itertools.product(
            (*template.questions, template.answer, template.nothing), enumerate(names)
        ):
            turn = next(turns)
            other = names[(place + 1 + turn % 7) % len(names)]
            short = SHORT[turn % len(SHORT)].format(a=name, b=other)
            yield text.format(
                a=name, b=other, when=WHEN[turn % len(WHEN)], choices=f"{name}, {other} or none", x=short
            )
    for (place, name), short in itertools.product(enumerate(names), SHORT):
        value = short.format(a=name, b=names[place - 1])
        yield from (f"The {name} is at {value}.", f"{name}: {value}", f"{name} {value}")


def test_no_sentence_of_ours_is_taken_for_an_identifier(tmp_path: Path) -> None:
    """Find none: "the cystic plate is at 9 o'clock" read as a licence plate once, and a real set couldn't be pushed."""
    said = sorted({*sentences()})
    assert len(said) > 100_000
    assert any("cystic plate is at 9 o'clock" in one for one in said)
    pq.write_table(pa.table({"answer": said}), tmp_path / "rows.parquet")
    assert [str(hit) for hit in audit(tmp_path, ["rows.parquet"])] == []
