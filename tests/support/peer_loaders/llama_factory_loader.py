"""Run by a Python that has llamafactory: load each split by its dataset_info.json and convert it."""

import json
import os
import sys
from pathlib import Path

from llamafactory.data.loader import _load_single_dataset
from llamafactory.data.parser import get_dataset_list
from llamafactory.hparams import DataArguments, ModelArguments
from transformers import Seq2SeqTrainingArguments

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
info = json.loads((folder / "dataset_info.json").read_text())
os.chdir(folder)
for split, clips in expected.items():
    name = next(name for name, one in info.items() if one["file_name"] == f"{split}.json")
    arguments = DataArguments(dataset=name, dataset_dir=str(folder), media_dir=str(folder))
    (attributes,) = get_dataset_list([name], str(folder))
    data = _load_single_dataset(
        attributes,
        ModelArguments(model_name_or_path="none"),
        arguments,
        Seq2SeqTrainingArguments(output_dir=str(folder / "run")),
    )
    assert len(data) == clips, (len(data), clips)
    row = data[0]
    assert row["_response"] and all(Path(one).is_file() for one in row["_images"])
    print(split, len(data))
