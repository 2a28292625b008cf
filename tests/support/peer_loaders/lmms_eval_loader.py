"""Run by a Python that has lmms-eval: build each split's task and ask for its first question, picture and score."""

import json
import os
import sys
from pathlib import Path

from lmms_eval.tasks import TaskManager, get_task_dict

folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
os.chdir(folder)
manager = TaskManager(include_path=str(folder), include_defaults=False)
names = [name for name in manager.all_tasks if name.startswith("surgvqa_")]
assert len(names) == len(expected), names
for name in names:
    task = get_task_dict([name], manager, "simple")[name]
    documents = task.eval_docs
    assert len(documents) > 0
    first = documents[0]
    assert task.doc_to_visual(first)[0].width > 1 and first["question"] in task.doc_to_text(first)
    assert task.process_results(first, [first["answer"]])["exact_match"] == 1.0
    print(name, len(documents))
