"""``surgvqa-train``: fine-tune Qwen-VL models on clips with TRL."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, nearest, run


class TrlArguments(argparse.ArgumentParser):
    """Answers ``--help`` at once; everything else goes to TRL's parser as it stands."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Keep all arguments, in their order, as ``arguments``."""
        given = list(sys.argv[1:] if args is None else args)
        if {"-h", "--help"} & set(given):
            self.print_help()
            self.exit()
        namespace = argparse.Namespace() if namespace is None else namespace
        namespace.arguments = given
        return namespace, []


def add_tiny(verbs: Any) -> None:
    """``surgvqa-train tiny``."""
    verb = verbs.add_parser("tiny", help="make a tiny Qwen-VL or Whisper offline, for tests and the demo")
    verb.add_argument(
        "--family", required=True, help="qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, qwen3_5_moe or whisper"
    )
    verb.add_argument("--out", required=True, type=Path, help="folder of the checkpoint")
    verb.add_argument("--size", default="test", help="test, or demo: one that learns from 56 px frames")
    verb.add_argument("--seed", type=int, default=0, help="of the random weights (default 0)")


SFT = """Fine-tune a Qwen-VL on clips with TRL.

  surgvqa-train sft --config configs/sft_lora.yaml --model_name_or_path Qwen/Qwen2.5-VL-3B-Instruct \\
      --dataset_name my-clips --output_dir runs/first

Every option of TRL's ScriptArguments, ModelConfig and SFTConfig works too, on the command line or in the
YAML file (https://huggingface.co/docs/trl/sft_trainer); these are the ones one needs first."""


def add_sft(verbs: Any) -> None:
    """``surgvqa-train sft``: the options below are for reading; TRL's parser reads them."""
    verb = verbs.add_parser(
        "sft",
        help="fine-tune on clips with TRL's SFTTrainer",
        description=SFT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="surgvqa-train sft --config FILE --model_name_or_path M --dataset_name D --output_dir O [option …]",
    )
    described(verb)


AUDIO = """Train a Qwen-VL that hears, on spoken questions (`surgvqa-build spoken`), in two stages:

  surgvqa-train audio --config audio_align.yaml --model_name_or_path Qwen/Qwen2-VL-7B-Instruct \\
      --whisper openai/whisper-large-v3-turbo --dataset_name my-clips --output_dir runs/hears
  surgvqa-train audio --config audio_lora.yaml --model_name_or_path runs/hears \\
      --dataset_name my-clips --output_dir runs/spoken

The options of `surgvqa-train sft`, and:"""


def add_audio(verbs: Any) -> None:
    """``surgvqa-train audio``."""
    verb = verbs.add_parser(
        "audio",
        help="a model that hears its questions: a Whisper encoder's sound in a Qwen-VL",
        description=AUDIO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="surgvqa-train audio --config FILE --model_name_or_path M --dataset_name D --output_dir O [option …]",
    )
    for flag, metavar, text in (
        ("--stage", "align|answer", "the projector learns to write down; adapter and projector to answer"),
        ("--whisper", "W", "Whisper whose encoder a model without ears gets: folder or Hub name"),
        ("--audio_pool", "N", "encoder frames (of 50 a second) per token, with --whisper (default 10)"),
        ("--audio_learning_rate", "LR", "of the projector (default: --learning_rate)"),
    ):
        verb.add_argument(flag, metavar=metavar, help=text)
    described(verb)


GRPO = """Teach a Qwen-VL to point with TRL's GRPOTrainer, on rows of the config pointing.

  surgvqa-train grpo --config grpo_lora.yaml --model_name_or_path runs/pointing-sft \\
      --dataset_name my-pointing --output_dir runs/pointing-grpo

The model is an adapter that `surgvqa-train sft --dataset_config pointing` taught, or a base model. Before step 1 the
run's own rewards are paid to guessers that see no pixel. Every option of TRL's ScriptArguments, ModelConfig and
GRPOConfig works too (https://huggingface.co/docs/trl/grpo_trainer); these are the ones one needs first."""


