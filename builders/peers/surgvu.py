"""SurgVU 2026, visual questions: a case a question, as the challenge ships them, and its answer files.

A case is ``SPLIT/case000001.json`` (references, the shortest first), ``case000001/case000001_question.json`` and
``case000001/frame_000000.jpg`` …; an answer is ``visual-context-response.json``, a text in quotes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from surgvqa.builders.peers.common import Target, write_json, write_lines

KEPT_OF_CLIP = ("images", "qa", "messages")


def write(target: Target, predictions: Mapping[str, str] | None) -> None:
    """Write a folder per split, and ``index.jsonl``, which says which question a case is."""
    for split in target.splits():
        index: list[Mapping[str, object]] = []
        for row in target.clips(split):
            for qa in target.questions(row):
                case = f"case{len(index):06d}"
                folder = target.out / split / case
                write_json(folder / f"{case}_question.json", qa["question"])
                references = qa.get("references") or dict.fromkeys((qa["short_answer"], qa["answer"]))
                write_json(folder.with_suffix(".json"), list(references))
                for number, image in enumerate(row["images"] or ()):
                    (folder / f"frame_{number:06d}.jpg").write_bytes(image["bytes"])
                if predictions is not None:
                    if qa["qa_id"] not in predictions:
                        target.losses[f"{split}: questions without a prediction"] += 1
                    reply = json.dumps(predictions.get(qa["qa_id"], ""), ensure_ascii=False)
                    (folder / "visual-context-response.json").write_text(reply, "utf-8")
                index.append(
                    {"case": case, "qa_id": qa["qa_id"], "clip_id": row["clip_id"], "case_id": row["case_id"]}
                )
                target.lose(
                    qa, ("qa_id", "question", "answer", "short_answer", "references"), "question's column"
                )
            target.lose(row, ("clip_id", "case_id", *KEPT_OF_CLIP))
        write_lines(target.out / split / "index.jsonl", iter(index))
