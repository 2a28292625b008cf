"""VLMEvalKit's TSV: a row a question, pictures as files, choices in columns A, B, C.

The file lies in ``LMUData`` beside its pictures; rows with choices are for its ``ImageMCQDataset``, the others for its
``ImageVQADataset``, which want two files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping

from surgvqa.builders.peers.common import REST, Target, answer_letter, letters, question_rest

OPEN = ("index", "question", "answer", "category", "split", "image_path", REST)


def write(target: Target) -> None:
    """Write ``NAME_SPLIT_MCQ.tsv`` and ``NAME_SPLIT_VQA.tsv``."""
    for split in target.splits():
        choice_rows: list[Mapping[str, object]] = []
        open_rows: list[Mapping[str, object]] = []
        for row in target.clips(split):
            names = target.pictures(row)
            for qa in target.questions(row):
                cells = {
                    "index": len(choice_rows) + len(open_rows),
                    "question": qa["question"],
                    "category": qa["kind"],
                    "split": split,
                    "image_path": json.dumps(names) if len(names) != 1 else names[0],
                    REST: question_rest(row, qa),
                }
                if (letter := answer_letter(qa)) is not None:
                    choice_rows.append({**cells, **letters(qa), "answer": letter})
                else:
                    open_rows.append({**cells, "answer": qa["short_answer"]})
        most = max((len([name for name in one if len(name) == 1]) for one in choice_rows), default=0)
        columns = [*OPEN[:2], *(chr(65 + number) for number in range(most)), *OPEN[2:]]
        _table(target, f"{split}_MCQ", choice_rows, columns)
        _table(target, f"{split}_VQA", open_rows, OPEN)


def _table(target: Target, name: str, rows: list[Mapping[str, object]], columns: object) -> None:
    if not rows:
        return
    with (target.out / f"{target.name}_{name}.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(columns), delimiter="\t", restval="")  # type: ignore[call-overload]
        table.writeheader()
        table.writerows(rows)