def add_grpo(verbs: Any) -> None:
    """``surgvqa-train grpo``: the options below are for reading; TRL's parser reads them."""
    verb = verbs.add_parser(
        "grpo",
        help="teach it to point with TRL's GRPOTrainer",
        description=GRPO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="surgvqa-train grpo --config FILE --model_name_or_path M --dataset_name D --output_dir O [option …]",
    )
    listed(
        verb,
        ("--config FILE", "YAML of options: a file, or ours: grpo_lora.yaml"),
        ("--model_name_or_path M", "adapter or base model: folder or Hub name"),
        ("--dataset_name D", "a folder built with --pointing FORM, or a Hub name"),
        ("--output_dir O", "where the adapter, its processor and its surgvqa.json go"),
        (
            "--reward_funcs R",
            "of ours by name, or module.function (default: the mix of surgvqa.train.rewards)",
        ),
        ("--reward_weights W", "one for each"),
        ("--num_generations N", "answers to a question (default 8)"),
        ("--per_device_train_batch_size N", "answers at once; with --gradient_accumulation_steps, a step's"),
        ("--max_completion_length N", "most tokens of an answer (default 256)"),
        ("--temperature T", "of the sampled answers (default 1)"),
        ("--beta B", "weight of the distance from the model it began with (default 0)"),
        ("--learning_rate LR", "of the adapter"),
        ("--max_pixels N", "most pixels of a frame; an adapter knows its own"),
        ("--eval_strategy steps", "rewards on the validation split"),
        ("--resume_from_checkpoint true", "go on from the last checkpoint in --output_dir"),
    )


def add_doctor(verbs: Any) -> None:
    """``surgvqa-train doctor``: the options of ``sft``."""
    verb = verbs.add_parser(
        "doctor",
        help="the checks before step 1, alone; takes the options of sft",
        usage="surgvqa-train doctor --config FILE --model_name_or_path M --dataset_name D --output_dir O [option …]",
    )
    described(verb)


def add_configs(verbs: Any) -> None:
    """``surgvqa-train configs``."""
    verb = verbs.add_parser("configs", help="our recipes, launch and job files: the list, or the path of one")
    verb.add_argument(
        "name", nargs="?", help="print where this one lies: $(surgvqa-train configs slurm.sbatch)"
    )


def add_merge(verbs: Any) -> None:
    """``surgvqa-train merge`` and ``vllm``."""
    verb = verbs.add_parser("merge", help="merge an adapter into its base model, and prove it")
    verb.add_argument("model", help="the adapter: folder or Hub name")
    verb.add_argument("--out", required=True, type=Path, help="folder of the merged model")
    verb.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"], help="default bfloat16")
    verb.add_argument("--base", help="the base model, where it has moved")
    verb = verbs.add_parser(
        "vllm", help="a folder that vLLM serves, and the configs/global.yaml that names it"
    )
    verb.add_argument("model", help="adapter (is merged) or whole model: folder or Hub name")
    verb.add_argument("--out", required=True, type=Path, help="the framework's folder")
    verb.add_argument("--name", help="the model's name below models/llm (default: its folder's)")
    verb.add_argument("--repo", metavar="ORG/NAME", help="model_repo: where the server may download it")
    verb.add_argument("--base", help="the base model, where it has moved")


