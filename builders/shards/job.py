"""The inputs of a case's shard, and the shard's name, a hash of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Literal

from surgvqa.builders.cases.balance import Balance
from surgvqa.builders.cases.transitions import Transitions
from surgvqa.builders.configs.pointing_questions import Pointing
from surgvqa.builders.configs.segmentation import Segmentation
from surgvqa.builders.privacy.screen import Screen
from surgvqa.builders.questions.ask import NINE
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import QA, Case, Clip, Scene
from surgvqa.builders.video.decode import Decoder
from surgvqa.cards.files.documents import CaseShard

Media = Literal["frames", "clips", "reference", "none"]
Asking = Literal["informative", "nine"]
ASKING: tuple[Asking, ...] = ("informative", "nine")
MEDIA: tuple[Media, ...] = ("frames", "clips", "reference", "none")


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a build that decide the rows of a case."""

    clip_seconds: float = 5.0
    frames: int = 8
    media: Media = "frames"
    max_side: int | None = 512
    kinds: tuple[str, ...] = NINE
    seed: int = 0
    decoder: Decoder = "pyav"
    system: str | None = None
    pointing: Pointing | None = None  # how to write config `pointing`; None for none
    segmentation: Segmentation | None = None  # the same for config `segmentation`
    screen: Screen | None = None  # what is covered and left out of the pictures
    asking: Asking = "nine"  # chosen for what they leave open, or the same kinds of every clip

    @property
    def selection(self) -> Selection:
        """The questions of a clip."""
        return Selection(kinds=self.kinds, seed=self.seed, frames=self.frames, max_side=self.max_side)


@dataclass(frozen=True, slots=True)
class Job:
    """The inputs of the shard of one case. Paths of the case lie below ``root``."""

    case: Case
    clips: tuple[Clip, ...]
    split: str
    transitions: Transitions
    options: Options
    root: Path
    balance: Balance | None = None
    weight: float = 1.0  # of each of its clips in training

    @property
    def name(self) -> str:
        """The case, and the split where several share it."""
        is_divided = any(clip.split for clip in self.case.clips) and len(self.clips) < len(self.case.clips)
        return f"{self.case.case_id} ({self.split})" if is_divided else self.case.case_id

    def key(self, code: str, digests: dict[str, str]) -> str:
        """Return a name for these bytes: other inputs, options or code give another."""
        digest = hashlib.sha256(json.dumps([code, digests]).encode())
        for text in _texts(self):
            digest.update(text.encode() + b"\0")
        return digest.hexdigest()


class Record(CaseShard):
    """The record of a finished shard. Files by their kind: "clips", "qa", "pointing", "videos/NAME"."""

    key: str
    """the shard's name"""


_scene_values = attrgetter(*(field.name for field in fields(Scene) if field.name not in ("nodes", "edges")))
_clip_values = attrgetter(*(field.name for field in fields(Clip) if field.name not in ("scene", "qa")))
_qa_values = attrgetter(*(field.name for field in fields(QA)))


def _texts(job: Job) -> Iterator[str]:
    """Yield all that a shard follows from: what there are thousands of as tuples, which say themselves five times faster."""
    case = job.case
    yield repr(replace(_below(replace(job, clips=(), case=replace(case, scenes=()))), root=Path()))
    texts: dict[int, str] = {}  # moments that show the same things have one tuple of them
    of_the_case = {id(scene) for scene in case.scenes}
    for scene in case.scenes:
        for things in (scene.nodes, scene.edges):
            if id(things) not in texts:
                texts[id(things)] = repr(things)
            yield texts[id(things)]
        yield repr(_scene_values(scene))
    for clip in job.clips:
        yield repr(_clip_values(clip))
        own_scene = clip.scene
        yield repr(own_scene.time_s if own_scene is not None and id(own_scene) in of_the_case else own_scene)
        yield repr([_qa_values(qa) for qa in clip.qa])


def below(path: Path, root: Path) -> str:
    """Return a path as it is written down: below the root, or its bare name."""
    inside = path.resolve().is_relative_to(root.resolve())
    return path.resolve().relative_to(root.resolve()).as_posix() if inside else path.name


def _below(job: Job) -> Job:
    case, root = job.case, job.root
    return replace(
        job,
        case=replace(
            case,
            video=Path(below(case.video, root)) if case.video else None,
            taxonomy=Path(below(case.taxonomy, root)) if case.taxonomy else None,
            frames=tuple(replace(frame, path=Path(below(frame.path, root))) for frame in case.frames),
            files=tuple(Path(below(path, root)) for path in case.files),
        ),
    )
