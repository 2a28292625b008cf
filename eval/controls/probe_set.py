"""A data set's clips asked the sanity suite: other words, absent things, safety checks.

    surgvqa-eval probes out/cataract --out out/cataract-probes
    surgvqa-eval predict out/cataract-probes --model runs/first --out probes.jsonl
    surgvqa-eval score probes.jsonl --data out/cataract-probes

The clips and their own questions stay as they are. Beside them stand each question's other phrasings
(``{qa_id}~1``), for each clip one thing that is there and one that isn't, and, where the annotations hold a
procedure's events, whether a safety gate has been met and whether a red flag shows. Nothing is asked whose
right answer is not annotated: no "what to do if it bleeds now".
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from surgvqa.builders.cases import draws
from surgvqa.builders.columns import List
from surgvqa.builders.procedures import taxonomy
from surgvqa.builders.questions import wording
from surgvqa.builders.schema import FEATURES, QA_COLUMNS, QA_FEATURES
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.eval.data import whole
from surgvqa.eval.scoring.probes import PHRASING_MARK
from surgvqa.eval.settings.one_split import absent_split

Row = dict[str, Any]
GATE = (
    "Has this safety check been met: {a}?",
    "Is the safety check {a} fulfilled by now?",
    "Safety check: {a}. Has it been confirmed?",
    "Can the safety check {a} be ticked off at this point?",
)
RED_FLAG = (
    "Is there a red flag here, namely {a}?",
    "Does this show a red flag: {a}?",
    "Red flag check: {a}. Is it happening?",
    "Do you see {a} at this moment?",
)
CARD = """---
configs:
- config_name: clips
  data_files:
  - {{split: {split}, path: clips/{split}-*.parquet}}
- config_name: qa
  data_files:
  - {{split: {split}, path: qa/{split}-*.parquet}}
---
# Sanity probes on {name}, split {split}

Made by `surgvqa-eval probes`: {counts}. Clips and licence are those of {name}.
"""


def probe_set(
    folder: Path, out: Path, split: str, phrasings: int, procedure: str | None, seed: int
) -> Counter[str]:
    """Write ``out`` as a data set folder whose questions are the probes; how many of each there are.

    Args:
        folder: a data set that ``surgvqa-build`` wrote.
        out: a new folder, or one that this wrote before.
        split: whose clips are asked.
        phrasings: how many other phrasings a question gets, at most what its kind has.
        procedure: the taxonomy with the safety gates, a name or a file; by default the data set's own.
        seed: of the wording and of what is asked about.
    """
    whole.check(folder, "clips")
    shards = sorted((folder / "clips").glob(f"{split}-*.parquet"))
    if not shards:
        raise absent_split(
            folder, split, {path.name.partition("-")[0] for path in (folder / "clips").glob("*.parquet")}
        )
    if out.resolve() == folder.resolve():
        raise InputError(f"--out {out} is the data set itself; give a new folder")
    surroundings = _Surroundings(shards, procedure)
    counts: Counter[str] = Counter()
    (out / manifests.NAME).unlink(missing_ok=True)  # from here to the end ``out`` is no data set
    for config in ("clips", "qa"):
        (out / config).mkdir(parents=True, exist_ok=True)
    files = [out / config / f"{split}-00000.parquet" for config in ("clips", "qa")]
    with (
        _writer(_part(files[0]), FEATURES.arrow_schema) as clips,
        _writer(_part(files[1]), QA_FEATURES.arrow_schema) as questions,
    ):
        for row in _rows(shards):
            probes = list(_probes(row, surroundings, phrasings, seed))
            counts.update(group for group, _ in probes)
            row["qa"] = [_fill_row(qa) for _, qa in probes]
            system = [turn for turn in row["messages"] if turn["role"] == "system"]
            row["messages"] = system + [turn for qa in row["qa"] for turn in _turns(qa)]
            clips.write_table(pa.Table.from_pylist([row], schema=FEATURES.arrow_schema))
            place = (
                {name: row.get(name) for name in QA_FEATURES if name not in row["qa"][0]} if row["qa"] else {}
            )
            rows = [qa | place for qa in row["qa"]]
            questions.write_table(pa.Table.from_pylist(rows, schema=QA_FEATURES.arrow_schema))
    for path in files:
        _part(path).replace(path)
    for shard in sorted((folder / "qa").glob("train-*.parquet")):  # what a blind guesser learns from
        shutil.copyfile(shard, out / "qa" / shard.name)
    summary = ", ".join(f"{number} {group}" for group, number in counts.items())
    (out / "README.md").write_text(
        CARD.format(split=split, name=folder.name, counts=summary), encoding="utf-8"
    )
    manifests.seal(
        out, {"probes": {"of": folder.name, "split": split, "phrasings": phrasings, "seed": seed, **counts}}
    )
    return counts


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _writer(path: Path, schema: pa.Schema) -> parquet.ParquetWriter:
    return parquet.ParquetWriter(path, schema, compression="snappy", write_page_checksum=True)


def _rows(shards: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[Row]:
    for shard in shards:
        for batch in parquet.ParquetFile(shard).iter_batches(batch_size=8, columns=columns):
            yield from batch.to_pylist()


def _fill_row(qa: Row) -> Row:
    return {
        name: qa.get(name, [] if isinstance(column, List) else None) for name, column in QA_COLUMNS.items()
    }


def _turns(qa: Row) -> list[dict[str, str]]:
    return [{"role": "user", "content": qa["question"]}, {"role": "assistant", "content": qa["answer"]}]


class _Surroundings:
    """The surroundings of a clip in its split: things per phase, and events per case."""

    def __init__(self, shards: Sequence[Path], procedure: str | None) -> None:
        self.shown_names: dict[str | None, set[str]] = defaultdict(set)
        self.events: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.procedure: taxonomy.Taxonomy | None = None
        for row in _rows(shards, ["case_id", "procedure", "phase", "scene"]):
            if self.procedure is None and (procedure or row["procedure"] in taxonomy.shipped_procedures()):
                self.procedure = taxonomy.load(procedure or row["procedure"])
            if row["scene"]:
                scene = json.loads(row["scene"])
                self.shown_names[row["phase"]].update(node["name"] for node in scene.get("nodes", ()))
                self.events[row["case_id"]] += [
                    (scene["time_s"], name)
                    for event in scene.get("events", ())
                    if (name := self._event(event))
                ]

    def _event(self, label: str) -> str | None:
        """Return the taxonomy's name of an event; None for those it doesn't list, as our own "entered: …"."""
        spellings = self.procedure.spellings if self.procedure else {}
        return spellings.get(("event", taxonomy.plain(label)))

    def absent(self, row: Row, there: set[str]) -> list[str]:
        """Things the split shows in this phase but not in this scene; else in any phase."""
        everywhere = set().union(*self.shown_names.values())
        return sorted(self.shown_names[row["phase"]] - there) or sorted(everywhere - there)


def _probes(row: Row, around: _Surroundings, phrasings: int, seed: int) -> Iterator[tuple[str, Row]]:
    """Yield a clip's questions, each with the probe it belongs to."""
    scene = json.loads(row["scene"]) if row["scene"] else None
    own = [("original", qa) for qa in row["qa"]]
    if scene and not any(qa["kind"] == "presence" for qa in row["qa"]):
        own += [("presence", qa) for qa in _presence(row, scene, around, seed)]
    if around.procedure is not None:
        own += [("safety", qa) for qa in _safety(row, scene, around, around.procedure, seed)]
    for group, qa in own:
        yield group, qa
        for number, question in enumerate(others(qa["kind"], qa["question"])[:phrasings], start=1):
            yield "rephrased", qa | {"qa_id": f"{qa['qa_id']}{PHRASING_MARK}{number}", "question": question}


