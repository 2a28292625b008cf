"""A language model behind an OpenAI-compatible server as a teacher: it writes samples about a scene it is told of.

vLLM, TGI, llama.cpp and hosted services speak this protocol. Nothing the server says is trusted: an answer must
be JSON of the schema, and what it claims is judged by `builders/verifying/verifier.py` afterwards. Good answers go to a
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
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import httpx
from surgvqa.builders.teachers.prompt import ANSWER_TOKENS, SCHEMA, BadAnswerError, Messages, parse
from surgvqa.cards.command import InputError, one_line

KEY = "SURGVQA_TEACHER_KEY"
MOST_BYTES = 1_000_000  # of an answer; three samples are 3 kB
LONGEST_WAIT_S = 60.0
GIVE_UP = 20  # requests in a row that fail to the end: the server is down, not unlucky


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a server, and how it is asked."""

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


def body(messages: Messages, endpoint: Server) -> dict[str, object]:
    """Return the request, without the key."""
    return {
        "model": endpoint.model,
        "messages": messages,
        "temperature": endpoint.temperature,
        "max_tokens": 4 * ANSWER_TOKENS,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "samples", "strict": True, "schema": SCHEMA},
        },
    }


def cache_key(messages: Messages, endpoint: Server) -> str:
    """Return the cache key of an answer: everything it depends on."""
    return hashlib.sha256(json.dumps(body(messages, endpoint), sort_keys=True).encode()).hexdigest()


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
class NoAnswer:
    """Why a prompt has no answer after all attempts."""

    cause: str


def ask_all(
    endpoint: Server, prompts: Mapping[str, Messages], cache: Cache
) -> Iterator[tuple[str, NoAnswer | None]]:
    """Ask what the cache lacks, ``concurrency`` at a time; yields each key when it is answered or given up.

    Raises:
        InputError: the server refuses (key, model, request), or nothing comes of `GIVE_UP` requests in a row.
    """
    waiting = iter([key for key in prompts if cache.get(key) is None])
    limits = httpx.Limits(max_connections=endpoint.concurrency)
    stop, busy = Event(), dict[Future[str], str]()
    failures = 0
    threads = ThreadPoolExecutor(endpoint.concurrency, thread_name_prefix="teacher")
    client = httpx.Client(
        timeout=endpoint.timeout_s, limits=limits, headers=_headers(endpoint), follow_redirects=False
    )

    def fill() -> None:
        while len(busy) < 2 * endpoint.concurrency and (key := next(waiting, None)) is not None:
            busy[threads.submit(_answer, client, endpoint, prompts[key], stop)] = key

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
                    yield key, NoAnswer(str(error))
            if failures >= GIVE_UP:
                raise InputError(
                    f"the last {failures} requests to {endpoint.url} came to nothing; what was answered is kept, "
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


def _headers(endpoint: Server) -> dict[str, str]:
    # A compressed answer of a few bytes can be gigabytes: none is asked for, and none is taken.
    plain = {"Accept-Encoding": "identity"}
    return {**plain, "Authorization": f"Bearer {endpoint.key}"} if endpoint.key else plain


def _answer(client: httpx.Client, endpoint: Server, messages: Messages, stop: Event) -> str:
    """One answer of the schema, after as many attempts as it takes and is allowed."""
    cause = ""
    for attempt in range(endpoint.attempts):
        wait_s = min(LONGEST_WAIT_S, endpoint.backoff_s * 2**attempt * random.uniform(0.5, 1.5))
        try:
            status, after_s, text = _post(client, endpoint, messages)
            if status == 200:
                content = _content(text).replace(endpoint.key, "[key]") if endpoint.key else _content(text)
                parse(content)
                return content
            cause = f"status {status}: {hide_key(text, endpoint)}"
            if status not in (408, 409, 425, 429) and status < 500:
                raise InputError(f"{endpoint.url} refuses with {cause}; {_advice(status)}")
            wait_s = max(wait_s, min(LONGEST_WAIT_S, after_s))
        except httpx.TransportError as error:
            cause = f"{type(error).__name__}: {hide_key(str(error), endpoint)}"
        except BadAnswerError as error:
            cause = hide_key(str(error), endpoint)
        if attempt + 1 < endpoint.attempts and stop.wait(wait_s):
            break
    raise BadAnswerError(f"no answer in {endpoint.attempts} attempts, the last: {cause}")


def _post(client: httpx.Client, endpoint: Server, messages: Messages) -> tuple[int, float, str]:
    """Status, seconds the server asks to wait, text; of bounded size and within the time of one request."""
    until = time.monotonic() + endpoint.timeout_s
    parts: list[bytes] = []
    size = 0
    with client.stream("POST", f"{endpoint.url}/chat/completions", json=body(messages, endpoint)) as response:
        if (encoding := response.headers.get("content-encoding", "identity")) != "identity":
            raise BadAnswerError(f"an answer packed by {one_line(encoding)[:40]}, which was not asked for")
        for part in response.iter_raw():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise BadAnswerError(f"an answer of more than {MOST_BYTES} bytes")
            if time.monotonic() > until:
                raise BadAnswerError(f"no end of the answer after {endpoint.timeout_s:g} s")
        delay = response.headers.get("retry-after", "")
        after_s = float(delay) if delay.replace(".", "", 1).isdecimal() and delay.isascii() else 0.0
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


def hide_key(text: str, endpoint: Server) -> str:
    """Return a server's words for a message of ours: on one line, short, without the key."""
    return one_line(text.replace(endpoint.key, "[key]") if endpoint.key else text)[:200]


def _advice(status: int) -> str:
    if status in (401, 403):
        return f"put a key it accepts into the environment as {KEY}"
    if status == 404:
        return "look at --teacher (it ends in /v1) and --model"
    return "the server must take response_format json_schema; look at --model"
