"""Run by a Python that has ms-swift: load each split as `swift sft --dataset` does."""

import json
import sys
from pathlib import Path

from swift.dataset import load_dataset

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
for split, clips in expected.items():
    data, _ = load_dataset([str(folder / f"{split}.jsonl")], split_dataset_ratio=0, strict=True)
    assert len(data) == clips, (len(data), clips)
    row = data[0]
    assert row["messages"][0]["content"].count("<image>") == len(row["images"])
    print(split, len(data))
