"""Our descriptions of columns are those of ``datasets``, to the byte of the Parquet file's metadata."""

from __future__ import annotations

import pytest
from datasets import Audio, Features, Image, List, Value
from surgvqa.builders import columns
from surgvqa.builders.configs.pointing import POINTING_FEATURES
from surgvqa.builders.configs.segmentation import SEGMENTATION_FEATURES
from surgvqa.builders.features import FEATURES, QA_FEATURES
from surgvqa.builders.peers.inspect_ai import COLUMNS
from surgvqa.builders.peers.lerobot import FRAMES
from surgvqa.builders.speech.spoken import SPOKEN_FEATURES
from surgvqa.builders.teachers.samples import INSTRUCT_FEATURES

TABLES = {
    "clips": FEATURES,
    "qa": QA_FEATURES,
    "spoken": SPOKEN_FEATURES,
    "pointing": POINTING_FEATURES,
    "segmentation": SEGMENTATION_FEATURES,
    "instruct": INSTRUCT_FEATURES,
    "inspect": COLUMNS,
    "lerobot": FRAMES,
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_described_as_datasets_describes_it(name: str) -> None:
    theirs = TABLES[name].features()
    assert list(theirs) == list(TABLES[name])
    assert TABLES[name].arrow_schema.equals(theirs.arrow_schema, check_metadata=True)


def test_every_kind_of_column_is_the_one_of_datasets() -> None:
    ours = columns.Columns(
        {
            "text": columns.Value("string"),
            "flags": columns.List(columns.Value("bool")),
            "table": columns.List({"x": columns.Value("float32"), "y": columns.List(columns.Value("int64"))}),
            "picture": columns.Image(),
            "pictures": columns.List(columns.Image()),
            "sound": columns.Audio(sampling_rate=16000),
        }
    )
    theirs = Features(
        {
            "text": Value("string"),
            "flags": List(Value("bool")),
            "table": List({"x": Value("float32"), "y": List(Value("int64"))}),
            "picture": Image(),
            "pictures": List(Image()),
            "sound": Audio(sampling_rate=16000),
        }
    )
    assert ours.arrow_schema.equals(theirs.arrow_schema, check_metadata=True)
    assert ours.features() == theirs
