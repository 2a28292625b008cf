"""A data set's description as a source: ``FACTS``, ``cases`` and ``notes``, as every module of a source has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from surgvqa.builders.schema import Case, Omission
from surgvqa.builders.tabular import splits
from surgvqa.builders.tabular.description import Description, read
from surgvqa.builders.tabular.parts import Tally
from surgvqa.builders.tabular.reader import Reader
from surgvqa.cards.command import InputError


def module(path: Path, name: str) -> ModuleType:
    """Return a source, as a module, made of a description; its ``notes`` are about the last reading of ``cases``."""
    description = read(path)
    source_module = ModuleType(name, description.facts.name)
    last: dict[str, Tally] = {}

    def cases(
        root: Path, *, protocol: str = "official", videos: Path | None = None, fps: float = 0.0
    ) -> Iterator[Case | Omission]:
        """Read every case below ``root``.

        Args:
            root: the data set's folder, or any folder above or below it.
            protocol: which of the data set's official splits; "none" leaves the choice to the build.
            videos: the folder of the recordings, where they are not below the root.
            fps: frames per second of recordings that aren't there, where labels count frames of unknown rate.
        """
        last["tally"] = tally = Tally()
        yield from read_tree(root, description, tally, protocol, videos, fps)

    def notes(read: Sequence[Case]) -> tuple[str, ...]:
        return last["tally"].notes(dict(description.expected), description.known) if last else ()

    vars(source_module).update(
        FACTS=description.facts, cases=cases, notes=notes, DESCRIPTION=description, __file__=str(path)
    )
    return source_module


def read_tree(
    root: Path, description: Description, tally: Tally, protocol: str, videos: Path | None, fps: float
) -> Iterator[Case | Omission]:
    """Every case below ``root``, after what is left out."""
    if not root.is_dir():
        raise InputError(
            f"no folder {root}; get {description.facts.name} at {description.facts.access} and give it as --root"
        )
    if videos is not None and not videos.is_dir():
        raise InputError(f"no folder {videos}; give the folder of the recordings as --videos")
    split_protocol = splits.choose(description, protocol)
    reader = Reader(root, description, tally, videos, fps)
    reader.read()
    if not reader.parts and not reader.omissions:
        patterns = [pattern for table in reader.patterns() for pattern in table]
        raise InputError(
            f"nothing of {description.facts.name} below {root}: no file like {' or '.join(patterns)}; "
            f"{reader.tree.describe()}; get it at {description.facts.access}"
        )
    yield from reader.omissions
    yield from tally.omissions()
    for case_id in sorted(reader.parts):
        for one in reader.case(case_id, reader.parts[case_id]):
            if isinstance(one, Case):
                tally.cases += 1
                split = splits.split_of(description, split_protocol, case_id, reader.parts[case_id].split)
                one = replace(one, split=split)
            yield one
