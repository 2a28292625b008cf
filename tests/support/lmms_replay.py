"""Run a task in lmms-eval itself, with a model that says what a predictions file says; prints its figures.

    python tests/support/lmms_replay.py TASKS NAME PREDICTIONS.jsonl

Needs lmms-eval and surgvqa in the interpreter; tests/eval/reports/test_lmms.py runs it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def replay(folder: str, name: str, predictions: str) -> dict[str, object]:
    from lmms_eval import evaluator
    from lmms_eval.api.model import lmms
    from lmms_eval.tasks import TaskManager

    class Replay(lmms):
        """Looks every question up in the file, after asking the task for its frames and text."""

        is_simple = True

        def __init__(self, said):
            super().__init__()
            self.said, self.frames, self.texts = said, 0, set()

        def generate_until(self, requests):
            answers = []
            for request in requests:
                text, _, to_visual, place, task, split = request.args
                doc = self.task_dict[task][split][place]
                self.frames += len(to_visual(doc))
                self.texts.add(text)
                answers.append(self.said[doc["qa_id"]])
            return answers

        def loglikelihood(self, requests):
            raise NotImplementedError

        def generate_until_multi_round(self, requests):
            raise NotImplementedError

    rows = [json.loads(line) for line in Path(predictions).read_text().splitlines()]
    model = Replay({row["qa_id"]: row["prediction"] for row in rows})
    manager = TaskManager(include_path=folder, include_defaults=False)
    done = evaluator.simple_evaluate(model=model, tasks=[name], task_manager=manager, bootstrap_iters=0)
    figures = {key: value for key, value in done["results"][name].items() if isinstance(value, float)}
    return figures | {"frames": model.frames, "texts": sorted(model.texts)}


if __name__ == "__main__":
    print(json.dumps(replay(*sys.argv[1:])))
