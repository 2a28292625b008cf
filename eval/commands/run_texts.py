"""The verb ``texts``: answers that may be nearly right in, measures out, each beside its floor."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from surgvqa.cards.command import InputError, nearest, say
from surgvqa.eval.commands.run_score import show
from surgvqa.eval.data import columns, records, reference
from surgvqa.eval.measures import choice
from surgvqa.eval.measures.texts import Measure, measure
from surgvqa.eval.output.documents import write
from surgvqa.eval.output.terminal import table
from surgvqa.eval.settings.score import Texts


def run(config: Texts) -> None:
    """Measure the replies of one file. Measures of free texts take them as they are, with thoughts and wrappers.

    Raises:
        InputError: no such column, or a question without a right answer.
    """
    if config.data and config.references:
        raise InputError("--references and --data: both say what is right; give one")
    measurements = choice.measurements(config.measures)
    mapping = columns.parse_columns(config.columns)
    rows = list(records.rows(config.file))
    if config.references:
        if not any(config.references in row for row in rows):
            raise InputError(
                f"{config.file}: --references {config.references}: no row has it; {nearest(config.references, map(str, rows[0]))}"
            )
        mapping.setdefault("short_answer", f"{config.references}.0|{config.references}")
    contents = columns.require_answers(columns.read(config.file, mapping), config.file)
    answers_by_question = reference.right_answers(config.data, config.split) if config.data else {}
    if stray := [
        own.qa_id for own in contents.predictions if config.data and own.qa_id not in answers_by_question
    ]:
        raise InputError(
            f"{config.file}: {len(stray)} of its questions, {stray[0]} for one, are not in split {config.split} of {config.data}"
        )
    right = [
        several(answers_by_question[own.qa_id])
        if config.data
        else several(row.get(config.references))
        if config.references
        else [own.short_answer or own.answer if config.measures else own.answer or own.short_answer]
        for row, own in zip(rows, contents.predictions, strict=True)
    ]
    if lacking := next((i for i, own in enumerate(right, 1) if not any(own)), None):
        raise InputError(
            f"{config.file}, row {lacking}: no right answer; name its column with --columns answer=COLUMN or --references"
        )
    say(f"measuring {len(right)} replies")
    measures = measure(
        [row.prediction for row in contents.predictions],
        right,
        [row.kind for row in contents.predictions],
        measurements,
    )
    show(text(measures, len(right)))
    if config.out:
        write(
            config.out,
            {
                "file": config.file.name,
                "n": len(right),
                "references": max(map(len, right)),
                "measures": {name: dataclasses.asdict(one) for name, one in measures.items()},
            },
        )


def several(value: object) -> list[str]:
    """Return the right answers of a cell: a list's entries, or the one text.

    >>> several(["Yes", "Yes, it is."]), several("no")
    (['Yes', 'Yes, it is.'], ['no'])
    """
    own = value if isinstance(value, list) else [value]
    return [str(one) for one in own if one is not None and str(one).strip()]


def text(measures: dict[str, Measure], questions: int) -> str:
    """Return the table of measures and floors."""
    rows: list[Sequence[str]] = [("measure", "value", "floor", "above it", "the floor is")]
    rows += [
        (name, f"{one.value:.1f}", f"{one.floor:.1f}", f"{one.value - one.floor:+.1f}", one.floor_by)
        for name, one in measures.items()
    ]
    return f"{table(rows)}\n\n{questions} questions; replies that never look reach the floor"
