"""The verdicts of a person on questions, as a rate of errors with its interval, in the report and on the card."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from surgvqa.builders.inspection.page import questions as questions_of
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import Inspection, Verdicts
from surgvqa.cards.write.dataset import dataset_card

VERDICTS = ("right", "wrong", "unclear")


def put(folder: Path, result: Path, replace: bool = False) -> Inspection:
    """Read the page's JSON, write its figures into report and card, and return them.

    Raises ``InputError`` where it was judged on another data set, holds something else than verdicts, or fewer of them
    than stand on the card, unless they ``replace`` those.
    """
    manifest = manifests.whole(folder)
    report = manifests.report_of(folder, manifest)
    document = manifests.read_json(result, "save it from the page of `surgvqa-build inspect DIR`")
    verdicts = document.get("judged") if isinstance(document, dict) else None
    if not isinstance(verdicts, list) or not verdicts or not all(isinstance(one, dict) for one in verdicts):
        raise InputError(f"{result}: a list `judged` with verdicts is due; save it from the page")
    kinds_by_id = {
        qa["qa_id"]: qa["kind"]
        for name in manifest["files"]
        if name.startswith("clips/")
        for qa in questions_of(folder / name)
    }
    strange = [one.get("qa_id") for one in verdicts if one.get("qa_id") not in kinds_by_id]
    if strange:
        raise InputError(
            f"{result}: {strange[0]} is no question of {folder}; it was judged on another data set"
        )
    odd = [one.get("verdict") for one in verdicts if one.get("verdict") not in VERDICTS]
    if odd:
        raise InputError(f"{result}: verdict {odd[0]!r}; known: {', '.join(VERDICTS)}")
    if len({one["qa_id"] for one in verdicts}) < len(verdicts):
        raise InputError(f"{result}: a question is judged twice")
    summary = figures([(kinds_by_id[one["qa_id"]], one["verdict"]) for one in verdicts])
    earlier: Inspection | None = report.get("inspected")
    if earlier is not None and earlier["n"] > summary["n"] and not replace:
        raise InputError(
            f"{result}: {summary['n']} questions are judged, and on the card stand {earlier['n']} ({earlier['right']} right, "
            f"{earlier['wrong']} wrong, {earlier['unclear']} unclear); judge on and save again, or add --replace"
        )
    report["inspected"] = summary
    text = manifests.dump(report)
    manifests.rewrite(folder, manifest, manifests.REPORT, text)
    manifest = manifests.whole(folder)
    repository = {"repo_id": manifest["repo"]} if "repo" in manifest else {}
    manifests.rewrite(folder, manifest, manifests.CARD, dataset_card(manifest, report, **repository))
    return summary


def figures(verdicts: list[tuple[str, str]]) -> Inspection:
    """Return counts and the share that is wrong or unclear, with Wilson's 95 % interval.

    >>> figures([("count", "right")] * 99 + [("count", "wrong")])["ci95"]
    [0.0018, 0.0545]
    """
    counts = Counter(verdict for _, verdict in verdicts)
    n, bad = len(verdicts), counts["wrong"] + counts["unclear"]
    by_kind = {
        one: _verdicts(Counter(verdict for kind, verdict in verdicts if kind == one))
        for one in sorted({kind for kind, _ in verdicts})
    }
    return {
        "n": n,
        **_verdicts(counts),
        "error_rate": round(bad / n, 4),
        "ci95": [round(end, 4) for end in wilson(bad, n)],
        "by_kind": by_kind,
    }


def _verdicts(counts: Counter[str]) -> Verdicts:
    return {"right": counts["right"], "wrong": counts["wrong"], "unclear": counts["unclear"]}


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a share."""
    share, scale = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