def add_segment(verbs: Any) -> None:
    """``surgvqa-train segment``."""
    verb = verbs.add_parser(
        "segment", help="a U-Net or a text-prompted model on the config segmentation; resumable"
    )
    add = verb.add_argument
    add("--data", required=True, type=Path, metavar="DIR", help="a folder built with --segmentation")
    add(
        "--out",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the segmenter; a stopped run goes on",
    )
    add(
        "--model",
        choices=("unet", "text-unet", "clipseg", "sam"),
        default="unet",
        help="classes (default unet), or phrases: text-unet learns from nothing, clipseg and sam go on from a checkpoint",
    )
    add(
        "--encoder",
        default="resnet18",
        help="of the U-Nets: any of segmentation-models-pytorch (default resnet18)",
    )
    add(
        "--decoder",
        type=int,
        nargs="+",
        default=[256, 128, 64, 32, 16],
        metavar="N",
        help="channels of the U-Nets' decoder, coarse to fine; their number is the depth (default 256 128 64 32 16)",
    )
    add("--weights", help="of the encoder, imagenet for one (default: random)")
    add(
        "--checkpoint",
        metavar="M",
        help="of CLIPSeg or SAM: CIDAS/clipseg-rd64-refined, facebook/sam-vit-base (default: small, random)",
    )
    add("--size", type=int, default=256, metavar="PX", help="side of the squares it sees (default 256)")
    add("--epochs", type=int, default=30)
    add("--batch-size", type=int, default=8)
    add("--learning-rate", type=float, default=1e-3)
    add(
        "--augment",
        choices=("full", "light", "none"),
        default="full",
        help="full: smoke, highlights, blur, colour, crop, rotation (default); light: mirrored and colour, for short runs",
    )
    add("--device", help="cuda or cpu (default: cuda where there is one)")
    add(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="bf16: mixed, about twice as fast on GPUs and on processors with AVX512-BF16 (default fp32)",
    )
    add("--seed", type=int, default=0)


def add_masks(verbs: Any) -> None:
    """``surgvqa-train masks``."""
    verb = verbs.add_parser(
        "masks", help="a segmenter's masks of videos; `surgvqa-build procedure --segmenter` calls it"
    )
    add = verb.add_argument
    add("segmenter", type=Path, metavar="SEGMENTER", help="a folder that `surgvqa-train segment` wrote")
    add("--request", required=True, type=Path, metavar="FILE", help="JSON: which moments of which videos")
    add("--out", required=True, type=Path, metavar="DIR", help="where CASE.json (COCO) goes")
    add("--device", help="cuda or cpu (default: cuda where there is one)")


def add_towers(verbs: Any) -> None:
    """``surgvqa-train towers``."""
    verb = verbs.add_parser("towers", help="visual encoders compared: frozen features and a linear probe")
    add = verb.add_argument
    add("--data", required=True, type=Path, metavar="DIR", help="clips with pictures, phases and scenes")
    add(
        "--models",
        nargs="+",
        default=[],
        metavar="M",
        help="CLIP, SigLIP, DINO or Qwen-VL: folders or Hub names",
    )
    add("--out", type=Path, metavar="FILE", help="the figures as JSON")
    add("--device", help="cuda or cpu (default: cuda where there is one)")


def add_vision(verbs: Any) -> None:
    """``surgvqa-train vision``."""
    verb = verbs.add_parser(
        "vision",
        help="a vision tower learns from masks: what lies under its tokens, where, what comes, goes and moves",
    )
    add = verb.add_argument
    add(
        "--data", required=True, type=Path, metavar="DIR", help="built with --segmentation instruments or all"
    )
    add("--model", required=True, metavar="M", help="a Qwen-VL: a folder or a Hub name; its tower is taught")
    add("--out", required=True, type=Path, metavar="DIR", help="folder of the model, written in the end")
    add("--max-pixels", type=int, default=512 * 512, metavar="N", help="of a frame, as in sft (262144)")
    add("--epochs", type=int, default=2)
    add("--batch-size", type=int, default=32, metavar="N", help="pairs of moments (32)")
    add("--learning-rate", type=float, default=4e-3, help="of AdamW, for what Muon doesn't take (0.004)")
    add("--muon-learning-rate", type=float, default=0.02, help="of Muon, for the matrices (0.02)")
    add("--device", help="cuda or cpu (default: cuda where there is one)")
    add("--seed", type=int, default=0)


