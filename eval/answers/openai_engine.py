r"""Answers over the OpenAI API: a model that is served somewhere is asked what transformers would be asked.

    vllm serve framework/models/llm/First-7B --served-model-name First-7B
    surgvqa-eval predict my-clips --engine openai --url http://127.0.0.1:8000/v1 \
        --model framework/models/llm/First-7B --out predictions.jsonl

``--model`` is the folder that is served: it says how many frames the model was taught to see. Frames travel as PNG,
so that the server sees the very pixels. A key, where one is needed, comes from ``SURGVQA_SERVER_KEY``.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import Answer
from surgvqa.eval.answers.server import Server
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.eval.models.pixels import Frames

AT_ONCE = 8  # requests
Message = dict[str, Any]


class Chat(Server):
    """A model behind an OpenAI-compatible server.

    Args:
        run: ``surgvqa.eval.answers.predict.Run``; url, model and max_new_tokens count.
        encoder: of the run; its budget says how many frames are shown.

    Raises:
        InputError: no address, a server that doesn't answer, or a model taught on videos, which a chat can't show.
    """

    def __init__(self, run: Any, encoder: Encoder) -> None:
        super().__init__(run.url or "", "--engine openai: give --url")
        if encoder.budget.media == "video":
            raise InputError(
                f"{run.model} was taught on videos, and a chat shows images; train with --media images what is to be served"
            )
        self.longest = run.max_new_tokens
        model_names = [one["id"] for one in self.send("GET", "/models")["data"]]
        if not model_names:
            raise InputError(f"{run.url} serves no model")
        own = next((name for name in model_names if run.model.rstrip("/").endswith(name)), None)
        self.model = own or model_names[0]
        self.path = f"server, {self.model}"
        self.fallback = None if own else f"the server serves {self.model}, asked was {Path(run.model).name}"

    def prepare(
        self, row: Row, questions: list[int], frames: Frames, times: Sequence[float]
    ) -> list[list[Message]]:
        """One conversation per question, each with the clip's frames before it."""
        system, pairs = turns(row)
        pictures = [{"type": "image_url", "image_url": {"url": data_uri(frame)}} for frame in frames]
        start = [] if system is None else [{"role": "system", "content": system}]
        return [
            [*start, {"role": "user", "content": [*pictures, {"type": "text", "text": pairs[number][0]}]}]
            for number in questions
        ]

    def answer(self, clips: Sequence[list[list[Message]]]) -> list[list[Answer]]:
        """Greedy answers, with the mean probability of their tokens where the server tells it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            replies = iter(list(pool.map(self.ask, [chat for clip in clips for chat in clip])))
        return [[next(replies) for _ in clip] for clip in clips]

    def ask(self, messages: list[Message]) -> Answer:
        """One question."""
        body = {"model": self.model, "messages": messages, "temperature": 0.0, "max_tokens": self.longest}
        choice = self.send("POST", "/chat/completions", body | {"logprobs": True})["choices"][0]
        tokens = (choice.get("logprobs") or {}).get("content") or []
        sure = [math.exp(token["logprob"]) for token in tokens]
        return Answer((choice["message"]["content"] or "").strip(), sum(sure) / len(sure) if sure else None)


def data_uri(frame: Any) -> str:
    """Return a frame as a PNG in an address.

    >>> import numpy as np
    >>> data_uri(np.zeros((2, 2, 3), np.uint8))[:32]
    'data:image/png;base64,iVBORw0KGg'
    """
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
