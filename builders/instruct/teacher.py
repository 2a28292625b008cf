"""A language model behind an OpenAI-compatible server as a teacher: it writes samples about a scene it is told of.

vLLM, TGI, llama.cpp and hosted services speak this protocol. Nothing the server says is trusted: an answer must
be JSON of the schema, and what it claims is judged by `builders/instruct/verifier.py` afterwards. Good answers go to a
cache beside the data set, keyed by everything that was asked, so that a build that was killed goes on where it
stopped and two frames that look alike to their labels cost one request.

The key comes from the environment alone (`SURGVQA_TEACHER_KEY`) and is cut out of whatever a server sends back.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import httpx
from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.frames.frame_labels import FrameLabels
from surgvqa.builders.instruct.samples import Sample, Turn
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions import wording
from surgvqa.builders.schema import Entity
from surgvqa.cards.command import InputError, one_line

KEY = "SURGVQA_TEACHER_KEY"
MOST_BYTES = 1_000_000  # of an answer; three samples are 3 kB
LONGEST_WAIT_S = 60.0
ANSWER_TOKENS = 450  # of three samples, measured on the template teacher's; for the estimate
CHARS_PER_TOKEN = 4
GIVE_UP = 20  # requests in a row that fail to the end: the server is down, not unlucky
SYSTEM = (
    'You are a surgical assistant that "sees" the described scene and writes training data about it. Answer in JSON. '
    "Speak of what is visible, never of a list, labels or a description. State only what the scene says: no guesses "
    "(may, might, probably, appears), no actions, colours, looks or changes, no numbers but counts."
)
TASK = """Write:
1. "conversation": 3 to 6 short questions and answers answerable from this scene.
2. "description": one structured description in bullet points ("- Phase: ...", "- Anatomy: ...").
3. "reasoning": 1 or 2 questions and answers about safety checks or the usual next phase.
Use precise surgical language and the names given here. Name everything that a question asks for."""
PAIR = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "conversation": {"type": "array", "items": PAIR, "minItems": 3, "maxItems": 6},
        "description": {"type": "string"},
        "reasoning": {"type": "array", "items": PAIR, "minItems": 1, "maxItems": 2},
    },
    "required": ["conversation", "description", "reasoning"],
    "additionalProperties": False,
}
Messages = list[dict[str, str]]


class BadAnswerError(Exception):
    """An answer that is not what was asked for; worth another try."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to ask."""

    url: str  # up to and with /v1
    model: str
    concurrency: int = 8
    attempts: int = 6
    timeout_s: float = 120.0  # of one request, from its start to its last byte
    backoff_s: float = 0.5
    temperature: float = 0.7
    key: str = field(default="", repr=False)


def server(url: str, model: str, concurrency: int = 8) -> Server:
    """Return a server by its address, with the key of the environment.

    Raises:
        InputError: no http address, or one that carries a password or a query, where keys end up in logs.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("--teacher: give an address like http://localhost:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(f"--teacher: give the address alone; a key belongs into the environment, as {KEY}")
    if concurrency < 1:
        raise InputError(f"--concurrency {concurrency}: at least 1")
    path = parts.path.rstrip("/") or "/v1"
    key = os.environ.get(KEY, "").strip()
    return Server(f"{parts.scheme}://{parts.netloc}{path}", model, concurrency, key=key)


# ---- what is asked


def prompt(frame: FrameLabels, taxonomy: Taxonomy) -> Messages:
    """Return the messages that describe one frame's labels; they hold no name, time or place of the picture."""
    lines = [f"Scene of a {taxonomy.title}:"]
    if frame.phase is not None:
        lines.append(f"- Phase: {'none, the operation is idle' if frame.phase == IDLE else frame.phase}")
    for title, things in (("Anatomy visible", frame.anatomy), ("Instruments visible", frame.tools)):
        if things is not None:
            lines.append(f"- {title}: {'; '.join(map(_thing, things)) or 'none'}")
    events = [f"{name}: {'yes' if holds else 'no'}" for name, holds in frame.events or ()]
    if events:
        lines.append(f"- Safety state: {'; '.join(events)}")
    lines.append("Nothing is known of anything that is not listed here. Of the procedure it is known:")
    phases = taxonomy.phases
    at = phases.index(frame.phase) if frame.phase in phases else len(phases)
    if at + 1 < len(phases):
        after = phases[at + 1]
        tools = wording.listed(taxonomy.used_in.get(after, ()))
        lines.append(f"- Usual next phase: {after}" + (f", with {tools}" if tools else ""))
    for gate in taxonomy.gates:
        when = f"before {gate.before}" if gate.before else "before the end"
        lines.append(f'- Safety check "{gate.name}" ({when}): {"; ".join(gate.conditions)}')
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "\n".join([*lines, "", TASK])}]


