"""`surgvqa-eval lmms DIR --out TASKS`: a task for lmms-eval made from a data set, and what it calls.

    surgvqa-eval lmms out/cataract --out tasks
    python -m lmms_eval --model qwen2_5_vl --tasks surgvqa_cataract --include_path tasks

The harness asks the questions of one split with the clips' frames, as `surgvqa-eval predict` does, and scores
them with our matching and our blind figures, so that both give the same numbers for the same answers. It
needs surgvqa installed beside it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.data import reference
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.data.streams import Row, picture
from surgvqa.eval.scoring import match
from surgvqa.eval.scoring.score import score
from surgvqa.eval.scoring.verdicts import options

FIGURES = ("accuracy", "macro_accuracy", "blind_majority", "lift")
NAME = re.compile(r"[a-z0-9_]+")
CODE = '''"""What lmms-eval calls for the task {name}; written by `surgvqa-eval lmms`."""

from surgvqa.eval.commands.lmms import Task

TASK = Task({data!r}, {split!r}, {rule!r})


def doc_to_visual(doc):
    return TASK.frames(doc)


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    return TASK.prompt(doc, lmms_eval_specific_kwargs or {{}})


def process_results(doc, results):
    return TASK.results(doc, results)
'''
FIGURE = """

def {figure}(items):
    return TASK.figure({figure!r}, items)
"""


class Function(str):
    """A function's name in a task file, ``!function module.name``."""


class TaskDumper(yaml.SafeDumper):
    """YAML that knows ``!function``."""


