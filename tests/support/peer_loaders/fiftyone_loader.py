"""Run by a Python that has fiftyone: read samples.json into a data set of its database."""

import json
import sys
from pathlib import Path

import fiftyone

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
data = fiftyone.Dataset.from_json(str(folder / "samples.json"), rel_dir=str(folder))
samples = json.loads((folder / "samples.json").read_text())["samples"]
assert len(data) == len(samples) >= sum(expected.values())
assert all(Path(sample.filepath).is_file() for sample in data)
found = sum(len(sample.things.detections) for sample in data if sample.get_field("things") is not None)
assert found == sum(len(sample["things"]["detections"]) for sample in samples if "things" in sample)
print(len(data), found)
