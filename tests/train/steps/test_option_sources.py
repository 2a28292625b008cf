"""The options that are read from sources are those of the classes, whose import takes seconds."""

from __future__ import annotations

import importlib
from dataclasses import fields
from pathlib import Path

import pytest
from surgvqa.cards.command import InputError
from surgvqa.train.steps import early_checks
from surgvqa.train.steps.option_sources import CLASSES, ENUMERATIONS, enumerations, option_sources


@pytest.mark.parametrize("recipe", CLASSES)
def test_the_options_are_those_of_the_classes(recipe: str) -> None:
    classes = [
        getattr(importlib.import_module(place.split(":")[0]), place.split(":")[1])
        for place in CLASSES[recipe]
    ]
    names = {one.name for one in classes for one in fields(one)}
    assert set(option_sources(recipe)) == names
    for option in (one for group in classes for one in fields(group)):
        if choices := option.metadata.get("choices"):
            own = option.name in (
                "media",
                "optimizer",
                "stage",
            )  # others' may be computed, which no source says
            assert option_sources(recipe)[option.name].choices in (tuple(choices), *([] if own else [()]))


def test_the_words_of_an_enumeration_are_those_it_allows() -> None:
    checked = 0
    for module in ENUMERATIONS:
        for name, values in enumerations(module):
            kind = getattr(importlib.import_module(module), name)
            assert set(values) == {one.value for one in kind}
            checked += 1
    assert checked > 3


def test_our_own_files_pass(tmp_path: Path) -> None:
    options = [
        "--model_name_or_path",
        "m/n",
        "--dataset_name",
        "a/b",
        "--no-use_peft",
        "--learning_rate=1e-4",
    ]
    for recipe, config in (
        ("sft", "sft_qlora.yaml"),
        ("grpo", "grpo_lora.yaml"),
        ("audio", "audio_align.yaml"),
    ):
        early_checks.check(recipe, ["--config", config, *options])
    own = tmp_path / "own.yaml"
    own.write_text("max_steps: many\n")
    with pytest.raises(InputError, match="max_steps: expected whole number, found 'many'"):
        early_checks.check("sft", ["--config", str(own), *options])
