"""The inner parts of libraries that we use are there, and no other file reaches for one."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import torch
from surgvqa.eval.sharing.interfaces import INTERFACES, cache_word
from surgvqa.eval.sharing.linear_attention import Branch

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", INTERFACES)
def test_it_is_there(name: str) -> None:
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        if part.startswith("_") and not hasattr(found, part):  # set in __init__
            assert (
                f"self.{part}" in Path(importlib.import_module(found.__module__).__file__ or "").read_text()
            )
            return
        found = getattr(found, part)


def test_the_old_word_for_a_cache_is_nowhere_else() -> None:
    """A forward ends in ``**kwargs``: the day the word goes it would be swallowed, and every answer be wrong."""
    for path in [*ROOT.glob("eval/**/*.py"), *ROOT.glob("train/**/*.py")]:
        if path.name != "interfaces.py":
            assert not re.search(r"past_key_values|cache_params", path.read_text(encoding="utf-8")), path


def test_the_word_is_the_signatures() -> None:
    class Old:
        def forward(self, past_key_values: object = None, **kwargs: object) -> None: ...

    class New:
        def forward(self, cache: object = None, **kwargs: object) -> None: ...

    assert (cache_word(Old()), cache_word(New())) == ("past_key_values", "cache")


def test_a_branch_is_a_cache_that_gradients_pass() -> None:
    """Clips shorter than the convolution too: what is missing before them is zero."""
    inputs = torch.randn(2, 3, 2, requires_grad=True)
    kept = Branch()
    assert kept.update_conv_state(inputs, 0, conv_kernel_size=4) is inputs
    kept.update_recurrent_state(inputs.sum(-1)[..., None, None] * torch.ones(2, 3, 4, 4), 0)
    lent = kept.of(torch.tensor([1, 1, 0]))
    assert torch.equal(lent.conv[0, :, :2], torch.zeros(3, 2)) and torch.equal(lent.conv[0, :, 2:], inputs[1])  # type: ignore[index]
    whole = lent.update_conv_state(torch.ones(3, 3, 5), 0, conv_kernel_size=4)
    assert whole.shape[-1] == 9 and torch.equal(lent.conv, torch.ones(3, 3, 4))
    (whole.sum() + lent.recurrent.sum()).backward()  # type: ignore[union-attr]
    assert inputs.grad is not None and torch.equal(inputs.grad[1], 2 * inputs.grad[0])
