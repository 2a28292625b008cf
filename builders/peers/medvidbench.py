"""MedVidBench: its questions as JSON with frames, and its answer file, one prediction a question in the same order.

Its ids are ``video&&start&&end&&fps`` and not unique, so the order of the answers is what says which is which.
"""

from __future__ import annotations

from collections.abc import Mapping

from surgvqa.builders.peers.common import REST, Target, question_rest, write_json
from surgvqa.builders.row_types import ClipRow


def write(target: Target, predictions: Mapping[str, str] | None) -> None:
    """Write ``SPLIT.json``; with predictions by question id, ``answers_SPLIT.json``, too."""
    for split in target.splits():
        samples: list[dict[str, object]] = []
        answers: list[dict[str, str]] = []
        for row in target.clips(split):
            names = target.pictures(row)
            clip_metadata = metadata(row)
            for qa in target.questions(row):
                identity = "&&".join(
                    clip_metadata[key]
                    for key in ("video_id", "input_video_start_frame", "input_video_end_frame", "fps")
                )
                samples.append(
                    {
                        "id": identity,
                        "conversations": [
                            {"from": "human", "value": f"<video>\n{qa['question']}"},
                            {"from": "gpt", "value": qa["short_answer"]},
                        ],
                        "video": names,
                        "metadata": clip_metadata,
                        "qa_type": qa["kind"],
                        "data_source": row["source"],
                        "struc_info": [],
                        "is_RC": False,
                        "RC_info": {},
                        REST: question_rest(row, qa),
                    }
                )
                if predictions is None:
                    continue
                if qa["qa_id"] not in predictions:
                    target.losses[f"{split}: questions without a prediction"] += 1
                answers.append(
                    {"id": identity, "qa_type": qa["kind"], "prediction": predictions.get(qa["qa_id"], "")}
                )
        write_json(target.out / f"{split}.json", samples)
        if predictions is not None:
            write_json(target.out / f"answers_{split}.json", answers)


def metadata(row: ClipRow) -> dict[str, str]:
    """Return a clip's place in its recording: frames are counted at the rate of the clip's own pictures."""
    count, length = len(row["images"] or ()), row["end_s"] - row["start_s"]
    fps = count / length if count and length > 0 else 1.0
    return {
        "fps": f"{fps:.6g}",
        "video_id": row["case_id"],
        "input_video_start_frame": str(round(row["start_s"] * fps)),
        "input_video_end_frame": str(round(row["end_s"] * fps)),
    }
