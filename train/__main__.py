"""``surgvqa-train``: fine-tune Qwen-VL models on clips with TRL."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from surgvqa.cards.arguments.parser import Version
from surgvqa.cards.command import InputError, nearest, run
from surgvqa.train.verbs import own, trl


def tiny(args: argparse.Namespace) -> None:
    """Make a tiny checkpoint."""
    from surgvqa.train.tiny import make, make_whisper

    if args.family == "whisper":
        make_whisper(args.out, args.seed)
        return
    make(args.family, args.out, args.size, args.seed)


def sft(args: argparse.Namespace) -> None:
    """Fine-tune."""
    from surgvqa.train.sft import main

    main(args.arguments)


def grpo(args: argparse.Namespace) -> None:
    """Reinforce."""
    from surgvqa.train.grpo import main

    main(args.arguments)


def doctor(args: argparse.Namespace) -> None:
    """Check."""
    from surgvqa.train.sft import doctor as check

    check(args.arguments)


def audio(args: argparse.Namespace) -> None:
    """Train a model that hears."""
    from surgvqa.train.audio import main

    main(args.arguments)


def segment(args: argparse.Namespace) -> None:
    """Train a segmenter."""
    try:
        import albumentations  # noqa: F401
        import segmentation_models_pytorch  # noqa: F401
    except ImportError as error:
        raise InputError(f"{error.name} is missing; pip install 'surgvqa[segment]'") from error
    from surgvqa.train.segment import main

    main(args)


def masks(args: argparse.Namespace) -> None:
    """Predict masks."""
    from surgvqa.train.segment_video import main

    main(args)


def towers(args: argparse.Namespace) -> None:
    """Compare encoders."""
    from surgvqa.train.towers import main

    main(args)


def scratch(args: argparse.Namespace) -> None:
    """Train a small model from nothing."""
    from surgvqa.train.scratch import main

    main(args)


def vision(args: argparse.Namespace) -> None:
    """Teach a tower."""
    from surgvqa.train.vision import main

    main(args)


def configs(args: argparse.Namespace) -> None:
    """List our files, or say where one lies."""
    folder = Path(str(resources.files("surgvqa.train") / "configs"))
    files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    if args.name is not None:
        if args.name not in files:
            raise InputError(f"no file {args.name!r} of ours; {nearest(args.name, files)}")
        print(files[args.name])
        return
    for name, path in files.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        print(f"{name:22} {next(line[2:] for line in lines if line.startswith('# '))}")


def merge(args: argparse.Namespace) -> None:
    """Merge."""
    from surgvqa.train import merge as merging

    merging.merge(args.model, args.out, args.dtype, args.base)


def vllm(args: argparse.Namespace) -> None:
    """Export."""
    from surgvqa.train import merge as merging

    print(merging.vllm(args.model, args.out, args.name, args.repo, args.base))


def parser() -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once."""
    root = argparse.ArgumentParser(prog="surgvqa-train", description=__doc__)
    root.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    own.add_tiny(verbs)
    trl.add_sft(verbs)
    trl.add_audio(verbs)
    trl.add_grpo(verbs)
    trl.add_doctor(verbs)
    own.add_segment(verbs)
    own.add_masks(verbs)
    own.add_scratch(verbs)
    own.add_towers(verbs)
    own.add_vision(verbs)
    own.add_configs(verbs)
    own.add_merge(verbs)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    verbs = {
        "tiny": tiny,
        "sft": sft,
        "audio": audio,
        "grpo": grpo,
        "doctor": doctor,
        "segment": segment,
        "masks": masks,
        "scratch": scratch,
        "towers": towers,
        "vision": vision,
        "configs": configs,
        "merge": merge,
        "vllm": vllm,
    }
    return run(parser(), verbs, argv)


if __name__ == "__main__":
    sys.exit(main())
