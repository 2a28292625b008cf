"""Answers from vLLM: its prefix cache makes the questions of a clip nearly as cheap as one.

    surgvqa-eval predict my-clips --model runs/first --engine vllm --out predictions.jsonl

vLLM lives in an environment of its own (``make test-vllm`` makes one). An adapter is served as it is where its
weights lie on the language model's linears; else merge it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import Answer
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.load import Parts, parts
from surgvqa.eval.models.pixels import Frames
from surgvqa.eval.models.precision import dtype_for
from surgvqa.eval.models.row_frames import metadata

Prompt = dict[str, Any]  # text and pictures, as vLLM takes them


class VllmModel:
    """A model in vLLM.

    Args:
        run: ``surgvqa.eval.answers.predict.Run``; model, base, dtype and max_new_tokens count.
        encoder: of the run; its budget's pixel limits are vLLM's.
        rows: what will be asked; the longest prompt decides on the context.

    Raises:
        InputError: vLLM isn't installed, or the adapter is more than LoRA on the language model.
    """

    def __init__(self, run: Any, encoder: Encoder, rows: Dataset) -> None:
        if find_spec("vllm") is None:
            raise InputError(
                "vLLM is not installed here; run from an environment that has it, or leave --engine vllm away"
            )
        from vllm import LLM, SamplingParams
        from vllm.lora.request import LoRARequest

        model_parts = parts(run.model, run.base)
        self.encoder = encoder
        self.sampling = SamplingParams(temperature=0.0, max_tokens=run.max_new_tokens, logprobs=0)
        self.adapter = None
        options: dict[str, Any] = {}
        if model_parts.adapter is not None:
            refuse_what_vllm_ignores(model_parts)
            self.adapter = LoRARequest("adapter", 1, str(model_parts.folder))
            options = {
                "enable_lora": True,
                "max_lora_rank": max(8, int(getattr(model_parts.adapter, "r", 8))),
            }
        self.path = "vLLM"
        self.fallback: str | None = None
        budget = encoder.budget
        if budget.frames:
            size = {
                "shortest_edge": encoder.part.size["shortest_edge"],
                "longest_edge": encoder.part.size["longest_edge"],
            }
            options["mm_processor_kwargs"] = {"size": size}
        self.model = LLM(
            model_parts.source,
            dtype=dtype_for(run.dtype, "cuda" if torch.cuda.is_available() else "cpu"),
            max_model_len=longest(encoder, rows) + run.max_new_tokens,
            limit_mm_per_prompt={"image": 0, "video": 0} | self.pictures(budget.frames),
            enable_prefix_caching=True,
            enforce_eager=not torch.cuda.is_available(),
            seed=0,
            **options,
        )

    def pictures(self, frames: int) -> dict[str, int]:
        """Return the form of a prompt's frames: so many images, or one video."""
        return {"image": frames} if self.encoder.budget.media == "images" else {"video": min(frames, 1)}

    def prepare(self, row: Row, questions: list[int], frames: Frames, times: Sequence[float]) -> list[Prompt]:
        """One prompt per question, each with the clip."""
        (count,) = self.pictures(len(frames)).values()
        texts = self.encoder.texts(row, questions, count, answered=False)
        if not len(frames):
            return [{"prompt": text} for text in texts]
        if self.encoder.budget.media == "images":
            data: dict[str, Any] = {"image": [Image.fromarray(frame) for frame in frames]}
        else:
            video_metadata = metadata(times)
            about = {
                "fps": video_metadata.fps,
                "total_num_frames": video_metadata.total_num_frames,
                "duration": video_metadata.duration,
                "frames_indices": video_metadata.frames_indices,
                "video_backend": "opencv",
                "do_sample_frames": False,
            }
            data = {"video": (np.ascontiguousarray(frames), about)}
        return [{"prompt": text, "multi_modal_data": data} for text in texts]

    def answer(self, clips: Sequence[list[Prompt]]) -> list[list[Answer]]:
        """Greedy answers, with the mean probability of their tokens."""
        prompts = [prompt for clip in clips for prompt in clip]
        outputs = iter(self.model.generate(prompts, self.sampling, use_tqdm=False, lora_request=self.adapter))
        return [[reply(next(outputs).outputs[0]) for _ in clip] for clip in clips]


def reply(output: Any) -> Answer:
    """One of vLLM's outputs."""
    chances = [
        float(np.exp(choices[token].logprob))
        for token, choices in zip(output.token_ids, output.logprobs, strict=True)
    ]
    return Answer(output.text.strip(), sum(chances) / max(len(chances), 1))


def refuse_what_vllm_ignores(model_parts: Parts) -> None:
    """Refuse an adapter that is more than LoRA on the language model's linears: vLLM would leave the rest out.

    Raises:
        InputError: the adapter has such weights.
    """
    from safetensors import safe_open

    with safe_open(model_parts.folder / "adapter_model.safetensors", "pt") as weights:
        names = list(weights.keys())
    others = [name for name in names if ".language_model." not in name or "lora_" not in name]
    if others:
        raise InputError(
            f"{model_parts.folder}: vLLM would leave out {len(others)} weights of the adapter (the first {others[0]}); "
            "`surgvqa-train merge` it, and give the merged model"
        )


def longest(encoder: Encoder, rows: Dataset) -> int:
    """Tokens of the longest conversation; rows that can't be read are answered with their cause later."""
    lengths = [1]
    for row in rows:
        try:
            lengths.append(max(encoder.lengths(row, range(len(row["qa"]))).alone, default=0))
        except (InputError, OSError, ValueError):
            continue
    return max(lengths)
