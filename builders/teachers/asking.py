"""The teacher of one data set: what it is asked, what it costs, and what it wrote about each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.frames.entry import FrameLabels
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.teachers import template_teacher
from surgvqa.builders.teachers.prompt import Messages, estimate, parse, prompt
from surgvqa.builders.teachers.samples import Sample
from surgvqa.builders.teachers.server import Cache, NoAnswer, Server, ask_all, cache_key
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import LeftOut
from tqdm import tqdm


@dataclass(frozen=True, slots=True)
class Teacher:
    """The writer of texts about frames: the templates, or a language model whose answers lie in a cache."""

    taxonomy: Taxonomy
    seed: int
    server: Server | None = None
    answers: Cache | None = None

    @property
    def name(self) -> str:
        """The model's name, as a card has it."""
        return self.server.model if self.server else template_teacher.NAME

    def samples(self, frame: FrameLabels) -> tuple[Sample, ...]:
        """Return what the teacher wrote about a frame; nothing where it has no answer."""
        if self.server is None or self.answers is None:
            return template_teacher.samples(frame, self.taxonomy, self.seed)
        content = self.answers.get(cache_key(prompt(frame, self.taxonomy), self.server))
        return parse(content) if content is not None else ()

    def close(self) -> None:
        """Let the cache's file go."""
        if self.answers is not None:
            self.answers.close()


def cache_of(folder: Path) -> Cache:
    """Open the cache of answers in the folder beside a data set."""
    return Cache(folder / "answers.sqlite")


def prompts_of(frames: Sequence[FrameLabels], taxonomy: Taxonomy, server: Server) -> dict[str, Messages]:
    """Return what there is to ask, each different prompt once."""
    prompts: dict[str, Messages] = {}
    for frame in frames:
        messages = prompt(frame, taxonomy)
        prompts.setdefault(cache_key(messages, server), messages)
    return prompts


def costs(
    frames: Sequence[FrameLabels],
    taxonomy: Taxonomy,
    server: Server,
    folder: Path,
    prices: tuple[float, float],
) -> str:
    """Say what it costs to ask for what the cache lacks; ``prices`` are of a million tokens read and written."""
    prompts = prompts_of(frames, taxonomy, server)
    cache = cache_of(folder)
    missing = [messages for key, messages in prompts.items() if cache.get(key) is None]
    cache.close()
    totals = estimate(missing, *prices)
    money = f", {totals['cost']:g} at the given prices" if any(prices) else ""
    return (
        f"{len(frames)} frames, {len(prompts)} different scenes, {len(prompts) - len(missing)} answered before: "
        f"{totals['requests']} requests, about {totals['tokens_in']} tokens in and {totals['tokens_out']} out{money}"
    )


def collect_answers(
    frames: Sequence[FrameLabels], taxonomy: Taxonomy, server: Server, folder: Path, on_error: str
) -> tuple[Cache, list[LeftOut]]:
    """Ask for every scene that has no answer yet; returns the answers, and the frames that got none.

    Every answer is kept at once.
    """
    prompts = prompts_of(frames, taxonomy, server)
    cache = cache_of(folder)
    try:
        failures = _ask_missing(server, prompts, cache)
        if failures and on_error == "fail":
            raise InputError(
                f"{len(failures)} scenes of {len(prompts)} have no answer: {next(iter(failures.values())).cause}. "
                "The others are kept: run the same command again, or leave these out with --on-error quarantine"
            )
    except BaseException:
        cache.close()
        raise
    omissions: list[LeftOut] = []
    for frame in frames if failures else ():
        if failure := failures.get(cache_key(prompt(frame, taxonomy), server)):
            omissions.append(
                {"item": f"{frame.video_id}: {frame.image}", "cause": failure.cause, "fault": True}
            )
    return cache, omissions


def _ask_missing(server: Server, prompts: Mapping[str, Messages], cache: Cache) -> dict[str, NoAnswer]:
    """Ask, and return why which prompt has no answer."""
    missing = sum(cache.get(key) is None for key in prompts)
    failures: dict[str, NoAnswer] = {}
    answer_count = len(prompts) - missing
    with tqdm(total=len(prompts), initial=answer_count, desc="teacher", unit="scene", disable=None) as bar:
        for key, failure in ask_all(server, prompts, cache):
            bar.update()
            if failure is not None:
                failures[key] = failure
    return failures
