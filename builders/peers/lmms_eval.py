"""lmms-eval: a task file over JSON lines, a question a line; its pictures are read beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml
from surgvqa.builders.peers.common import REST, Target, question_rest, write_lines

CODE = '''"""What lmms-eval calls; written by `surgvqa-build export … --to lmms-eval`."""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent


def doc_to_visual(doc):
    return [Image.open(FOLDER / name).convert("RGB") for name in doc["images"]]


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    listed = "\\nChoices: " + "; ".join(doc["choices"]) if doc["choices"] else ""
    return doc["question"] + listed


def process_results(doc, results):
    said = results[0].strip().strip(".").casefold() if results else ""
    return {"exact_match": float(said == doc["answer"].strip().strip(".").casefold())}
'''


class Function(str):
    """A function's name in a task file, ``!function module.name``."""


class TaskDumper(yaml.SafeDumper):
    """YAML that knows ``!function``."""


TaskDumper.add_representer(Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def write(target: Target) -> None:
    """Write ``SPLIT.jsonl``, ``NAME_SPLIT.yaml`` for each and the functions they call."""
    module = f"{target.name}_calls"
    for split in target.splits():
        file = target.out / f"{split}.jsonl"
        write_lines(file, questions(target, split))
        task = {
            "task": f"surgvqa_{target.name}_{split}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {split: file.name}},
            "test_split": split,
            "output_type": "generate_until",
            "doc_to_visual": Function(f"{module}.doc_to_visual"),
            "doc_to_text": Function(f"{module}.doc_to_text"),
            "doc_to_target": "answer",
            "process_results": Function(f"{module}.process_results"),
            "generation_kwargs": {
                "max_new_tokens": 64,
                "do_sample": False,
                "temperature": 0.0,
                "num_beams": 1,
            },
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
            "metadata": {"version": 1},
        }
        text = yaml.dump(task, Dumper=TaskDumper, sort_keys=False)
        (target.out / f"{target.name}_{split}.yaml").write_text(text, "utf-8")
    (target.out / f"{module}.py").write_text(CODE, "utf-8")


def questions(target: Target, split: str) -> Iterator[Mapping[str, object]]:
    """Yield every question of a split with the names of its pictures."""
    for row in target.clips(split):
        names = target.pictures(row)
        for qa in target.questions(row):
            yield {
                "id": qa["qa_id"],
                "case_id": row["case_id"],
                "kind": qa["kind"],
                "question": qa["question"],
                "choices": list(qa["choices"] or ()),
                "answer": qa["short_answer"],
                "images": names,
                REST: question_rest(row, qa),
            }
