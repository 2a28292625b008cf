"""The end of a build: final names, report, card and, last, the manifest; before it there is no data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders import sources
from surgvqa.builders.cases import leakage
from surgvqa.builders.files.parquet import sync_folder, write_text
from surgvqa.builders.pipeline import report
from surgvqa.builders.pipeline.count_shards import tally
from surgvqa.builders.pipeline.parameters import command_of
from surgvqa.builders.pipeline.prepare import Ready
from surgvqa.builders.pipeline.staging import clear, named
from surgvqa.builders.privacy.pseudonyms import Pseudonyms, refuse_named
from surgvqa.builders.schema import Dropped
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Record
from surgvqa.builders.shards.write import made_with, source_of, staged
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import SCHEMA, CaseShard, LeftOut, Manifest, Report
from surgvqa.cards.files.manifest import dump, sealed
from surgvqa.cards.write.dataset import dataset_card


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A build whose shards are all there."""

    config: Build
    parameters: Mapping[str, object]  # as the manifest has them
    ready: Ready
    records: Mapping[str, Record]  # by job
    names: Pseudonyms | None

    def report(self, staging: Path, workers: int) -> Report:
        """Count the shards, and refuse splits that leak."""
        jobs, ready = self.ready.jobs, self.ready
        described = report.describe(
            tally(staging, jobs, self.records, workers),
            dropped=ready.dropped,
            notes=ready.notes,
            left_out=ready.left_out,
            max_blind=self.config.max_blind,
        )
        inside = any(clip.split for job in jobs for clip in job.clips)
        if not self.parameters.get(
            "official_splits"
        ):  # those are published as they are, and their leaks counted
            leakage.refuse(described["leaks"], but="shared_cases" if inside else None)
        return described

    def manifest(self, shards: Mapping[str, CaseShard], described: Report) -> Manifest:
        """Return the manifest, but for the hashes of report and card."""
        jobs, surveys = self.ready.jobs, self.ready.surveys
        code = made_with()
        digests = {path: sha for job in jobs for path, sha in surveys[job.case.case_id].digests.items()}
        return {
            "schema": SCHEMA,
            "surgvqa": code["surgvqa"],
            "versions": code["versions"],
            "code": code["code"],
            "source": source_of(sources.load(self.config.source).FACTS),
            "parameters": dict(self.parameters),
            "commands": [command_of(self.config, self.names)],
            "splits": {
                case_id: "+".join(job.split for job in jobs if job.case.case_id == case_id)
                for case_id in sorted({job.case.case_id for job in jobs})
            },
            "counts": described["splits"],
            "files": {
                found["path"]: {"sha256": found["sha256"], "bytes": found["bytes"]}
                for record in shards.values()
                for found in record["files"].values()
            },
            "shards": dict(shards),
            "source_files": dict(sorted(digests.items())),
            "dropped": left_out(self.ready.dropped),
        }


def left_out(dropped: Sequence[Dropped]) -> list[LeftOut]:
    """Return what is left out, as the manifest lists it."""
    return [{"item": one.item, "cause": one.cause, "fault": one.fault} for one in dropped]


def finish(built: Built, staging: Path, workers: int) -> Manifest:
    """Give every file its final name, then write the report, the card and, last, the manifest."""
    out, names = built.config.out, built.names
    shards = named(built.ready.jobs, built.records)
    described = built.report(staging, workers)
    text = dump(described)
    manifest = built.manifest(shards, described)
    card = dataset_card(manifest, json.loads(text))  # in the order of the file, as a repair reads it
    manifest["derived"] = manifests.derived({manifests.REPORT: text, manifests.CARD: card})
    write_text(staging / "plan.json", json.dumps(shards))
    for key, record in shards.items():
        for name, found in record["files"].items():
            path = out / found["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            staged(staging, key, name).replace(path)
    for folder in {(out / path).parent for path in manifest["files"]}:
        sync_folder(folder)
    write_text(out / manifests.REPORT, text, staging)
    write_text(out / manifests.CARD, card, staging)
    if names is not None:
        refuse_named(out, manifest, names)
    write_text(out / manifests.NAME, dump(sealed(manifest)), staging)
    clear(staging)
    return manifest
