"""The configuration of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from surgvqa.builders.settings.pointing import PointingOptions
from surgvqa.builders.settings.privacy import TimeOptions
from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """The machines that a build runs on."""

    HEADING: ClassVar[str] = "more than one machine, over a file system that all of them see"

    engine: Annotated[str, Usage("local|datatrove-local|datatrove-ray|datatrove-slurm", aside=True)] = "local"
    """what runs the shards, --workers at a time"""
    partition: Annotated[str | None, Usage("NAME", aside=True)] = None
    """of Slurm"""
    time: Annotated[str, Usage("H:M:S", aside=True)] = "24:00:00"
    """limit of a Slurm job"""
    memory_gb: Annotated[int, Usage("N", aside=True)] = 4
    """of a shard, on Ray and Slurm"""


@dataclass(frozen=True, kw_only=True)
class Build(TimeOptions, MachineOptions, PointingOptions):
    """Build a data set from a source."""

    source: str
    """the data set's name: a file in builders/sources"""
    root: Annotated[Path, Usage("DIR")]
    """the source's folder"""
    out: Annotated[Path, Usage("DIR")]
    """where the data set goes"""
    clip_seconds: Annotated[float, Usage("S")] = 5.0
    """length of a clip; informative clips of labels that are seconds off, or of phases alone, are longer"""
    frames: Annotated[int, Usage("N")] = 8
    """frames of a clip"""
    media: Annotated[str, Usage("frames|clips|reference|none")] = "frames"
    """frames inside the rows; clips cut to files; a path and a time; or no pixels"""
    max_side: Annotated[int, Usage("PX")] = 512
    """longest side of frames and clips; 0: as they are"""
    questions: Annotated[
        str | None,
        Usage(
            "informative|nine",
            default_text="informative; with --kinds that are all asked of every clip, those",
        ),
    ] = None
    """informative: what holds, can be seen and can't be guessed without looking; nine: the nine kinds of every clip;
    of a source with sets of its own (pitvqa: ours, official) the name of one, too"""
    kinds: Annotated[tuple[str, ...], Usage("KIND", default_text="all that are informative")] = ()
    """kinds of questions"""
    kinds_from: Annotated[tuple[Path, ...], Usage("FILE")] = ()
    """Python files with kinds of your own (KINDS, by name), asked with the informative ones"""
    templates: Annotated[tuple[Path, ...], Usage("FILE")] = ()
    """wording of your own, in YAML: other phrasings, new kinds, another language"""
    test_cases: Annotated[tuple[str, ...], Usage("ID")] = ()
    """cases to hold out"""
    validation: Annotated[float, Usage("SHARE")] = 0.1
    """share of questions to validate on"""
    test: Annotated[float, Usage("SHARE")] = 0.2
    """share of questions to test on"""
    balance: Annotated[str, Usage("answers|cases|none")] = "none"
    """even out the answers of each kind by leaving questions out, or the training cases by weights"""
    max_blind: Annotated[float, Usage("SHARE")] = 0.6
    """warn where a blind guesser scores more: such a kind says little about seeing"""
    system: Annotated[str | None, Usage("TEXT")] = None
    """a system message before every conversation"""
    decoder: Annotated[str, Usage("pyav|decord|torchcodec")] = "pyav"
    """what decodes videos"""
    seed: Annotated[int, Usage("N")] = 0
    """of splits and wording"""
    workers: Annotated[int, Usage("N", aside=True)] = 1
    """processes; 0: none beside this one"""
    on_error: Annotated[Literal["fail", "quarantine"], Usage("fail|quarantine")] = "fail"
    """bad input: stop with a list of all of it, or leave it out and name it"""
    segmentation: Annotated[Literal["binary", "parts", "instruments", "all"] | None, Usage("TASK")] = None
    """write the config segmentation, label maps of: binary, parts, instruments, or all that has a mask"""
    push_to: Annotated[str | None, Usage("ORG/NAME", aside=True)] = None
    """publish the finished folder on the Hub"""
    source_options: Mapping[str, Any] = field(default_factory=dict)
    """the source's own options, the keyword arguments of its `cases`"""
