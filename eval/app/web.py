"""The app over HTTP: its page, and one address for each thing the page asks for."""

from __future__ import annotations

import math
import re
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
from surgvqa.cards.command import InputError, parse_json
from surgvqa.eval.app.asking import Asker
from surgvqa.eval.app.listener import MOST_UPLOADED, MOST_WAITING, OwnHost, Password
from surgvqa.eval.app.service import PART, ClipRequest, Service, Strip

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
WHOLE_NUMBER = re.compile("-?[0-9]{1,9}")
LONGEST_QUESTION = 2000  # characters
CACHE_HEADERS = {"cache-control": "private, max-age=600"}


def clip_request(words: Words) -> ClipRequest:
    """Return what a request names."""
    return ClipRequest(
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
    if text and not WHOLE_NUMBER.fullmatch(text):
        raise InputError(f"{name} is {text[:20]!r}, expected a whole number")
    return int(text) if text else None


def second(words: Words) -> float:
    """Return the second that a request gives."""
    try:
        seconds = float(words.get("seconds", ""))
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InputError(f"seconds is {words.get('seconds', '')!r}, expected a number")
    return seconds


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

    def respond(self, give: Callable[[], Response]) -> Response:
        """Return a response, or the sentence that says why there is none."""
        try:
            return give()
        except InputError as error:
            return JSONResponse({"error": self.service.allowlist.hide_places(str(error))}, 400, POLICY)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            reason = f"the app failed ({type(error).__name__}); the terminal that it runs in has the details"
            return JSONResponse({"error": reason}, 500, POLICY)

    def look(self, give: Callable[[Words], object]) -> Callable[..., Response]:
        """Return an endpoint that only reads; Starlette runs it in a thread."""

        def endpoint(request: Request) -> Response:
            return self.respond(lambda: JSONResponse(give(request.query_params), headers=POLICY))

        return endpoint

    def media(self, give: Callable[[Words], tuple[bytes, str]]) -> Callable[..., Response]:
        """Return an endpoint of pictures or films."""

        def endpoint(request: Request) -> Response:
            def make_response() -> Response:
                data, kind = give(request.query_params)
                return Response(data, media_type=kind, headers=POLICY | CACHE_HEADERS)

            return self.respond(make_response)

        return endpoint

    def ask(self, give: Callable[[Words, bytes], object]) -> Callable[..., object]:
        """Return an endpoint of questions, of which only so many wait at a time."""

        async def endpoint(request: Request) -> Response:
            try:
                with self.waiting:
                    body = await body_of(request)
                    return await run_in_threadpool(
                        self.respond, lambda: JSONResponse(give(request.query_params, body), headers=POLICY)
                    )
            except InputError as error:
                return JSONResponse({"error": str(error)}, 400, POLICY)

        return endpoint

    def routes(self) -> list[Route]:
        """Return every address of the app."""
        service, asker = self.service, self.asker
        looks: dict[str, Callable[[Words], object]] = {
            "start": lambda _: service.start(asker.hear is not None),
            "facts": lambda words: service.facts(clip_request(words)),
            "clips": lambda words: service.find(clip_request(words), strip(words)),
            "clip": lambda words: service.clip(clip_request(words)),
            "case": lambda words: service.case(clip_request(words)),
            "at": lambda words: service.at(clip_request(words), second(words)),
            "known": lambda words: service.known_answers(clip_request(words), words.get("question", "")),
        }
        media: dict[str, Callable[[Words], tuple[bytes, str]]] = {
            "frame": lambda words: service.picture(clip_request(words), number(words, "index")),
            "film": lambda words: (service.film(clip_request(words)), "video/mp4"),
        }
        asks: dict[str, Callable[[Words, bytes], object]] = {
            "ask": lambda words, body: asker.ask(
                clip_request(words), words.get("answerer", ""), question(body)
            ),
            "ask-aloud": lambda words, body: asker.ask_aloud(
                clip_request(words), words.get("answerer", ""), body
            ),
            "hear": lambda _, body: asker.write_down(body),
        }
        return [
            *(Route(f"/{name}", lambda _, name=name: page(name)) for name in PAGES),
            *(Route(f"/api/{name}", self.look(give)) for name, give in looks.items()),
            *(Route(f"/media/{name}", self.media(give)) for name, give in media.items()),
            *(Route(f"/api/{name}", self.ask(give), methods=["POST"]) for name, give in asks.items()),
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
        InputError: it isn't JSON with a question, or one that nobody would ask.
    """
    try:
        text = str(parse_json(body)["question"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise InputError('expected JSON: {"question": "…"}') from None
    if len(text) > LONGEST_QUESTION:
        raise InputError(f"the question has {len(text):,} characters, at most {LONGEST_QUESTION:,} are taken")
    return text