def add_scratch(verbs: Any) -> None:
    """``surgvqa-train scratch``."""
    verb = verbs.add_parser(
        "scratch", help="a small vision-language model from nothing, to be read; resumable"
    )
    add = verb.add_argument
    add(
        "--data",
        required=True,
        type=Path,
        metavar="DIR",
        help="clips with pictures, built with --kinds caption …",
    )
    add("--out", required=True, type=Path, metavar="DIR", help="folder of the model; a stopped run goes on")
    add(
        "--join",
        choices=("prefix", "queries", "cross"),
        default="prefix",
        help="how the text gets at the picture: projected patches before it (default), learned queries, cross-attention",
    )
    add(
        "--size",
        choices=("full", "small", "tiny"),
        default="small",
        help="40, 1.4 or 0.1 million parameters (small)",
    )
    add(
        "--kinds",
        nargs="+",
        default=["caption"],
        metavar="KIND",
        help="of the questions to learn (default caption)",
    )
    add(
        "--from",
        dest="start",
        type=Path,
        metavar="DIR",
        help="a model to go on from, such as one that has learned captions",
    )
    add("--epochs", type=int, default=20)
    add("--batch-size", type=int, default=32)
    add(
        "--learning-rate",
        type=float,
        default=2e-3,
        help="AdamW's; Muon's, on the matrices, is five times that",
    )
    add("--precision", choices=("fp32", "bf16"), default="fp32", help="bf16: mixed (default fp32)")
    add("--device", help="cuda or cpu (default: cuda where there is one)")
    add("--seed", type=int, default=0)


def described(verb: Any) -> None:
    """List the options for reading; TRL's parser reads them."""
    listed(
        verb,
        ("--config FILE", "YAML of options: a file, or ours: sft_lora, sft_qlora, sft_full (.yaml)"),
        ("--model_name_or_path M", "base model: folder or Hub name"),
        ("--dataset_name D", "clips: a folder that surgvqa-build wrote, or a Hub name"),
        ("--dataset_config C", "config of the data set (default clips)"),
        ("--output_dir O", "where the adapter, its processor and its surgvqa.json go"),
        (
            "--questions-per-sequence N",
            "questions of a clip behind one copy of it: 0 all (default), 1 none shared",
        ),
        ("--frames N", "frames of a clip the model sees (default: what the rows have)"),
        ("--media images|video", "frames one by one (default), or one video with its times"),
        ("--max_pixels N", "most pixels of a frame (default 262144)"),
        ("--max_length N", "most tokens of a question with its clip; a longer one stops the run"),
        ("--video_root DIR", "where `video` paths start (default: the data set's folder)"),
        ("--use_peft true", "train a LoRA adapter (--lora_r, --lora_alpha, --lora_dropout)"),
        ("--load_in_4bit true", "QLoRA; the vision tower is left alone"),
        (
            "--optimizer muon",
            "Muon on the matrices, AdamW on the rest (--muon_learning_rate, --learning_rate)",
        ),
        ("--projector_learning_rate LR", "train the projector too; --vision_learning_rate the vision tower"),
        ("--cache_vision DIR", "compute what a frozen vision tower sees once, for all epochs and runs"),
        ("--eval_strategy steps", "loss, answers and lift over a blind guess on the validation split"),
        ("--early_stopping_patience N", "stop after N evaluations without a better lift; keep the best"),
        ("--resume_from_checkpoint true", "go on from the last checkpoint in --output_dir"),
    )


def listed(verb: Any, *options: tuple[str, str]) -> None:
    """Options with their help, for a verb whose arguments TRL's parser reads."""
    verb.__class__ = TrlArguments
    for option, text in options:
        flag, _, metavar = option.partition(" ")
        verb.add_argument(flag, metavar=metavar, help=text)


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
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    add_tiny(verbs)
    add_sft(verbs)
    add_audio(verbs)
    add_grpo(verbs)
    add_doctor(verbs)
    add_segment(verbs)
    add_masks(verbs)
    add_scratch(verbs)
    add_towers(verbs)
    add_vision(verbs)
    add_configs(verbs)
    add_merge(verbs)
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
