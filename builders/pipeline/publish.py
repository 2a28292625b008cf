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
from surgvqa.builders.pipeline.staging import clear, name_shards
from surgvqa.builders.privacy.pseudonyms import Pseudonyms, refuse_named
from surgvqa.builders.schema import Omission
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Record
from surgvqa.builders.shards.joined import join_parts
from surgvqa.builders.shards.write import made_with, source_of, staging_path
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import SCHEMA, CaseShard, LeftOut, Manifest, PlacedShard, Report
from surgvqa.cards.files.manifest import dump, with_seal
from surgvqa.cards.write.dataset import dataset_card


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A build whose shards are all there."""

    config: Build
    parameters: Mapping[str, object]  # as the manifest has them
    ready: Ready
    records: Mapping[str, Record]  # by job
    names: Pseudonyms | None

    def report(self, staging: Path, workers: int) -> Report:
        """Count the shards, and refuse splits that leak."""
        jobs, ready = self.ready.jobs, self.ready
        build_report = report.describe(
            tally(staging, jobs, self.records, workers),
            omissions=ready.omissions,
            notes=ready.notes,
            left_out=ready.left_out,
            max_blind=self.config.max_blind,
        )
        inside = any(clip.split for job in jobs for clip in job.clips)
        if not self.parameters.get(
            "official_splits"
        ):  # those are published as they are, and their leaks counted
            leakage.refuse(build_report["leaks"], but="shared_cases" if inside else None)
        return build_report

    def manifest(
        self, shards: Mapping[str, CaseShard], wholes: Sequence[PlacedShard], build_report: Report
    ) -> Manifest:
        """Return the manifest, but for the hashes of report and card."""
        jobs, surveys = self.ready.jobs, self.ready.surveys
        code = made_with()
        digests = {path: sha for job in jobs for path, sha in surveys[job.case.case_id].digests.items()}
        return {
            "schema": SCHEMA,
            "surgvqa": code["surgvqa"],
            "versions": code["versions"],
            "code": code["code"],
            "source": source_of(sources.facts_of(self.config.source, [job.case for job in jobs])),
            "parameters": dict(self.parameters),
            "commands": [command_of(self.config, self.names)],
            "splits": {
                case_id: "+".join(job.split for job in jobs if job.case.case_id == case_id)
                for case_id in sorted({job.case.case_id for job in jobs})
            },
            "counts": build_report["splits"],
            "files": {
                file["path"]: {"sha256": file["sha256"], "bytes": file["bytes"]}
                for file in (
                    *(
                        file
                        for record in shards.values()
                        for file in record["files"].values()
                        if "part" not in file
                    ),
                    *wholes,
                )
            },
            "shards": dict(shards),
            "source_files": dict(sorted(digests.items())),
            "dropped": left_out(self.ready.omissions),
        }


def left_out(omissions: Sequence[Omission]) -> list[LeftOut]:
    """Return what is left out, as the manifest lists it."""
    return [{"item": one.item, "cause": one.cause, "fault": one.fault} for one in omissions]


def finish(publication: Publication, staging: Path, workers: int) -> Manifest:
    """Give every file its final name, then write the report, the card and, last, the manifest."""
    out, names = publication.config.out, publication.names
    shards = name_shards(publication.ready.jobs, publication.records)
    build_report = publication.report(staging, workers)
    text = dump(build_report)
    wholes = join_parts(shards, staging)
    manifest = publication.manifest(shards, [*wholes.values()], build_report)
    card = dataset_card(manifest, json.loads(text))  # in the order of the file, as a repair reads it
    manifest["derived"] = manifests.text_hashes({manifests.REPORT: text, manifests.CARD: card})
    write_text(staging / "plan.json", json.dumps(shards))
    places = {
        staging_path(staging, key, name): file["path"]
        for key, record in shards.items()
        for name, file in record["files"].items()
        if "part" not in file
    } | {whole: file["path"] for whole, file in wholes.items()}
    for here, place in places.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        here.replace(out / place)
    for folder in {(out / path).parent for path in manifest["files"]}:
        sync_folder(folder)
    write_text(out / manifests.REPORT, text, staging)
    write_text(out / manifests.CARD, card, staging)
    if names is not None:
        refuse_named(out, manifest, names)
    write_text(out / manifests.NAME, dump(with_seal(manifest)), staging)
    clear(staging)
    return manifest
