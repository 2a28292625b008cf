"""What the app answers and opens, and what a hostile server of models gets out of the client."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from surgvqa.cards.command import InputError
from surgvqa.eval.answers import openai_engine
from surgvqa.eval.answers.server import KEY, Server
from surgvqa.eval.app.listener import PASSWORD, Allowlist, OwnHost, hosts_of, password_for


def status(headers: dict[str, str], host: str = "127.0.0.1", kind: str = "http") -> int:
    """What a request with these headers is answered."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": kind, "headers": [(key.encode(), value.encode()) for key, value in headers.items()]}
    asyncio.run(OwnHost(app, hosts_of(host))(scope, None, send))
    return int(sent[0].get("status") or sent[0]["code"])


def test_only_requests_to_this_app_are_answered() -> None:
    assert (
        status({"host": "127.0.0.1:7860"})
        == status({"host": "localhost:1"})
        == status({"host": "[::1]:7860"})
        == 200
    )
    assert status({"host": "localhost:7860", "origin": "http://localhost:7860"}) == 200
    for host in ("evil.example", "127.0.0.1.evil.example:7860", "", "localhost@evil.example"):
        assert status({"host": host}) == 403, host
    assert status({}) == 403
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        assert status({"host": "localhost", "origin": origin}) == 403, origin
    assert status({"host": "evil.example"}, kind="websocket") == 1008
    assert status({"host": "app.clinic"}, host="app.clinic") == 200


def test_another_sites_pictures_and_scripts_are_not_answered() -> None:
    for mode, site, answer in (
        ("no-cors", "cross-site", 403),
        ("no-cors", "same-origin", 200),
        ("navigate", "cross-site", 200),
    ):
        assert status({"host": "localhost", "sec-fetch-site": site, "sec-fetch-mode": mode}) == answer


def test_only_what_the_app_was_started_with_is_opened(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    allowed = Allowlist(["org/name", str(tmp_path / "in")])
    assert allowed.check(" in ", "data sets") == str(tmp_path / "in")
    assert allowed.check("org/name", "models") == "org/name"
    names = (
        "/etc",
        str(tmp_path),
        f"{tmp_path}/in",
        f"{tmp_path}/in/deep",
        "in/deep",
        "org/other",
        "in/../x",
        "in\0",
    )
    for name in names:
        with pytest.raises(InputError) as refused:
            allowed.check(name, "data sets")
        assert name not in str(refused.value) and str(tmp_path) not in str(refused.value)


def test_no_place_on_the_disk_is_told(tmp_path: Path) -> None:
    """A folder is often called after a clinic or a patient; a client knows it by its last name."""
    for name in ("clinic_doe/set", "other/set", "runs/first"):
        (tmp_path / name).mkdir(parents=True)
    places = [str(tmp_path / name) for name in ("clinic_doe/set", "other/set", "runs/first")]
    allowed = Allowlist([*places, "org/name"])
    labels = allowed.labels([*places, "org/name"])
    assert labels == ["set", "set (2)", "first", "org/name"]
    assert [allowed.check(label, "data sets") for label in labels] == [*places, "org/name"]

    note = allowed.hide_places(f"{places[0]} is not what was built: {places[2]}/x")
    assert "clinic_doe" not in note and "set is not what was built: first/x" in note


def test_other_machines_need_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    assert password_for("127.0.0.1") is None
    with pytest.raises(InputError, match=PASSWORD):
        password_for("0.0.0.0")
    monkeypatch.setenv(PASSWORD, "something long")
    assert password_for("0.0.0.0") == "something long"


class Hostile(BaseHTTPRequestHandler):
    """Sends whoever asks elsewhere, answers without an end, or with what is no JSON."""

    seen: ClassVar[list[tuple[str, str | None]]] = []
    how = "redirect"

    def do_GET(self) -> None:
        Hostile.seen.append((self.path, self.headers.get("Authorization")))
        if self.how == "redirect":
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/stolen")
            self.end_headers()
            return
        self.send_response(200)
        if self.how == "bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            while self.how == "endless":
                self.wfile.write(b" " * 65536)
            while self.how == "drip":
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            return
        if self.how == "bomb":
            self.wfile.write(gzip.compress(b" " * 50_000_000))
            return
        if self.how == "echo":
            self.wfile.write(json.dumps({"data": [{"id": self.headers["Authorization"]}]}).encode())
            return
        self.wfile.write(b"<html>" if self.how == "html" else json.dumps({"data": [{"id": "m"}]}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(KEY, "sk-very-secret")
    Hostile.seen.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def chat(url: str) -> openai_engine.Chat:
    encoder = SimpleNamespace(budget=SimpleNamespace(media="images"))
    return openai_engine.Chat(SimpleNamespace(url=url, model="m", max_new_tokens=8), encoder)  # type: ignore[arg-type]


def test_a_redirect_does_not_take_the_key_along(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hostile, "how", "redirect")
    with pytest.raises(InputError, match="status 302"):
        chat(hostile)
    assert [path for path, _ in Hostile.seen] == ["/v1/models"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("endless", "an answer of more than"),
        ("html", "expected JSON, got '<html>'"),
        ("drip", "an answer of more than"),
        ("bomb", "an answer packed by gzip"),
    ],
)
def test_what_is_no_answer_is_one_line(
    hostile: str, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setattr(Hostile, "how", how)
    monkeypatch.setattr("surgvqa.eval.answers.server.TIMEOUT_S", 1.0)
    with pytest.raises(InputError, match=said) as refused:
        chat(hostile)
    assert "sk-very-secret" not in str(refused.value)


def test_a_key_that_is_sent_back_gets_into_no_answer(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are kept in files that are published."""
    monkeypatch.setattr(Hostile, "how", "echo")
    assert Server(hostile, "give").send("GET", "/models") == {"data": [{"id": "Bearer …"}]}
