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
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image
from surgvqa.cards.command import InputError, one_line, parse_json
from surgvqa.eval.answers.hf_engine import Answer
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.eval.models.pixels import Frames

KEY = "SURGVQA_SERVER_KEY"
ATTEMPTS, BACKOFF_S, TIMEOUT_S = 4, 0.5, 300.0
MOST_BYTES = 4_000_000  # of an answer; one of 512 tokens with their probabilities is 60 kB
AT_ONCE = 8  # requests
Message = dict[str, Any]


class Chat:
    """A model behind an OpenAI-compatible server.

    Args:
        run: ``surgvqa.eval.answers.predict.Run``; url, model and max_new_tokens count.
        encoder: of the run; its budget says how many frames are shown.

    Raises:
        InputError: no address, a server that doesn't answer, or a model taught on videos, which a chat can't show.
    """

    def __init__(self, run: Any, encoder: Encoder) -> None:
        parts = urlsplit(run.url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError("--engine openai: give --url, an address like http://127.0.0.1:8000/v1")
        if encoder.budget.media == "video":
            raise InputError(
                f"{run.model} was taught on videos, and a chat shows images; train with --media images what is to be served"
            )
        self.url, self.longest = run.url.rstrip("/"), run.max_new_tokens
        self.key = os.environ.get(KEY, "").strip()
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.client = httpx.Client(headers=headers, timeout=TIMEOUT_S, follow_redirects=False)
        served = [one["id"] for one in self.send("GET", "/models")["data"]]
        if not served:
            raise InputError(f"{run.url} serves no model")
        self.model = next((name for name in served if run.model.rstrip("/").endswith(name)), served[0])

    def prepare(
        self, row: Row, questions: list[int], frames: Frames, times: Sequence[float]
    ) -> list[list[Message]]:
        """One conversation per question, each with the clip's frames before it."""
        system, pairs = turns(row)
        shown = [{"type": "image_url", "image_url": {"url": data_uri(frame)}} for frame in frames]
        start = [] if system is None else [{"role": "system", "content": system}]
        return [
            [*start, {"role": "user", "content": [*shown, {"type": "text", "text": pairs[number][0]}]}]
            for number in questions
        ]

    def answer(self, clips: Sequence[list[list[Message]]]) -> list[list[Answer]]:
        """Greedy answers, with the mean probability of their tokens where the server tells it."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = iter(list(pool.map(self.ask, [chat for clip in clips for chat in clip])))
        return [[next(said) for _ in clip] for clip in clips]

    def ask(self, messages: list[Message]) -> Answer:
        """One question."""
        body = {"model": self.model, "messages": messages, "temperature": 0.0, "max_tokens": self.longest}
        choice = self.send("POST", "/chat/completions", body | {"logprobs": True})["choices"][0]
        tokens = (choice.get("logprobs") or {}).get("content") or []
        sure = [math.exp(token["logprob"]) for token in tokens]
        return Answer((choice["message"]["content"] or "").strip(), sum(sure) / len(sure) if sure else None)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """One request, tried again where the server is busy or away.

        Raises:
            InputError: it refuses the request, or stays away; the answers so far are kept, and the next run goes on.
        """
        for attempt in range(ATTEMPTS):
            try:
                status, text = self.read(method, path, body)
            except httpx.TransportError as error:
                cause = f"{type(error).__name__}: {error}"
            else:
                said = one_line(text.replace(self.key, "…") if self.key else text)[:300]
                if 200 <= status < 300:
                    try:
                        return parse_json(text)
                    except ValueError:
                        raise InputError(f"{self.url}{path}: expected JSON, got {said!r}") from None
                cause = f"status {status}, {said}"
                if status < 500 and status != 429:
                    break
            if attempt + 1 < ATTEMPTS:
                time.sleep(BACKOFF_S * 2**attempt)
        raise InputError(f"{self.url}{path}: {cause}; run the same command again to go on")

    def read(self, method: str, path: str, body: Any) -> tuple[int, str]:
        """Status and text of one answer, of a bounded size and time; a redirect is not followed: it would take the key along."""
        until, parts, size = time.monotonic() + TIMEOUT_S, list[bytes](), 0
        with self.client.stream(method, self.url + path, json=body) as reply:
            for part in reply.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES or time.monotonic() > until:
                    raise InputError(
                        f"{self.url}{path}: an answer of more than {MOST_BYTES:,} bytes or {TIMEOUT_S:g} s; is it a server of models?"
                    )
            return reply.status_code, b"".join(parts).decode("utf-8", "replace")


def data_uri(frame: Any) -> str:
    """Return a frame as a PNG in an address.

    >>> import numpy as np
    >>> data_uri(np.zeros((2, 2, 3), np.uint8))[:32]
    'data:image/png;base64,iVBORw0KGg'
    """
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
