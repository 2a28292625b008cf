"""Rows of one question each (``prompt``, ``completion``, ``images``), as clips: questions on one frame share it.

What the config ``pointing`` holds thereby goes through the same encoder, collator and engines as clips do: the
frame runs through the model once, and all that is asked of it stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from datasets import Dataset, Features, List, Value, concatenate_datasets
from surgvqa.builders.geometry.coordinates import Grid, Space, model_space
from surgvqa.cards.command import InputError

STRING = Value("string")
PROMPT_COLUMNS = ("row_id", "case_id", "time_s", "kind", "form", "prompt", "completion", "images", "space")
FRAME_COLUMNS = ("case_id", "source", "procedure", "phase", "images", "form", "width", "height", "space")
CLIP_FEATURES = Features(
    {
        "clip_id": STRING,
        "start_s": Value("float64"),
        "end_s": Value("float64"),
        "frame_times_s": List(Value("float64")),
        "messages": List({"role": STRING, "content": STRING}),
        "qa": List(
            {
                **dict.fromkeys(("qa_id", "kind", "reasoning"), STRING),
                **dict.fromkeys(("question", "answer", "short_answer"), STRING),
                "choices": List(STRING),
            }
        ),
    }
)


def is_prompts(features: Mapping[str, Any]) -> bool:
    """Whether rows are of this kind: a prompt and its completion, and where that is written."""
    return set(PROMPT_COLUMNS) <= set(features)


def as_clips(rows: Dataset) -> Dataset:
    """Return a row per frame, its questions in ``qa`` (``qa_id`` is the ``row_id``) and ``messages``.

    Raises:
        InputError: a prompt of more than a system and a user turn, or two different systems on one frame.
    """
    texts = rows.select_columns([name for name in PROMPT_COLUMNS if name != "images"])
    first: list[int] = []
    new_columns: dict[str, list[Any]] = {name: [] for name in CLIP_FEATURES}
    for (case, time_s), group in groupby(
        enumerate(texts), key=lambda item: (item[1]["case_id"], item[1]["time_s"])
    ):
        frame_rows = list(group)
        first.append(frame_rows[0][0])
        system, messages, qa = None, [], []
        for index, (_, row) in enumerate(frame_rows):
            own, question = _question(row)
            if index and own != system:
                raise InputError(f"{row['row_id']}: another system message than its frame's first row")
            system, answer = own, row["completion"][0]["content"]
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            question_texts = {"question": question, "answer": answer, "short_answer": answer, "choices": []}
            qa.append({"qa_id": row["row_id"], "kind": row["kind"], "reasoning": "spatial", **question_texts})
        values = {
            "clip_id": f"{case}@{round(time_s * 1000)}",
            **{"start_s": time_s, "end_s": time_s, "frame_times_s": [time_s], "qa": qa},
            "messages": ([{"role": "system", "content": system}] if system else []) + messages,
        }
        for name, value in values.items():
            new_columns[name].append(value)
    kept_rows = rows.select_columns([name for name in FRAME_COLUMNS if name in rows.features])
    kept_rows = kept_rows if first == list(range(len(rows))) else kept_rows.select(first).flatten_indices()
    return concatenate_datasets([kept_rows, Dataset.from_dict(new_columns, features=CLIP_FEATURES)], axis=1)


def _question(row: Mapping[str, Any]) -> tuple[str | None, str]:
    turns = [(message["role"], message["content"]) for message in row["prompt"]]
    system = turns.pop(0)[1] if len(turns) == 2 and turns[0][0] == "system" else None
    if [role for role, _ in turns] != ["user"] or len(row["completion"]) != 1:
        raise InputError(f"{row['row_id']}: a prompt is one user turn, a completion one answer")
    return system, turns[0][1]


def raise_if_other_pixels(rows: Dataset, model_type: str, image_processor: Any, where: str) -> None:
    """Numbers written for one model family or picture size mean another place for another.

    Only the form ``json`` follows the family; the others say in the prompt what their numbers run over, so any
    model can be taught them. Rows that are no prompts pass.

    Args:
        rows: clips made by ``as_clips``, or rows of the config ``pointing``.
        model_type: of the model that is taught or asked.
        image_processor: its processor's, with the pixel limits of the run.
        where: what to call the data set.

    Raises:
        InputError: says what the rows were written for, and how to build or run instead.
    """
    if not is_written(rows.features) or "json" not in set(rows["form"]):
        return
    model_space(model_type, 1, 1, Grid(1, 1, 1))  # refuses a family that has no such form
    grid = Grid.of(image_processor)
    grid_option = f"{grid.factor},{grid.min_pixels},{grid.max_pixels}"
    shapes: dict[tuple[int, int], Sequence[float]] = {}
    for form, width, height, space in zip(
        rows["form"], rows["width"], rows["height"], rows["space"], strict=True
    ):
        if form == "json":
            shapes.setdefault((width, height), space)
    for (width, height), space in shapes.items():
        written_space, seen_space = Space(*space), model_space(model_type, width, height, grid)
        if written_space != seen_space:
            raise InputError(
                f"{where} writes places in {written_space.width:g} x {written_space.height:g} for a {width} x {height} picture, "
                f"a {model_type} with these pixel limits in {seen_space.width:g} x {seen_space.height:g}; build it with "
                f"--pointing-model-type {model_type} --pointing-grid {grid_option}, or give the --min_pixels and "
                "--max_pixels it was built for"
            )


def is_written(features: Mapping[str, Any]) -> bool:
    """Whether rows say what their written numbers run over."""
    return {"form", "space", "width", "height"} <= set(features)