def _thing(thing: Entity) -> str:
    return f"{thing.name} at the {thing.grid}" if thing.grid in CELLS else thing.name


def body(messages: Messages, asked: Server) -> dict[str, Any]:
    """Return the request, without the key."""
    return {
        "model": asked.model,
        "messages": messages,
        "temperature": asked.temperature,
        "max_tokens": 4 * ANSWER_TOKENS,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "samples", "strict": True, "schema": SCHEMA},
        },
    }


def cache_key(messages: Messages, asked: Server) -> str:
    """Return the cache key of an answer: everything it depends on."""
    return hashlib.sha256(json.dumps(body(messages, asked), sort_keys=True).encode()).hexdigest()


def parse(content: str) -> tuple[Sample, ...]:
    """Return the three samples of an answer.

    Raises:
        BadAnswerError: not JSON, or not of the schema.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadAnswerError(f"not JSON: {error}") from error
    if not isinstance(found, dict) or set(found) != set(SCHEMA["required"]):
        raise BadAnswerError("not an object of conversation, description and reasoning")
    if not isinstance(found["description"], str):
        raise BadAnswerError("the description is no text")
    talk, thoughts = _pairs(found["conversation"], 3, 6), _pairs(found["reasoning"], 1, 2)
    described = Turn("Describe the frame in detail.", found["description"])
    return Sample("conversation", talk), Sample("description", (described,)), Sample("reasoning", thoughts)


def _pairs(value: Any, least: int, most: int) -> tuple[Turn, ...]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise BadAnswerError(f"not {least} to {most} pairs")
    for one in value:
        texts = one.values() if isinstance(one, dict) and set(one) == {"question", "answer"} else [None]
        if not all(isinstance(text, str) for text in texts):
            raise BadAnswerError("a pair that isn't a question and an answer")
    return tuple(Turn(one["question"], one["answer"]) for one in value)


# ---- asking


class Cache:
    """Answers on disk; each is there for good as soon as it came."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.table = sqlite3.connect(path)
            self.table.execute("PRAGMA journal_mode=WAL")
            self.table.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, content TEXT NOT NULL)"
            )
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path}: no cache of answers ({error}); move it away") from error

    def get(self, key: str) -> str | None:
        """Return an answer that is there."""
        row = self.table.execute("SELECT content FROM answers WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, key: str, content: str) -> None:
        """Keep an answer."""
        with self.table:
            self.table.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, content))

    def close(self) -> None:
        """Let the file go."""
        self.table.close()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a prompt has no answer after all attempts."""

    cause: str


def ask_all(
    asked: Server, prompts: Mapping[str, Messages], cache: Cache
) -> Iterator[tuple[str, Unanswered | None]]:
    """Ask what the cache lacks, ``concurrency`` at a time; yields each key when it is answered or given up.

    Raises:
        InputError: the server refuses (key, model, request), or nothing comes of `GIVE_UP` requests in a row.
    """
    waiting = iter([key for key in prompts if cache.get(key) is None])
    limits = httpx.Limits(max_connections=asked.concurrency)
    stop, busy = Event(), dict[Future[str], str]()
    failures = 0
    threads = ThreadPoolExecutor(asked.concurrency, thread_name_prefix="teacher")
    client = httpx.Client(
        timeout=asked.timeout_s, limits=limits, headers=_headers(asked), follow_redirects=False
    )

    def fill() -> None:
        while len(busy) < 2 * asked.concurrency and (key := next(waiting, None)) is not None:
            busy[threads.submit(_answer, client, asked, prompts[key], stop)] = key

    try:
        fill()
        while busy:
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                key = busy.pop(future)
                try:
                    cache.put(key, future.result())
                    failures = 0
                    yield key, None
                except BadAnswerError as error:
                    failures += 1
                    yield key, Unanswered(str(error))
            if failures >= GIVE_UP:
                raise InputError(
                    f"the last {failures} requests to {asked.url} came to nothing; what was answered is kept, "
                    "run the same command again"
                )
            fill()
    finally:
        stop.set()
        threads.shutdown(wait=True, cancel_futures=True)
        client.close()
        for future, key in busy.items():  # those under way when something stopped us are not lost
            if future.done() and not future.cancelled() and future.exception() is None:
                cache.put(key, future.result())


def _headers(asked: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {asked.key}"} if asked.key else {}


def _answer(client: httpx.Client, asked: Server, messages: Messages, stop: Event) -> str:
    """One answer of the schema, after as many attempts as it takes and is allowed."""
    cause = ""
    for attempt in range(asked.attempts):
        wait_s = min(LONGEST_WAIT_S, asked.backoff_s * 2**attempt * random.uniform(0.5, 1.5))
        try:
            status, after_s, text = _post(client, asked, messages)
            if status == 200:
                content = _content(text).replace(asked.key, "[key]") if asked.key else _content(text)
                parse(content)
                return content
            cause = f"status {status}: {hidden(text, asked)}"
            if status not in (408, 409, 425, 429) and status < 500:
                raise InputError(f"{asked.url} refuses with {cause}; {_advice(status)}")
            wait_s = max(wait_s, min(LONGEST_WAIT_S, after_s))
        except httpx.TransportError as error:
            cause = f"{type(error).__name__}: {hidden(str(error), asked)}"
        except BadAnswerError as error:
            cause = hidden(str(error), asked)
        if attempt + 1 < asked.attempts and stop.wait(wait_s):
            break
    raise BadAnswerError(f"no answer in {asked.attempts} attempts, the last: {cause}")


def _post(client: httpx.Client, asked: Server, messages: Messages) -> tuple[int, float, str]:
    """Status, seconds the server asks to wait, text; of bounded size and within the time of one request."""
    until = time.monotonic() + asked.timeout_s
    parts: list[bytes] = []
    size = 0
    with client.stream("POST", f"{asked.url}/chat/completions", json=body(messages, asked)) as response:
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise BadAnswerError(f"an answer of more than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise BadAnswerError(f"no end of the answer after {asked.timeout_s:g} s")
        given = response.headers.get("retry-after", "")
        after_s = float(given) if given.replace(".", "", 1).isdecimal() and given.isascii() else 0.0
        return response.status_code, after_s, b"".join(parts).decode("utf-8", "replace")


def _content(text: str) -> str:
    """Return the message in a completion."""
    try:
        choice = json.loads(text)["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise BadAnswerError(f"no completion in the answer ({type(error).__name__})") from error
    if not isinstance(content, str):
        raise BadAnswerError("a completion without text")
    if choice.get("finish_reason") == "length":
        raise BadAnswerError("the completion was cut at its longest length")
    return content


def hidden(text: str, asked: Server) -> str:
    """Return a server's words for a message of ours: on one line, short, without the key."""
    return one_line(text.replace(asked.key, "[key]") if asked.key else text)[:200]


def _advice(status: int) -> str:
    if status in (401, 403):
        return f"put a key it accepts into the environment as {KEY}"
    if status == 404:
        return "look at --teacher (it ends in /v1) and --model"
    return "the server must take response_format json_schema; look at --model"


def estimate(prompts: Sequence[Messages], per_million_in: float, per_million_out: float) -> dict[str, float]:
    """Tokens and money that asking these prompts takes, from their lengths.

    >>> estimate([[{"role": "user", "content": "x" * 4000}]], 1.0, 10.0)
    {'requests': 1, 'tokens_in': 1000, 'tokens_out': 450, 'cost': 0.0055}
    """
    tokens_in = sum(len(one["content"]) for messages in prompts for one in messages) // CHARS_PER_TOKEN
    tokens_out = ANSWER_TOKENS * len(prompts)
    cost = (tokens_in * per_million_in + tokens_out * per_million_out) / 1_000_000
    return {
        "requests": len(prompts),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost": round(cost, 4),
    }
