"""The app over HTTP: its page, and one address for each thing the page asks for."""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import resources

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from surgvqa.cards.command import InputError
from surgvqa.eval.app.asking import Asker
from surgvqa.eval.app.listener import MOST_UPLOADED, MOST_WAITING, OwnHost, Password
from surgvqa.eval.app.service import PART, Service, Strip, Wanted

Words = Mapping[str, str]
PAGES = {
    "": ("page.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    **{
        name: (name, "text/javascript")
        for name in ("main.js", "player.js", "timeline.js", "strip.js", "ask.js", "shared.js")
    },
}
POLICY = {
    # Nothing comes from elsewhere, and nothing in a data set's text can become code.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
KEPT = {"cache-control": "private, max-age=600"}


def wanted(words: Words) -> Wanted:
    """Return what a request names."""
    return Wanted(
        data=words.get("data", ""),
        split=words.get("split") or None,
        clip=words.get("clip", ""),
        a=words.get("a", ""),
        b=words.get("b", ""),
    )


def strip(words: Words) -> Strip:
    """Return which clips a request searches for."""
    return Strip(
        case=words.get("case") or None,
        kind=words.get("kind") or None,
        answer=words.get("answer", ""),
        show=words.get("show") or "all",
        first=number(words, "first"),
        count=number(words, "count") or PART,
    )


def number(words: Words, name: str) -> int | None:
    """Return a whole number that a request gives, if it does."""
    text = words.get(name, "")
    if text and not text.lstrip("-").isdecimal():
        raise InputError(f"{name} is {text!r}, expected a whole number")
    return int(text) if text else None


def second(words: Words) -> float:
    """Return the second that a request gives."""
    try:
        found = float(words.get("seconds", ""))
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"seconds is {words.get('seconds', '')!r}, expected a number")
    return found


def page(name: str) -> Response:
    """Return a file of the page."""
    file, kind = PAGES[name]
    text = (resources.files("surgvqa.eval.app") / "page" / file).read_text("utf-8")
    return Response(text, media_type=kind, headers=POLICY | {"cache-control": "no-cache"})


class Waiting:
    """Counts questions under way, so that a client can't pile them up."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        if self.count >= MOST_WAITING:
            raise InputError(f"{MOST_WAITING} questions are waiting already; ask again in a moment")
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1


async def body_of(request: Request) -> bytes:
    """Return what a client sends, up to the most that is taken.

    Raises:
        InputError: it is more.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_UPLOADED:
            raise InputError(f"the recording has over {MOST_UPLOADED >> 20} MB; a question is shorter")
        parts.append(part)
    return b"".join(parts)


class Answering:
    """Turns what the app knows into responses; a mistake becomes a sentence without a place on the disk."""

    def __init__(self, service: Service, asker: Asker) -> None:
        self.service, self.asker, self.waiting = service, asker, Waiting()

    def answered(self, give: Callable[[], Response]) -> Response:
        """Return a response, or the sentence that says why there is none."""
        try:
            return give()
        except InputError as error:
            return JSONResponse({"error": self.service.allowed.hidden(str(error))}, 400, POLICY)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            told = f"the app failed ({type(error).__name__}); the terminal that it runs in has the details"
            return JSONResponse({"error": told}, 500, POLICY)

    def look(self, give: Callable[[Words], object]) -> Callable[..., Response]:
        """Return an endpoint that only reads; Starlette runs it in a thread."""

        def endpoint(request: Request) -> Response:
            return self.answered(lambda: JSONResponse(give(request.query_params), headers=POLICY))

        return endpoint

    def media(self, give: Callable[[Words], tuple[bytes, str]]) -> Callable[..., Response]:
        """Return an endpoint of pictures or films."""

        def endpoint(request: Request) -> Response:
            def made() -> Response:
                data, kind = give(request.query_params)
                return Response(data, media_type=kind, headers=POLICY | KEPT)

            return self.answered(made)

        return endpoint

    def said(self, give: Callable[[Words, bytes], object]) -> Callable[..., object]:
        """Return an endpoint of questions, of which only so many wait at a time."""

        async def endpoint(request: Request) -> Response:
            try:
                with self.waiting:
                    body = await body_of(request)
                    return await run_in_threadpool(
                        self.answered, lambda: JSONResponse(give(request.query_params, body), headers=POLICY)
                    )
            except InputError as error:
                return JSONResponse({"error": str(error)}, 400, POLICY)

        return endpoint

    def routes(self) -> list[Route]:
        """Return every address of the app."""
        service, asker = self.service, self.asker
        looks: dict[str, Callable[[Words], object]] = {
            "start": lambda _: service.start(asker.hear is not None),
            "facts": lambda words: service.facts(wanted(words)),
            "clips": lambda words: service.find(wanted(words), strip(words)),
            "clip": lambda words: service.clip(wanted(words)),
            "case": lambda words: service.case(wanted(words)),
            "at": lambda words: service.at(wanted(words), second(words)),
            "known": lambda words: service.known(wanted(words), words.get("question", "")),
        }
        media: dict[str, Callable[[Words], tuple[bytes, str]]] = {
            "frame": lambda words: service.picture(wanted(words), number(words, "index")),
            "film": lambda words: (service.film(wanted(words)), "video/mp4"),
        }
        asks: dict[str, Callable[[Words, bytes], object]] = {
            "ask": lambda words, body: asker.ask(wanted(words), words.get("answerer", ""), question(body)),
            "ask-aloud": lambda words, body: asker.ask_aloud(wanted(words), words.get("answerer", ""), body),
            "hear": lambda _, body: asker.write_down(body),
        }
        return [
            *(Route(f"/{name}", lambda _, name=name: page(name)) for name in PAGES),
            *(Route(f"/api/{name}", self.look(give)) for name, give in looks.items()),
            *(Route(f"/media/{name}", self.media(give)) for name, give in media.items()),
            *(Route(f"/api/{name}", self.said(give), methods=["POST"]) for name, give in asks.items()),
        ]


def application(service: Service, asker: Asker, hosts: frozenset[str], password: str | None) -> Starlette:
    """Return the app, its guards in front."""
    guards = [Middleware(OwnHost, hosts=hosts)]
    if password:
        guards.append(Middleware(Password, password=password))
    return Starlette(routes=Answering(service, asker).routes(), middleware=guards)


def question(body: bytes) -> str:
    """Return the question that a client sends.

    Raises:
        InputError: it isn't JSON with a question.
    """
    try:
        text = json.loads(body)["question"]
    except (ValueError, KeyError, TypeError):
        raise InputError('expected JSON: {"question": "…"}') from None
    return str(text)
