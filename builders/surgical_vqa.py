"""The data sets for those who work from Python: a ``datasets`` builder with a config per source.

The rows are those of ``surgvqa-build``, made by the same functions::

    from surgvqa.builders.surgical_vqa import SurgicalVQA
    builder = SurgicalVQA("cataract1k", root="Cataract-1K", media="none")
    builder.download_and_prepare()
    clips = builder.as_dataset(split="train")
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from surgvqa.builders import sources
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.pipeline.build import asked_for
from surgvqa.builders.pipeline.prepare import prepare
from surgvqa.builders.pipeline.shard import MEDIA, Job, Options, code_version, rows
from surgvqa.builders.schema import FEATURES
from surgvqa.cards.command import InputError, nearest


@dataclass
class SurgicalVQAConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """What ``surgvqa-build`` takes on its command line; see there."""

    root: str = ""
    clip_seconds: float = 5.0
    frames: int = 8
    media: str = "frames"
    max_side: int | None = 512
    kinds: tuple[str, ...] | None = None
    questions: str | None = "nine"
    test_cases: tuple[str, ...] = ()
    validation: float = 0.1
    test: float = 0.2
    balance: str = "none"
    seed: int = 0
    system: str | None = None
    decoder: str = "pyav"
    on_error: str = "fail"
    source_options: dict[str, Any] = field(default_factory=dict)


class SurgicalVQA(datasets.GeneratorBasedBuilder):  # type: ignore[misc]
    """Rows of config ``clips``, a split per split of the cases."""

    BUILDER_CONFIG_CLASS = SurgicalVQAConfig
    BUILDER_CONFIGS = [SurgicalVQAConfig(name=name) for name in sources.names()]  # noqa: RUF012 - datasets' way

    def __init__(
        self, config_name: str, *, root: str | Path, cache_dir: str | None = None, **options: Any
    ) -> None:
        """Choose a source and its folder.

        ``datasets`` names its cache by the config alone; the hash adds our code and the folder's files, so
        that neither a new version nor a corrected annotation is answered from an old cache.
        """
        if config_name not in sources.names():
            raise InputError(f"no source named {config_name!r}; {nearest(config_name, sources.names())}")
        folder = str(Path(root).resolve())
        super().__init__(
            cache_dir=cache_dir,
            config_name=config_name,
            hash=hashlib.sha256(json.dumps([code_version(), files(Path(folder))]).encode()).hexdigest()[:16],
            root=folder,
            **options,
        )

    def _info(self) -> datasets.DatasetInfo:
        facts = sources.load(self.config.name).FACTS
        return datasets.DatasetInfo(
            features=FEATURES, homepage=facts.homepage, license=facts.licence, citation=facts.citation
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        config = self.config
        if config.media not in MEDIA or config.media == "clips":
            raise InputError(
                f"media={config.media!r}: a builder writes no video files; frames, reference or none"
            )
        asking, kinds = asked_for(config.questions, config.kinds)
        jobs = prepare(
            config.name,
            Path(config.root),
            Options(
                config.clip_seconds,
                config.frames,
                config.media,
                config.max_side,
                kinds,
                config.seed,
                config.decoder,
                config.system,
                asking=asking,
            ),
            test_cases=config.test_cases,
            validation=config.validation,
            test=config.test,
            balance=config.balance,
            on_error=config.on_error,
            source_options=config.source_options,
        ).jobs
        return [
            datasets.SplitGenerator(
                name=split, gen_kwargs={"jobs": [job for job in jobs if job.split == split]}
            )
            for split in SPLITS
            if any(job.split == split for job in jobs)
        ]

    def _generate_examples(self, jobs: Sequence[Job]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        for number, job in enumerate(jobs):
            for index, row in enumerate(rows(job)):
                yield datasets.builder.Key(number, index), row


def files(root: Path) -> list[list[Any]]:
    """Every file below a folder with its size and time of change, sorted."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return [[path.relative_to(root).as_posix(), (s := path.stat()).st_size, s.st_mtime_ns] for path in found]