TaskDumper.add_representer(Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def write(where: str, out: Path, name: str | None, split: str, rule: str | None) -> None:
    """Write ``NAME.yaml`` and the module it calls into the folder ``out``.

    Raises:
        InputError: no questions of that split, or a name the harness can't take.
    """
    questions = reference.questions(where, split)
    stem = re.sub(
        r"[^a-z0-9]+", "_", Path(where).resolve().name.lower() if Path(where).exists() else where.lower()
    )
    name = name or f"surgvqa_{stem.strip('_')}"
    if not NAME.fullmatch(name):
        raise InputError(f"--name {name}: a task's name is made of a-z, 0-9 and _")
    if rule is not None and rule not in match.RULES:
        raise InputError(f"--rule {rule}: one of {', '.join(match.RULES)}")
    data = str(Path(where).resolve()) if Path(where).exists() else where
    rule = rule or ("choice" if any(row.choices for row in questions) else "word")
    out.mkdir(parents=True, exist_ok=True)
    module = f"{name}_task"
    code = CODE.format(name=name, data=data, split=split, rule=rule)
    code += "".join(FIGURE.format(figure=figure) for figure in FIGURES)
    (out / f"{module}.py").write_text(code, encoding="utf-8")
    text = yaml.dump(task_file(data, name, module, split), Dumper=TaskDumper, sort_keys=False)
    (out / f"{name}.yaml").write_text(f"# Written by `surgvqa-eval lmms`.\n{text}", encoding="utf-8")
    print(f"{out / name}.yaml: {len(questions)} questions; run it with")
    print(f"    python -m lmms_eval --model MODEL --tasks {name} --include_path {out}")


def task_file(data: str, name: str, module: str, split: str) -> dict[str, object]:
    """Return the task's configuration. A folder is read by its files: by its card, datasets would serve an old build."""
    folder = Path(data)
    if folder.is_dir():
        shards = sorted(str(path) for path in (folder / "qa").glob(f"{split}-*.parquet"))
        source = {"dataset_path": "parquet", "dataset_kwargs": {"data_files": {split: shards}}}
    else:
        source = {"dataset_path": data, "dataset_name": "qa"}
    return {
        "task": name,
        **source,
        "test_split": split,
        "output_type": "generate_until",
        "doc_to_visual": Function(f"{module}.doc_to_visual"),
        "doc_to_text": Function(f"{module}.doc_to_text"),
        "doc_to_target": "short_answer",
        "process_results": Function(f"{module}.process_results"),
        "cluster_key": "case_id",  # questions on one operation are not independent
        "generation_kwargs": {"max_new_tokens": 64, "do_sample": False, "temperature": 0.0, "num_beams": 1},
        "metric_list": [
            {
                "metric": f"surgvqa_{figure}",
                "aggregation": Function(f"{module}.{figure}"),
                "higher_is_better": figure != "blind_majority",
            }
            for figure in FIGURES
        ],
        # `choices: true` lists a question's choices below it, for models that were not trained on the answers.
        "lmms_eval_specific_kwargs": {"default": {"pre_prompt": "", "post_prompt": "", "choices": False}},
        "metadata": {"version": version("surgvqa"), "data": data},
    }


@dataclass(frozen=True)
class Task:
    """The functions that the harness calls: a question's frames and text, and figures over answers."""

    data: str
    split: str
    rule: str

    def frames(self, doc: Mapping[str, Any]) -> list[Image.Image]:
        """Return the frames of the question's clip; an empty list where the data set holds none."""
        rows, places = _clips(self.data, self.split)
        if doc["clip_id"] not in places:
            raise InputError(f"{self.data}: no clip {doc['clip_id']} in split {self.split}")
        return [_open_picture(cell) for cell in rows[places[doc["clip_id"]]]["images"] or ()]

    def prompt(self, doc: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
        r"""Return the question, between the texts that the task file may add.

        >>> Task("", "", "").prompt({"question": "Which?", "choices": ["a", "b"]}, {"choices": True})
        'Which?\nChoices: a; b'
        """
        text = doc["question"]
        if extra.get("choices") and doc["choices"]:
            text += "\nChoices: " + "; ".join(doc["choices"])
        return f"{extra.get('pre_prompt', '')}{text}{extra.get('post_prompt', '')}"

    def results(self, doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Row]:
        """Return the question with its answer, under each figure's name; ``score`` is 1 for a right answer."""
        names = ("qa_id", "clip_id", "case_id", "kind", "reasoning", "question", "answer", "short_answer")
        row = {name: doc[name] or "" for name in names} | {"choices": list(doc["choices"] or ())}
        row["prediction"] = results[0] if results else ""
        target = match.Target(
            answer=row["short_answer"],
            choices=tuple(row["choices"]) or _names(self.data, self.split).get(row["kind"], ()),
            kind=row["kind"],
            sentence=row["answer"],
            question=row["question"],
        )
        right = match.matches(self.rule, row["prediction"], target)
        return {f"surgvqa_{figure}": row | {"score": float(right)} for figure in FIGURES}

    def figure(self, name: str, items: Sequence[Mapping[str, Any]]) -> float:
        """One figure over all answers, as `surgvqa-eval score --data` computes it."""
        fields = [{key: value for key, value in item.items() if key != "score"} for item in items]
        rows = [Prediction(**row | {"choices": tuple(row["choices"])}) for row in fields]
        figures: Mapping[str, Any] = score(rows, rule=self.rule, train=_train(self.data))
        return float(figures[name])


@cache
def _clips(data: str, split: str) -> tuple[Any, dict[str, int]]:
    from surgvqa.eval.data.dataset import load_clips, split_of

    rows = split_of(load_clips(data), split, data)
    return rows, {clip: place for place, clip in enumerate(rows["clip_id"])}


@cache
def _train(data: str) -> tuple[Prediction, ...] | None:
    """Return the training questions, None where the data set has none."""
    try:
        return tuple(reference.questions(data, "train"))
    except InputError:
        return None


@cache
def _names(data: str, split: str) -> dict[str, tuple[str, ...]]:
    """Return the names that a kind's lists may hold, as the score knows them."""
    names_by_kind = options([*reference.questions(data, split), *(_train(data) or ())])
    return {kind: names for kind, names in names_by_kind.items() if kind in match.SET_KINDS}


def _open_picture(cell: Mapping[str, Any]) -> Image.Image:
    with Image.open(io.BytesIO(picture(dict(cell)))) as image:
        return image.convert("RGB")
