"""`surgvqa-eval report`: a page on predictions, or on a data set, and the same numbers as JSON beside it.

surgvqa-eval report answers.jsonl --data out/cataract --out answers.html
surgvqa-eval report out/cataract --out data.html
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

from surgvqa.cards.arguments.words import shell
from surgvqa.cards.command import InputError
from surgvqa.cards.files.manifest import NAME, read, read_json
from surgvqa.cards.write import model
from surgvqa.eval.data import columns, streams
from surgvqa.eval.data.truth import spellings, truth
from surgvqa.eval.documents.pages import (
    DatasetPage,
    LiftPlot,
    LiftRow,
    PredictionsPage,
    Timeline,
    WrongAnswer,
)
from surgvqa.eval.documents.scores import Scores
from surgvqa.eval.output import documents, page
from surgvqa.eval.reports import dataset_report
from surgvqa.eval.reports.pictures import clip_frames
from surgvqa.eval.scoring.probes import span
from surgvqa.eval.scoring.score import lay, score
from surgvqa.eval.scoring.verdicts import Judgement, judge
from surgvqa.eval.settings.pages import Report

WORST = 12  # examples
CASES = 6  # timelines
FAULTS = ("errors", "empty", "refusals", "echoes", "missing", "duplicates")


def report(config: Report) -> None:
    """Write the page and its JSON; a folder or a Hub name is a data set, a file holds predictions."""
    if config.out.suffix != ".html":
        raise InputError(f"--out {config.out}: give a name that ends in .html; the JSON is written beside it")
    numbers: PredictionsPage | DatasetPage
    if Path(config.what).is_file():
        numbers, pictures = predictions_page(config)
    else:
        numbers, pictures = dataset_report.build(config.what)
    page.write(config.out, page.render(f"{numbers['page']}.html", numbers, pictures=pictures))
    documents.write(config.out.with_suffix(".json"), numbers)
    print(f"{config.out}, and its numbers in {config.out.with_suffix('.json')}")


def predictions_page(config: Report) -> tuple[PredictionsPage, dict[str, list[str]]]:
    """Return the numbers of the page on a predictions file, and the frames of its worst examples by clip."""
    contents = columns.read(Path(config.what), columns.parse_columns(config.columns))
    questions, train = truth(config)
    figures = score(
        contents.predictions,
        rule=config.rule,
        train=train,
        data=questions,
        spellings=spellings(config.taxonomy),
        seed=config.seed,
    )
    every = judge(lay(contents.predictions, questions).rows, train or ())
    times = _times(every, config.data, config.split)
    examples = worst(every, figures["rule"])
    lines, left = timelines(every, figures["rule"], times)
    counts: Mapping[str, Any] = figures
    probes = figures["probes"]
    data = config.data
    pictures = (
        clip_frames(data, config.split, {item["clip_id"] for item in examples}) if _has_clips(data) else {}
    )
    numbers: PredictionsPage = {
        "page": "predictions",
        "title": config.title or heading(Path(config.what), config.data),
        "about": about(Path(config.what), config.data),
        "command": shell(
            ["surgvqa-eval", "report", Path(config.what).name, *data_words(config), "--out", config.out.name]
        ),
        "data": config.data,
        "model_index": model_index(figures, Path(config.what).stem, config.data),
        "trained": train is not None,
        "score": figures,
        "faults": {name: counts[name] for name in FAULTS if counts[name]},
        **lift(figures),
        "probed": any(probes["groups"].values())
        or any(own for name, own in probes.items() if name != "groups"),
        "runs": _read_figures(
            config.baselines, "baselines", {"runs", "model_minus", "best_blind", "verdicts"}
        ),
        "sounds": _read_figures(
            config.necessity, "necessity", {"runs", "blind_by_kind", "failed", "listens"}
        ),
        "timelines": lines,
        "timeline_labels": _labels(lines),
        "cases_left": left,
        "worst": examples,
        "confident": any(item["confidence"] is not None for item in examples),
        "frames_note": _frames_note(data, pictures),
    }
    return numbers, pictures


def data_words(config: Report) -> list[str]:
    """Return the words of the page's command that name its data set, without the folders above it."""
    if config.data is None:
        return []
    name = Path(config.data).name if Path(config.data).exists() else config.data
    return ["--data", name, *(["--split", config.split] if config.split != "test" else [])]