def others(kind: str, question: str) -> list[str]:
    """Return the same question in the kind's other words; none where it isn't one of ours.

    >>> others("presence", "Is the phaco tip visible?")[0]
    'Can the phaco tip be seen here?'
    """
    templates = {"gate": GATE, "red_flag": RED_FLAG}.get(kind) or wording.QUESTIONS.get(kind, ())
    for template in templates:
        parts = re.split(r"\{(\w+)\}", template)
        names = parts[1::2]
        pattern = "(.+)".join(re.escape(part) for part in parts[::2])
        if match := re.fullmatch(pattern, question):
            slots = dict(zip(names, match.groups(), strict=True))
            return [other.format(**slots) for other in templates if other != template]
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class _YesNo:
    """A question whether something is so."""

    kind: str
    suffix: str  # of its id, one for each of the clip's questions of the kind
    words: Sequence[str]  # its wordings
    name: str  # what is asked about
    truth: bool

    def row(self, clip: Row, seed: int) -> Row:
        """Return it as an entry of ``qa``."""
        qa_id = f"{clip['clip_id']}#{self.kind}-{self.suffix}"
        if self.kind == "presence":
            answer = wording.ANSWERS[self.kind][0 if self.truth else 1].format(a=self.name)
        else:
            answer = f"Yes: {self.name}." if self.truth else f"No: not {self.name}."
        return {
            "qa_id": qa_id,
            "kind": self.kind,
            "reasoning": "verification",
            "question": draws.pick(self.words, "probe", seed, qa_id).format(a=self.name),
            "answer": answer,
            "short_answer": "yes" if self.truth else "no",
            "choices": ["yes", "no"],
        }


def _presence(row: Row, scene: Mapping[str, Any], around: _Surroundings, seed: int) -> Iterator[Row]:
    there = {node["name"] for node in scene.get("nodes", ())}
    absent = around.absent(row, there)
    if there and absent:
        for truth, names in ((True, sorted(there)), (False, absent)):
            name = draws.pick(names, "presence probe", seed, row["clip_id"], truth)
            suffix = f"probe-{truth:d}"
            words = wording.QUESTIONS["presence"]
            yield _YesNo(kind="presence", suffix=suffix, words=words, name=name, truth=truth).row(row, seed)


def _safety(
    row: Row, scene: Mapping[str, Any] | None, around: _Surroundings, procedure: taxonomy.Taxonomy, seed: int
) -> Iterator[Row]:
    """Gates whose event the case has, met from then on; red flags of a scene, and as many that aren't there."""
    case_events = around.events[row["case_id"]]
    for number, gate in enumerate(procedure.gates):
        times = [time for time, name in case_events if name == gate.event]
        if times:
            met_by_then = min(times) < row["end_s"]
            yield _YesNo(kind="gate", suffix=str(number), words=GATE, name=gate.name, truth=met_by_then).row(
                row, seed
            )
    gates = {gate.event for gate in procedure.gates}
    flags = {name for own in around.events.values() for _, name in own} - gates
    if scene and flags:
        here = {name for time, name in case_events if row["start_s"] <= time < row["end_s"]} & flags
        for name in sorted(here):
            suffix = f"yes-{taxonomy.plain(name)}"
            yield _YesNo(kind="red_flag", suffix=suffix, words=RED_FLAG, name=name, truth=True).row(row, seed)
        if absent := sorted(flags - here):
            name = draws.pick(absent, "red flag", seed, row["clip_id"])
            if here or draws.fraction("calm", seed, row["clip_id"]) < 0.25:
                yield _YesNo(kind="red_flag", suffix="no", words=RED_FLAG, name=name, truth=False).row(
                    row, seed
                )
