"""The verbs with options of their own; heavy imports wait until the options are known to be right."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from surgvqa.cards.command import InputError, nearest, refuse_nowhere, say
from surgvqa.train.settings.from_masks import Masks, Segment, Vision
from surgvqa.train.settings.pictures import Scratch, Towers
from surgvqa.train.settings.plan import Plan
from surgvqa.train.settings.whole_models import Configs, Merge, Tiny, Vllm

LOADING = "loading PyTorch"


def tiny(config: Tiny) -> None:
    """Make a tiny checkpoint."""
    if config.size == "taught" and config.family != "whisper":
        from surgvqa.train.base.shipped_base import copy  # needs no PyTorch

        copy(config.family, config.out, config.seed)
        return
    say(LOADING)
    from surgvqa.train.tiny import make, make_whisper

    if config.family == "whisper":
        make_whisper(config.out, config.seed)
        return
    make(config.family, config.out, config.size, config.seed)


def segment(config: Segment) -> None:
    """Train a segmenter."""
    config.check()
    for module in ("albumentations", "segmentation_models_pytorch"):
        if find_spec(module) is None:
            raise InputError(f"{module} is missing; pip install 'surgvqa[segment]'")
    say(LOADING)
    from surgvqa.train.segment import main

    main(config)


def masks(config: Masks) -> None:
    """Predict masks."""
    say(LOADING)
    from surgvqa.train.segment_video import main

    main(config)


def towers(config: Towers) -> None:
    """Compare encoders."""
    say(LOADING)
    from surgvqa.train.towers import main

    main(config)


def scratch(config: Scratch) -> None:
    """Train a small model from nothing."""
    say(LOADING)
    from surgvqa.train.scratch import main

    main(config)


def vision(config: Vision) -> None:
    """Teach a tower."""
    say(LOADING)
    from surgvqa.train.vision import main

    main(config)


def configs(config: Configs) -> None:
    """List our files, or say where one lies."""
    folder = Path(str(resources.files("surgvqa.train") / "configs"))
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    if config.name is not None:
        if config.name not in files:
            raise InputError(f"no file {config.name!r} of ours; {nearest(config.name, files)}")
        print(files[config.name])
        return
    for name, path in files.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        print(f"{name:22} {next(line[2:] for line in lines if line.startswith('# '))}")


def plan(config: Plan) -> None:
    """Print what a step needs."""
    config.check()
    refuse_nowhere(config.model, "model")
    say(LOADING)
    from surgvqa.train.planning.plan import plan as planned

    print(planned(config))


def merge(config: Merge) -> None:
    """Merge an adapter."""
    refuse_nowhere(config.model, "model")
    say(LOADING)
    from surgvqa.train import merge as merging

    merging.merge(config.model, config.out, config.dtype, config.base)


def vllm(config: Vllm) -> None:
    """Export a model."""
    refuse_nowhere(config.model, "model")
    say(LOADING)
    from surgvqa.train import merge as merging

    print(merging.vllm(config.model, config.out, config.name, config.repo, config.base))
