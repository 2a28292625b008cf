"""``surgvqa-eval``: predict, score, and the controls beside a score."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from surgvqa.cards.arguments import parser as parsers
from surgvqa.cards.arguments.option import Verb
from surgvqa.eval.settings.controls import Audit, Baselines, Leaks, Necessity, Probes
from surgvqa.eval.settings.pages import Demo, Lmms, Report
from surgvqa.eval.settings.predict import Predict
from surgvqa.eval.settings.score import Board, Compare, Judge, Score, Texts
from surgvqa.eval.settings.spatial import MaskAnswers, Pointing, Segmentation
from surgvqa.eval.verbs import controls, pages, predict, score

PROG = "surgvqa-eval"


def verbs() -> tuple[Verb, ...]:
    """All verbs."""
    return (
        Verb(name="predict", config=Predict, run=predict.run),
        Verb(name="score", config=Score, run=score.score),
        Verb(name="compare", config=Compare, run=score.compare),
        Verb(name="judge", config=Judge, run=score.judge),
        Verb(name="texts", config=Texts, run=score.texts),
        Verb(name="board", config=Board, run=score.board),
        Verb(name="probes", config=Probes, run=controls.probes),
        Verb(name="pointing", config=Pointing, run=score.pointing),
        Verb(name="mask-answers", config=MaskAnswers, run=score.mask_answers),
        Verb(name="segmentation", config=Segmentation, run=score.segmentation),
        Verb(name="baselines", config=Baselines, run=controls.baselines),
        Verb(name="necessity", config=Necessity, run=controls.necessity),
        Verb(name="leaks", config=Leaks, run=controls.leaks),
        Verb(name="audit-benchmark", config=Audit, run=controls.audit_benchmark),
        Verb(name="report", config=Report, run=pages.report),
        Verb(name="lmms", config=Lmms, run=pages.lmms),
        Verb(name="demo", config=Demo, run=pages.demo),
    )


def parser() -> parsers.Parser:
    """Return the command line; light, so that ``--help`` answers at once."""
    return parsers.parser_of(PROG, __doc__, verbs())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return parsers.run(PROG, __doc__, verbs(), argv)


if __name__ == "__main__":
    sys.exit(main())
