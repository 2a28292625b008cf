"""The verbs of ``surgvqa-train`` that have options of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_tiny(verbs: Any) -> None:
    """``surgvqa-train tiny``."""
    verb = verbs.add_parser("tiny", help="make a tiny Qwen-VL or Whisper offline, for tests and the demo")
    verb.add_argument(
        "--family", required=True, help="qwen2_vl, qwen2_5_vl, qwen3_vl, qwen3_5, qwen3_5_moe or whisper"
    )
    verb.add_argument("--out", required=True, type=Path, help="folder of the checkpoint")
    verb.add_argument("--size", default="test", help="test, or demo: one that learns from 56 px frames")
    verb.add_argument("--seed", type=int, default=0, help="of the random weights (default 0)")


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
