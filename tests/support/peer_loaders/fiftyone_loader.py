"""Run by a Python that has fiftyone: read samples.json into a data set of its database.

FiftyOne keeps samples in MongoDB, whose server comes from no package index. Where mongomock is installed, it answers in the
server's place, in memory; all else is FiftyOne's own code.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

if importlib.util.find_spec("mongomock"):
    import mongoengine.connection
    import mongomock
    import motor.motor_asyncio  # noqa: F401 - wraps pymongo's own client, so before it is replaced
    import pymongo

    class Client(mongomock.MongoClient):
        _closed = False  # of an attribute that it lacks, mongomock makes a database

    client = Client()
    pymongo.MongoClient = mongoengine.connection.MongoClient = lambda *_, **__: client
    os.environ |= {
        "FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1",
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DISABLE_SERVICES": "1",
        "FIFTYONE_DO_NOT_TRACK": "true",
    }

import fiftyone

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
data = fiftyone.Dataset.from_json(str(folder / "samples.json"), rel_dir=str(folder))
samples = json.loads((folder / "samples.json").read_text())["samples"]
assert len(data) == len(samples) >= sum(expected.values())
things = 0
for ours, theirs in zip(samples, data, strict=True):
    assert Path(theirs.filepath) == folder / ours["filepath"] and Path(theirs.filepath).is_file()
    for name in (
        "tags",
        "clip_id",
        "case_id",
        "source",
        "procedure",
        "start_s",
        "end_s",
        "time_s",
        "questions",
    ):
        assert theirs[name] == ours[name], name
    assert (theirs.phase and theirs.phase.label) == ours.get("phase", {}).get("label")
    boxes = [one.bounding_box for one in theirs.things.detections] if theirs.things else []
    assert boxes == [one["bounding_box"] for one in ours.get("things", {}).get("detections", ())]
    things += len(boxes)
assert things
print(len(data), things)
