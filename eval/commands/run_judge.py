"""The verb ``judge``: a language model's verdicts on free answers, shown only beside its agreement with people."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence

from surgvqa.cards.command import InputError
from surgvqa.eval.commands.run_score import show
from surgvqa.eval.data import columns
from surgvqa.eval.measures.judge import ASK, FEWEST, SYSTEM, Agreement, Case, Judge, agreement
from surgvqa.eval.output.documents import write
from surgvqa.eval.output.terminal import percent
from surgvqa.eval.settings import score as settings


def run(config: settings.Judge) -> None:
    """Ask the judge about every answer; print its agreement with people, and its figure where they agreed on enough."""
    mapping = columns.parse_columns(config.columns)
    if config.human:
        mapping["counted"] = config.human
    contents = columns.require_answers(columns.read(config.file, mapping), config.file)
    rows = contents.predictions
    if lacking := next(
        (i for i, row in enumerate(rows, 1) if not (row.answer or row.short_answer).strip()), None
    ):
        raise InputError(
            f"{config.file}, row {lacking}: no right answer; name its column with --columns answer=COLUMN"
        )
    cases = [
        Case(
            question=row.question,
            truth=row.answer or row.short_answer,
            reply=row.prediction,
            case_id=row.case_id,
        )
        for row in rows
    ]
    judge = Judge(config.url, config.model, secrets.token_hex(8))
    verdicts = judge.verdicts(cases)
    both = [
        (verdict is True, row.counted, row.case_id or str(i))
        for i, (verdict, row) in enumerate(zip(verdicts, rows, strict=True))
        if config.human and row.counted is not None
    ]
    pairs = [(ours, bool(theirs), case) for ours, theirs, case in both]
    human_agreement = (
        agreement(
            [ours for ours, *_ in pairs], [people for _, people, _ in pairs], [case for *_, case in pairs]
        )
        if len(pairs) >= FEWEST
        else None
    )
    show("\n".join(lines(verdicts, len(pairs), human_agreement, judge.model)))
    if config.out:
        write(
            config.out,
            {
                "file": config.file.name,
                "model": judge.model,
                "prompts": {"system": SYSTEM, "ask": ASK, "salt": judge.salt},
                "n": len(rows),
                "unreadable": verdicts.count(None),
                "agreement": None if human_agreement is None else dataclasses.asdict(human_agreement),
                "accuracy": None if human_agreement is None else verdicts.count(True) / len(rows),
                "verdicts": [
                    {"qa_id": row.qa_id, "right": verdict}
                    for row, verdict in zip(rows, verdicts, strict=True)
                ],
            },
        )


def lines(
    verdicts: Sequence[bool | None], pair_count: int, human_agreement: Agreement | None, model: str
) -> list[str]:
    """Return what is printed: no figure of a judge whom too few people have checked."""
    unreadable = verdicts.count(None)
    warnings = (
        [f"{unreadable} of {len(verdicts)} verdicts can't be read; they count as wrong"] if unreadable else []
    )
    if human_agreement is None:
        return [
            *warnings,
            f"no figure: people's verdicts are known for {pair_count} answers, and it takes {FEWEST} to know what {model}'s are "
            "worth; add a column of true and false and name it with --human",
        ]
    ends = (
        ""
        if human_agreement.ci95 is None
        else f" (95 % {human_agreement.ci95[0]:.2f} to {human_agreement.ci95[1]:.2f})"
    )
    return [
        *warnings,
        f"{model} and people agree on {percent(human_agreement.agree)} % of {human_agreement.n} answers, kappa {human_agreement.kappa:.2f}{ends}",
        f"right by {model}: {percent(verdicts.count(True) / len(verdicts))} % of {len(verdicts)}",
    ]