def heading(file: Path, data: str | None) -> str:
    """Return the heading of a page on answers: the model and the data set, where they are known."""
    model_name = _model(file)
    if not model_name:
        return f"Answers in {file.name}"
    return f"{model_name} on {_data_name(data)}" if data else f"{model_name}: answers in {file.name}"


def about(file: Path, data: str | None) -> list[str]:
    """Return what the answers are of: model and engine, the data set with its digest, the day of the answers, our version."""
    facts = run_facts(file)
    day = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    manifest = read(Path(data)) if data and (Path(data) / NAME).is_file() else None
    entries = [
        f"model {model_name}" if (model_name := _model(file)) else "",
        f"weights {facts['weights'][:12]}" if facts.get("weights") else "",
        f"engine {facts['engine']}" if facts.get("engine") else "",
        f"data set {_data_name(data)}" if data else "",
        f"data digest {manifest['sha256'][:12]}" if manifest and "sha256" in manifest else "",
        f"data set built by surgvqa {manifest['surgvqa']}" if manifest and "surgvqa" in manifest else "",
        f"file of answers written {day.day} {day:%B %Y}",
        f"scored by surgvqa {version('surgvqa')}",
    ]
    return [entry for entry in entries if entry]


def run_facts(file: Path) -> dict[str, str]:
    """Return the facts of the run that left a file of answers, where it says them beside the file."""
    path = file.with_suffix(".run.json")
    facts = read_json(path, "delete it, or answer again") if path.is_file() else {}
    return {key: str(facts[key]) for key in ("model", "weights", "engine") if facts.get(key)}


def _model(file: Path) -> str:
    model_name = run_facts(file).get("model", "")
    return (
        model_name
        if model_name.count("/") == 1 and not model_name.startswith((".", "/"))
        else Path(model_name).name
    )


def _data_name(data: str | None) -> str:
    """Return a data set's name: its source's, else its own on the Hub, else its folder's."""
    folder = Path(data or "")
    if (folder / NAME).is_file():
        return read(folder)["source"]["name"]
    return folder.name if folder.exists() else str(data)


def model_index(figures: Scores, name: str, where: str | None) -> Any:
    """Return the score as a model card's ``model-index``, the same entries that `surgvqa-card model` writes."""
    from huggingface_hub.repocard_data import eval_results_to_model_index  # half a second of CPU

    data_id = where if where and not Path(where).exists() else None
    results = model.eval_results(
        [(name, model.card_score(figures))], data_id or Path(where or "surgvqa").name, data_id
    )
    return eval_results_to_model_index(name, results)


def lift(figures: Scores) -> LiftPlot:
    """Return the rows of the lift plot: the kinds from the highest lift on, and the scale's ends."""
    kinds: list[LiftRow] = [
        {
            "kind": kind,
            "n": own["n"],
            "lift": own["lift"],
            "lift_ci95": own["lift_ci95"],
            "accuracy": own["accuracy"],
            "blind_majority": own["blind_majority"],
            "chance": own["chance"],
            "single_class": own["single_class"],
        }
        for kind, own in figures["by_kind"].items()
    ]
    kinds.sort(key=lambda kind: (kind["single_class"], -kind["lift"], kind["kind"]))
    ends = [end for kind in kinds for end in (kind["lift"], *(kind["lift_ci95"] or ()))]
    widest = min(1.0, max(0.1, *(abs(end) for end in ends)) * 1.05)
    return {"lift": kinds, "low": -widest, "high": widest}


def worst(every: Sequence[Judgement], rule: str) -> list[WrongAnswer]:
    """One wrong answer of each confusion (kind, truth, what was said), the most frequent confusions first.

    Of a confusion the most confident answer is shown, where confidences are known, else the first by id.
    """
    groups: dict[tuple[str, str, str], list[Judgement]] = defaultdict(list)
    question_counts: dict[str, int] = defaultdict(int)
    for judgement in every:
        question_counts[judgement.row.kind] += 1
        if not judgement.verdicts[rule].correct:
            groups[judgement.row.kind, judgement.row.short_answer, judgement.label].append(judgement)
    ranking = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))[:WORST]
    examples: list[WrongAnswer] = []
    for (kind, _, _), group in ranking:
        first = min(group, key=lambda judgement: (-(judgement.row.confidence or 0.0), judgement.row.qa_id))
        row = first.row
        examples.append(
            {
                "qa_id": row.qa_id,
                "clip_id": row.clip_id,
                "kind": kind,
                "question": row.question,
                "short_answer": row.short_answer,
                "prediction": row.prediction[:400],
                "cause": row.error or first.verdicts[rule].cause,
                "confidence": row.confidence,
                "times": len(group),
                "of": question_counts[kind],
            }
        )
    return examples


