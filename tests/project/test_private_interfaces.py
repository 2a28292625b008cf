"""Every private interface of another package that we use, in one list; a test fails when one goes or joins unlisted."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED_TUPLES = {"_asdict", "_replace", "_fields"}  # public by their documentation, in spite of the underscore

# Name -> where it lives: module, class, and whether it is an attribute that the class sets on itself.
PRIVATE: dict[str, tuple[str, str, bool]] = {
    "default_client_factory": ("huggingface_hub.utils._http", "", False),  # the Hub client's own hooks
    "_from_config": ("transformers", "PreTrainedModel", False),  # a model without loading weights
    "_validate_model_kwargs": (
        "transformers",
        "GenerationMixin",
        False,
    ),  # sounds are an input of a grafted model
    "_attn_implementation": ("transformers", "PretrainedConfig", False),  # which attention runs
    "_get_train_sampler": ("transformers", "Trainer", False),  # clips, not rows, are shuffled
    "_load_from_checkpoint": ("transformers", "Trainer", False),  # sums are held before anything is read
    "_load_best_model": ("transformers", "Trainer", False),
    "_prepare_inputs": ("transformers", "Trainer", False),  # the checks of a model see what training sees
    "_run_epoch": ("transformers", "Trainer", False),  # a run that was over is over when it is resumed
    "_get_num_items_in_batch": ("transformers", "Trainer", False),  # kinds of questions have weights
    "_generate_and_score_completions": ("trl", "GRPOTrainer", False),  # advantages before step 1
    "_logs": ("trl", "GRPOTrainer", True),  # emptied after it
    "_metrics": ("trl", "SFTTrainer", True),  # restored after the checks
    "_total_train_tokens": ("trl", "SFTTrainer", True),
    "TorchDispatchMode": ("torch.utils._python_dispatch", "", False),  # a step on shapes alone
    "_to_copy": ("torch.ops", "aten", False),  # masks keep their values there
    "tree_leaves": ("torch.utils._pytree", "", False),
    "tree_map_only": ("torch.utils._pytree", "", False),
}


def uses(source: str) -> Iterator[str]:
    """Every private name that a file takes from another package, or reads of an object that isn't its own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("surgvqa"):
            private = any(
                part.startswith("_") and not part.startswith("__") for part in node.module.split(".")
            )
            yield from (one.name for one in node.names if private or one.name.startswith("_"))
        elif (
            isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.startswith("__")
            and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        ):
            yield node.attr


def test_every_use_of_a_private_interface_is_listed() -> None:
    used = {
        name
        for top in ("cards", "builders", "eval", "train")
        for file in (ROOT / top).rglob("*.py")
        for name in uses(file.read_text(encoding="utf-8"))
    }
    assert used - NAMED_TUPLES == set(PRIVATE)


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_interface_is_still_there(name: str) -> None:
    module, owner, own = PRIVATE[name]
    place = importlib.import_module(module)
    holder = getattr(place, owner) if owner else place
    if own:
        assert f"self.{name}" in inspect.getsource(holder)
    else:
        assert hasattr(holder, name)
