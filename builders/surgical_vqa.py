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
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import datasets
from surgvqa.builders import sources
from surgvqa.builders.cases.splits import SPLITS
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.pipeline.parameters import complete
from surgvqa.builders.pipeline.prepare import prepare
from surgvqa.builders.schema import FEATURES, REFERENCE_FEATURES
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import MEDIA, Job
from surgvqa.builders.shards.rows import rows
from surgvqa.builders.shards.write import code_version
from surgvqa.cards.command import InputError, nearest


@dataclass
class SurgicalVQAConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """The options of ``surgvqa-build``'s command line; see there."""

    root: str = ""
    clip_seconds: float = Build.clip_seconds
    frames: int = Build.frames
    media: str = Build.media
    max_side: int = Build.max_side
    kinds: tuple[str, ...] = Build.kinds
    questions: str | None = "nine"
    test_cases: tuple[str, ...] = Build.test_cases
    validation: float = Build.validation
    test: float = Build.test
    balance: str = Build.balance
    seed: int = Build.seed
    system: str | None = Build.system
    decoder: str = Build.decoder
    on_error: str = Build.on_error
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
            features=(REFERENCE_FEATURES if self.config.media == "reference" else FEATURES).features(),
            homepage=facts.homepage,
            license=facts.licence,
            citation=facts.citation,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        config = self.config
        if config.media not in MEDIA or config.media == "clips":
            raise InputError(
                f"media={config.media!r}: a builder writes no video files; frames, reference or none"
            )
        build_names = {one.name for one in fields(Build)}
        values = {name: value for name, value in vars(config).items() if name in build_names}
        build_config = Build(**values | {"root": Path(config.root)}, source=config.name, out=Path())
        jobs = prepare(complete(build_config)).jobs
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
    return [
        [path.relative_to(root).as_posix(), (stat := path.stat()).st_size, stat.st_mtime_ns]
        for path in files_below(root)
    ]
