"""The HTTP side of ``hub.py``: reads requests, plays the fault that is due, routes, answers."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub import TOKEN, Answer, Hub, Repo
from hub_cards import card_faults


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for a ``Hub``: reads the request, plays the fault if one is due, answers."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: ``hub.requests`` is the log."""

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def handle_request(self) -> None:
        url, hub = urlsplit(self.path), self.hub
        body = self.read_body()
        path = unquote(url.path)
        fault = hub.fault_for(self.command, path)
        how = fault.how if fault else None
        with hub.lock:
            hub.requests.append((self.command, path, len(body)))
        if fault and how == "stall":
            time.sleep(fault.seconds)
        if how == "cut":
            self.close_connection = True
            return
        if fault and isinstance(how, int):
            self.send(Answer(how, f"injected {how}", fault.headers))
            return
        try:
            with hub.lock:
                answer = self.route(url.path, parse_qs(url.query), body)
                if how == "corrupt" and self.command == "PUT":
                    spoil(hub, body)
        except Answer as raised:
            answer = raised
        if how == "lost":
            self.close_connection = True
            return
        if how == "corrupt" and answer.body and self.command == "GET":
            answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])
        self.send(answer, half=how == "halve")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815

    def send(self, answer: Answer, half: bool = False) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        if half:
            self.close_connection = True

    def route(self, url: str, query: dict[str, list[str]], body: bytes) -> Answer:
        hub, verb = self.hub, self.command
        authorised = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        parsed = lambda: json.loads(body)  # noqa: E731
        if match := re.fullmatch(
            r"/lfs/(\w+)/([^/]+/[^/]+)/(\w+)(/verify)?", url
        ):  # signed links need no token
            repo = hub.find(match[1], match[2], True)
            return hub.lfs_verify(repo, match[3], parsed()) if match[4] else hub.lfs_put(repo, match[3], body)
        if match := re.fullmatch(r"/chunks/(\w+)/([^/]+/[^/]+)/(v[12]/.+)", url):
            return self.chunk_route(hub.find(match[1], match[2], True), match[3], body)
        if url == "/api/validate-yaml":
            request = parsed()
            faults = card_faults(request["content"], request.get("repoType", "model"))
            errors = [{"message": fault} for fault in faults]
            return Answer(400 if errors else 200, {"errors": errors, "warnings": []})
        if verb not in ("GET", "HEAD") and not authorised and "/paths-info/" not in url:
            return Answer(401, "Invalid username or password.")
        if url == "/api/repos/create":
            return hub.create(parsed())
        if url == "/api/whoami-v2":
            return (
                Answer(200, {"name": "me", "type": "user", "orgs": []}) if authorised else Answer(401, "who?")
            )
        if match := re.fullmatch(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", url):
            return hub.lfs_batch(hub.find(match[1] or "models", match[2], authorised), parsed())
        if match := re.fullmatch(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", url):
            repo = hub.find(match[1] or "models", match[2], authorised)
            return hub.resolve(repo.at(unquote(match[3])), unquote(match[4]), self.headers.get("Range"))
        if match := re.fullmatch(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/([^/]+)(?:/(.+))?)?", url):
            repo = hub.find(match[1], match[2], authorised)
            return self.repo_route(repo, match[3] or "", unquote(match[4] or ""), query, body)
        return Answer(404, f"no such endpoint: {verb} {url}")

    def chunk_route(self, repo: Repo, rest: str, body: bytes) -> Answer:
        """Take a block of chunks or a table of files; nothing is known of other people's chunks."""
        if self.command == "POST" and (match := re.fullmatch(r"v1/xorbs/default/(\w+)", rest)):
            return Answer(200, {"was_inserted": repo.chunks.put_block(match[1], body)})
        if self.command == "POST" and rest == "v1/shards":
            repo.objects |= repo.chunks.put_together(body)
            return Answer(200, {"result": 1})
        return Answer(404, f"no such endpoint: {self.command} {rest}")

    def repo_route(
        self, repo: Repo, what: str, rest: str, query: dict[str, list[str]], body: bytes
    ) -> Answer:
        hub, verb = self.hub, self.command
        revision, _, inner = rest.partition("/")
        if verb == "GET" and what in ("", "revision"):
            return hub.info(repo, repo.at(rest or "main"))
        if verb == "GET" and what == "tree":
            return hub.tree(repo, repo.at(revision), inner, query, urlsplit(self.path).path)
        if verb == "GET" and what == "xet-write-token":
            where = f"{hub.url}/chunks/{repo.kind}s/{repo.name}"
            return Answer(200, {"casUrl": where, "accessToken": "chunks", "exp": int(time.time()) + 3600})
        if verb == "GET" and what == "refs":
            return hub.refs(repo)
        if verb == "GET" and what == "commits":
            rows = [
                {
                    "id": item.oid,
                    "title": item.title,
                    "message": item.description,
                    "date": item.date,
                    "authors": [],
                }
                for item in repo.history(revision)
            ]
            return Answer(200, rows)
        if verb == "POST" and what == "paths-info":
            form = parse_qs(body.decode()) if b"paths=" in body else json.loads(body)
            return hub.paths_info(repo.at(rest), form["paths"])
        if verb == "POST" and what == "preupload":
            return hub.preupload(repo, rest, json.loads(body))
        if verb == "POST" and what == "commit":
            return hub.commit(repo, rest, body)
        if verb == "POST" and what == "branch":
            repo.branches[rest] = repo.at(
                (json.loads(body) if body else {}).get("startingPoint") or "main"
            ).oid
            return Answer(200)
        if verb == "POST" and what == "tag":
            repo.tags[json.loads(body)["tag"]] = repo.at(rest).oid
            return Answer(200)
        return Answer(404, f"no such endpoint: {verb} {self.path}")


def spoil(hub: Hub, body: bytes) -> None:
    """Flip a bit of a large file just stored: a store that lies about what it holds."""
    name = hashlib.sha256(body).hexdigest()
    for repo in hub.repos.values():
        if name in repo.objects:
            repo.objects[name] = body[:-1] + bytes([body[-1] ^ 1])


class Server(ThreadingHTTPServer):
    """Threads of a Hub; what goes wrong in them fails the test that runs it."""

    daemon_threads = True

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": hub}))
        self.crashes: list[BaseException] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):  # a client may hang up
            self.crashes.append(error)


@contextmanager
def serve(page_size: int = 1000) -> Iterator[Hub]:
    """A running Hub on a free port of this machine."""
    hub = Hub(page_size)
    server = Server(hub)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
    if server.crashes:
        raise AssertionError("the Hub of the tests broke") from server.crashes[0]
