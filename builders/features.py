"""The columns of the tables that we write."""

from __future__ import annotations

from surgvqa.builders.columns import Column, Columns, Image, List, Value

STRING = Value("string")

QA_COLUMNS: dict[str, Column] = {
    "qa_id": STRING,
    "kind": STRING,
    "reasoning": STRING,
    "question": STRING,
    "answer": STRING,
    "short_answer": STRING,
    "choices": List(STRING),
    "evidence_s": List(Value("float64")),
    "support_frames": Value("int32"),
    "total_frames": Value("int32"),
    "support_ratio": Value("float64"),
    "label_confidence": Value("float64"),
    "answerable": Value("bool"),
    "visible": Value("bool"),
    "stable": Value("bool"),
    "unique": Value("bool"),
    "bits": Value("float64"),
    "weight": Value("float64"),
    "pair_id": STRING,
    "references": List(STRING),
}

# Config `clips`: a row per clip. `video` is the cut file below the data set's folder with --media clips,
# the source file below --root with --media reference, else null. `video_start_s` is the second of that file
# at which the clip begins (0 of a cut file; annotations and video may have clocks of their own).
FEATURES = Columns(
    {
        "clip_id": STRING,
        "case_id": STRING,
        "source": STRING,
        "procedure": STRING,
        "phase": STRING,
        "start_s": Value("float64"),
        "end_s": Value("float64"),
        "frame_times_s": List(Value("float64")),
        "images": List(Image()),
        "video": STRING,
        "video_start_s": Value("float64"),
        "weight": Value("float64"),  # how often training draws the clip; 1 but for `--balance cases`
        "scene": STRING,
        "qa": List(QA_COLUMNS),
        "messages": List({"role": STRING, "content": STRING}),
    }
)

# Config `clips` of --media reference: what a viewer of the table can show, for the video stays where it is. `poster` is
# the clip's middle picture, `address` its video with `#t=start,end`.
REFERENCE_FEATURES = Columns(FEATURES | {"poster": Image(), "address": STRING})

# Config `qa`: a row per question, no media.
QA_FEATURES = Columns(
    QA_COLUMNS
    | {
        "clip_id": STRING,
        "case_id": STRING,
        "source": STRING,
        "phase": STRING,
        "start_s": Value("float64"),
        "end_s": Value("float64"),
    }
)
