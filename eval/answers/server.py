"""An OpenAI-compatible server: its address, a key, and requests that are tried again."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from surgvqa.cards.command import InputError, one_line, parse_json

KEY = "SURGVQA_SERVER_KEY"
ATTEMPTS, BACKOFF_S, TIMEOUT_S = 4, 0.5, 300.0
MOST_BYTES = 4_000_000  # of an answer; one of 512 tokens with their probabilities is 60 kB


class Server:
    """A server of models; a key, where one is needed, comes from ``SURGVQA_SERVER_KEY``.

    Raises:
        InputError: no address; ``hint`` begins the sentence.
    """

    def __init__(self, url: str, hint: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError(f"{hint}, an address like http://127.0.0.1:8000/v1")
        self.url = url.rstrip("/")
        self.key = os.environ.get(KEY, "").strip()
        # A compressed answer of a few bytes can be gigabytes: none is asked for, and none is taken.
        headers = {"Accept-Encoding": "identity"}
        headers |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.client = httpx.Client(headers=headers, timeout=TIMEOUT_S, follow_redirects=False)

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
                text = text.replace(self.key, "…") if self.key else text  # it would get into files of answers
                excerpt = one_line(text)[:300]
                if 200 <= status < 300:
                    try:
                        return parse_json(text)
                    except ValueError:
                        raise InputError(f"{self.url}{path}: expected JSON, got {excerpt!r}") from None
                cause = f"status {status}, {excerpt}"
                if status < 500 and status != 429:
                    break
            if attempt + 1 < ATTEMPTS:
                time.sleep(BACKOFF_S * 2**attempt)
        raise InputError(f"{self.url}{path}: {cause}; run the same command again to go on")

    def read(self, method: str, path: str, body: Any) -> tuple[int, str]:
        """Status and text of one answer, of a bounded size and time; a redirect is not followed: it would take the key along."""
        until, parts, size = time.monotonic() + TIMEOUT_S, list[bytes](), 0
        with self.client.stream(method, self.url + path, json=body) as reply:
            if (encoding := reply.headers.get("content-encoding", "identity")) != "identity":
                raise InputError(f"{self.url}{path}: an answer packed by {encoding}, which was not asked for")
            for part in reply.iter_raw():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES or time.monotonic() > until:
                    raise InputError(
                        f"{self.url}{path}: an answer of more than {MOST_BYTES:,} bytes or {TIMEOUT_S:g} s; is it a server of models?"
                    )
            return reply.status_code, b"".join(parts).decode("utf-8", "replace")