def _times(every: Sequence[Judgement], where: str | None, split: str) -> dict[str, tuple[float, float]]:
    """Start and end of each clip in seconds: from our clip ids, else from the data set's rows."""
    times = {}
    for judgement in every:
        if at := span(judgement.row.clip_id):
            times[judgement.row.clip_id] = at.start / 1000, at.end / 1000
    if not times and _has_clips(where):
        rows = streams.splits(str(where), "qa").get(split, ())
        times = {row["clip_id"]: (row["start_s"], row["end_s"]) for row in rows}
    return times


def timelines(
    every: Sequence[Judgement], rule: str, times: Mapping[str, tuple[float, float]]
) -> tuple[list[Timeline], int]:
    """Truth and answer along each case, for phases, else for the kind asked on most clips; and how many
    cases are left out. Cases run from the lowest accuracy to the highest, evenly picked.
    """
    with_times = [judgement for judgement in every if judgement.row.clip_id in times]
    kinds = sorted({judgement.row.kind for judgement in with_times})
    if not kinds:
        return [], 0
    clips = {kind: len({j.row.clip_id for j in with_times if j.row.kind == kind}) for kind in kinds}
    kind = "phase" if "phase" in kinds else max(kinds, key=lambda name: clips[name])
    cases: dict[str, dict[str, Judgement]] = defaultdict(dict)
    for judgement in with_times:
        if judgement.row.kind == kind:
            cases[judgement.row.case_id].setdefault(judgement.row.clip_id, judgement)
    lines = [_line(case, kind, list(own.values()), rule, times) for case, own in sorted(cases.items())]
    lines.sort(key=lambda line: (line["accuracy"], line["case_id"]))
    if len(lines) <= CASES:
        return lines, 0
    picks = sorted({round(i * (len(lines) - 1) / (CASES - 1)) for i in range(CASES)})
    return [lines[i] for i in picks], len(lines) - len(picks)


def _line(
    case: str, kind: str, own: list[Judgement], rule: str, times: Mapping[str, tuple[float, float]]
) -> Timeline:
    own.sort(key=lambda judgement: times[judgement.row.clip_id])
    spans = [times[judgement.row.clip_id] for judgement in own]
    right = [judgement.verdicts[rule].correct for judgement in own]
    return {
        "case_id": case,
        "kind": kind,
        "n": len(own),
        "accuracy": sum(right) / len(right),
        "start_s": min(start for start, _ in spans),
        "end_s": max(end for _, end in spans),
        "truth": [(*span, judgement.row.short_answer) for span, judgement in zip(spans, own, strict=True)],
        "said": [
            (*span, judgement.row.short_answer if correct else judgement.label)
            for span, judgement, correct in zip(spans, own, right, strict=True)
        ],
        "wrong": [span for span, correct in zip(spans, right, strict=True) if not correct],
    }


def _labels(lines: Iterable[Timeline]) -> list[str]:
    """Return the labels of the timelines: the true ones first, in the order of time, so that they have the colours."""
    starts: dict[str, list[float]] = defaultdict(list)
    answer_labels: set[str] = set()
    for line in lines:
        for start, _, label in line["truth"]:
            starts[label].append(start)
        answer_labels |= {label for _, _, label in line["said"]}
    truths = sorted(starts, key=lambda label: (sum(starts[label]) / len(starts[label]), label))
    return [*truths, *sorted(answer_labels - set(truths))]


def _read_figures(path: Path | None, verb: str, keys: set[str]) -> Any:
    """Read what `surgvqa-eval VERB --out` wrote."""
    if path is None:
        return None
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--{verb} {path}: not readable as JSON ({error})") from None
    if not isinstance(figures, dict) or not keys <= set(figures):
        raise InputError(f"{path}: not what `surgvqa-eval {verb} --out FILE.json` writes")
    return figures


def _has_clips(where: str | None) -> TypeGuard[str]:
    return where is not None and not Path(where).is_file()


def _frames_note(where: str | None, pictures: Mapping[str, Any]) -> str:
    if where is None:
        return "Give the data set with --data to see frames."
    return "" if pictures else "The data set holds no frames of these clips."
