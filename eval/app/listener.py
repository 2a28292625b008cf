"""The app's guard: an allow-list of folders, the Host and Origin of a request, an optional password.

A page of somebody else's, open in the same browser, reaches 127.0.0.1, too, also under a name of its own (DNS
rebinding). Its requests carry that name as Host, or as Origin.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from surgvqa.cards.command import InputError

PASSWORD = "SURGVQA_APP_PASSWORD"
USER = "surgvqa"
LOCAL = ("127.0.0.1", "localhost", "::1")
MOST_UPLOADED = 64 * 2**20  # bytes: ten minutes left running at 48 kHz get their own sentence
MOST_WAITING = 32  # questions
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Allowlist:
    """The data sets, models and files that a client may name."""

    def __init__(self, names: Iterable[str]) -> None:
        self.real = shown_names(names)

    def check(self, name: str, what: str) -> str:
        """Return the path of a data set or model that a client names by the last part of its path.

        Raises:
            InputError: the app wasn't started with it; says nothing of whether there is such a folder.
        """
        if name.strip() in self.real:
            return self.real[name.strip()]
        raise InputError(f"this app opens only the {what} it was started with; choose one of the list")

    def labels(self, names: Iterable[str]) -> list[str]:
        """Return what clients call places: where they lie on this machine's disk is nobody's business."""
        label_by_place = {place: label for label, place in self.real.items()}
        return [label_by_place[name.strip()] for name in names]

    def hide_places(self, text: str) -> str:
        """Return a message without the places on this machine's disk."""
        for label, place in sorted(self.real.items(), key=lambda one: -len(one[1])):
            for spelling in {str(Path(place).resolve()), place} if label != place else ():
                text = text.replace(spelling, label)
        return text


def shown_names(names: Iterable[str]) -> dict[str, str]:
    """Return places by what clients call them: the last name of a folder or file, with a number where two are alike.

    >>> shown_names(["org/set", "/"])
    {'org/set': 'org/set', '/': '/'}
    """
    place_by_label: dict[str, str] = {}
    for name in dict.fromkeys(one.strip() for one in names):
        label = plain = (Path(name).resolve().name or name) if Path(name).exists() else name
        number = 2
        while label in place_by_label:
            label, number = f"{plain} ({number})", number + 1
        place_by_label[label] = name
    return place_by_label


def password_for(host: str) -> str | None:
    """Return the password that clients must give; None on this machine alone.

    Raises:
        InputError: the app is to be reached from other machines, and there is none.
    """
    password = os.environ.get(PASSWORD, "")
    if host not in LOCAL and not password:
        raise InputError(
            f"--host {host} can be reached from other machines: put a password for them into the environment as {PASSWORD} "
            f"(the user is {USER!r}), or leave out --host"
        )
    return password or None


def hosts_of(host: str, more: Iterable[str] = ()) -> frozenset[str]:
    """Return the names that this app goes by."""
    own = {socket.gethostname(), socket.getfqdn()} if host not in LOCAL else set()
    return frozenset(name.lower() for name in {*LOCAL, host, *own, *more})


def name_of(address: str) -> str:
    """Return the host in a Host header, without its port.

    >>> [name_of(text) for text in ("localhost:7860", "[::1]:7860", "A.B", "")]
    ['localhost', '::1', 'a.b', '']
    """
    try:
        return (urlsplit(f"//{address}").hostname or "").lower()
    except ValueError:
        return ""


class OwnHost:
    """Answer only what asks for this app by one of its names, from a page of its own."""

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    def refuses(self, scope: Scope) -> bool:
        """Whether a request is somebody else's."""
        headers = {key.lower(): value.decode("latin-1") for key, value in scope.get("headers", ())}
        origin = headers.get(b"origin")
        is_own_name = name_of(headers.get(b"host", "")) in self.hosts
        if headers.get(b"sec-fetch-site") == "cross-site" and headers.get(b"sec-fetch-mode") != "navigate":
            return True  # a picture or script that another page asks for: browsers send no Origin with it
        return not is_own_name or (origin is not None and name_of(urlsplit(origin).netloc) not in self.hosts)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer 403, or hand the request on."""
        if scope["type"] not in ("http", "websocket") or not self.refuses(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send(
                {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]}
            )
            await send({"type": "http.response.body", "body": b"this app goes by another name"})


class Password:
    """Ask for the user and the password before anything is answered."""

    def __init__(self, app: App, password: str) -> None:
        self.app, self.credentials = app, f"{USER}:{password}".encode()

    def knows(self, scope: Scope) -> bool:
        """Whether a request carries them."""
        headers = {key.lower(): value for key, value in scope.get("headers", ())}
        kind, _, credentials = headers.get(b"authorization", b"").partition(b" ")
        try:
            user_and_password = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            return False
        return kind.lower() == b"basic" and hmac.compare_digest(user_and_password, self.credentials)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer 401, or hand the request on."""
        if scope["type"] != "http" or self.knows(scope):
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b'Basic realm="surgvqa"')]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"this app asks for a password"})
