"""Run by a Python that has inspect-ai: read an exported repository as `inspect eval hf/ORG/NAME` does, and run it."""

import json
import sys
import tempfile
from pathlib import Path

import tiktoken
import yaml
from inspect_ai import Task, eval
from inspect_ai._eval.loader import scorer_from_spec, solver_from_spec
from inspect_ai._eval.task.hf import HFTask, _record_to_sample_hf
from inspect_ai.dataset import hf_dataset
from inspect_ai.scorer._scorer import ScorerSpec
from inspect_ai.solver._solver import SolverSpec


class Words:
    """Counts words: the real counter would fetch its table from the network, and no figure here rests on it."""

    def encode(self, text, **_):
        return text.split()


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *_: Words()
folder, expected = Path(sys.argv[1]), json.loads(sys.argv[2])
assert expected["test"]
read = 0
for one in yaml.safe_load((folder / "eval.yaml").read_text())["tasks"]:
    task = HFTask.model_validate(one)
    data = hf_dataset(
        path=str(folder),
        name=task.config,
        split=task.split,
        sample_fields=lambda record, spec=task.field_spec: _record_to_sample_hf(record, spec),
    )
    read += len(data)
    made = Task(
        dataset=data[:4],
        solver=[solver_from_spec(SolverSpec(s.name, args=s.args, args_passed=s.args)) for s in task.solvers],
        scorer=[scorer_from_spec(ScorerSpec(s.name), task_path=None, **s.args) for s in task.scorers],
    )
    with tempfile.TemporaryDirectory() as logs:
        (log,) = eval(made, model="mockllm/model", log_dir=logs, display="none")
    assert log.status == "success", log.error
    assert log.results.completed_samples == min(4, len(data))
print(f"{read} questions")
assert read > 0
