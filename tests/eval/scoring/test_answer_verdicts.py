"""How people and models write an answer, and whether it is right: a surgeon's view of seven hundred replies."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.verdicts import judge

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).with_name("answer_verdicts.json")).read_text(encoding="utf-8")
)


def rows(kind: str) -> tuple[list[Prediction], list[bool]]:
    own = TABLE[kind]
    found = [
        (Prediction("", "", "", kind, "", own["question"], "", truth, tuple(own["choices"]), reply), verdict == "right")
        for truth, verdicts in own["answers"].items()
        for verdict in ("right", "wrong")
        for reply in verdicts[verdict]
    ]  # fmt: skip
    return [row for row, _ in found], [right for _, right in found]


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_in_a_file(kind: str) -> None:
    """The vocabulary of the kind comes from the file's other rows."""
    own, right = rows(kind)
    judged = judge(own)
    wrong = [
        (x.row.short_answer, x.row.prediction, x.verdicts["choice"].cause)
        for x, expected in zip(judged, right, strict=True)
        if x.verdicts["choice"].correct != expected
    ]
    assert wrong == []


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_alone(kind: str) -> None:
    """A file of one question: only its choices and the answer itself are known."""
    for row, expected in zip(*rows(kind), strict=True):
        assert judge([row])[0].verdicts["choice"].correct == expected, (row.short_answer, row.prediction)


ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("answer_rows.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_rows_written_before_they_were_tried() -> None:
    """Replies of nineteen rounds; at their first trial 86, 86, 82, 83, 91, 89, 88, 88, 88 and 88 % agreed, eight wrong ones passed.

    Seven more by one hand: 84, 88, 86, 82, 86, 85 and 92 %, 25 of 951 wrong ones passed. Two by somebody who had not seen the
    code: 55 of 60 with one wrong one passed, then 50 of 60 and none. A third one: 50 of 60 and three; 27 of 40 by one hand
    after it, and one, of which five are left out: three that no rule of ours reads, two that twist their words on purpose. Then 157 of 165 by one hand, none passed; and
    57, 54, 57 and 54 of 60 by two who had not seen the code; one, two, none and one passed.

    The last 36 were written to the kinds of disagreement of the tenth round. Left out as debatable: minutes in Arabic, a tool
    in brackets that rests "outside the frame" beside a list, "III" for 3, "calot dissection" for Calot's triangle dissection, and a bare "None." to a question that asks yes or no.
    """
    own = [
        Prediction("", "", "", row["kind"], "", row["question"], "", row["truth"], tuple(row["choices"]), row["reply"])
        for row in ROWS
    ]  # fmt: skip
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)  # each question is a file of its own
    for i, row in enumerate(own):
        groups[row.kind, row.question].append(i)
    wrong = [
        (row["truth"], row["reply"], one.verdicts["choice"].cause)
        for places in groups.values()
        for one, row in zip(judge([own[i] for i in places]), [ROWS[i] for i in places], strict=True)
        if one.verdicts["choice"].correct != row["right"]
    ]
    assert wrong == []
