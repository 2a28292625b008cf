"""Several data sets in, one out: checked first, written beside its name, and there when it is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from surgvqa.builders.cases import leakage
from surgvqa.builders.files.one_command import alone
from surgvqa.builders.mixing import licences, people, write
from surgvqa.builders.mixing.people import Part, Plan
from surgvqa.builders.pipeline import report
from surgvqa.builders.pipeline.count_shards import count_file
from surgvqa.builders.pipeline.staging import remove
from surgvqa.builders.schema import Omission
from surgvqa.builders.settings.mix import Mix
from surgvqa.builders.shards.write import made_with
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests
from surgvqa.cards.files.documents import SCHEMA, LeftOut, Manifest, Report, Source
from surgvqa.cards.write.dataset import data_configs, dataset_card


def mix(config: Mix) -> Manifest:
    """Write the data set ``config.out`` out of several; returns its manifest.

    Raises:
        InputError: fewer than two sets, a set that isn't as it was written, other media, weights that don't fit, or
            operations in two splits.
    """
    parts = read(config.folders)
    refuse(parts, config)
    plan = people.plan(parts, config.drop_shared)
    staging = config.out.with_name(f"{config.out.name}.part")
    with alone(staging):  # under its own name it is whole
        for old in staging.iterdir():
            remove(old)
        manifest = _write(parts, plan, config, staging)
        refuse_full(config.out)
        if config.out.exists():
            config.out.rmdir()
        staging.replace(config.out)
    return manifest


def read(folders: Sequence[Path]) -> list[Part]:
    """Read the sets' manifests; each is held against its files."""
    if len(folders) < 2:
        raise InputError(f"{len(folders)} data set given; a mix is made of two or more")
    set_manifests = [manifests.whole(folder) for folder in folders]
    for folder, manifest in zip(folders, set_manifests, strict=True):
        wrong = [*manifests.faults(folder, manifest["files"]), *manifests.seal_faults(folder, manifest)]
        if wrong:
            raise InputError(f"{folder} is not as it was written: {wrong[0]}; {manifests.MEND}")
        if "clips" not in data_configs(manifest["files"]) or "splits" not in manifest:
            raise InputError(f"{folder} has no config clips; mix takes what `surgvqa-build SOURCE` writes")
    labels = people.labels(folders, set_manifests)
    return [
        Part(label=label, folder=folder, manifest=manifest)
        for label, folder, manifest in zip(labels, folders, set_manifests, strict=True)
    ]


def refuse(parts: Sequence[Part], config: Mix) -> None:
    """Raise for options that can't be."""
    if config.weights and len(config.weights) != len(parts):
        raise InputError(
            f"--weights: {len(config.weights)} numbers for {len(parts)} sets; one each, in their order"
        )
    if any(not 0 < weight < float("inf") for weight in config.weights):
        raise InputError(
            f"--weights {' '.join(f'{one:g}' for one in config.weights)}: numbers above 0 are due"
        )
    media = {part.label: part.manifest["parameters"].get("media") for part in parts}
    if len(set(media.values())) > 1:
        media_text = ", ".join(f"{label} has {kind}" for label, kind in media.items())
        raise InputError(f"the sets differ in --media ({media_text}); build them with the same")
    refuse_full(config.out)


def refuse_full(out: Path) -> None:
    """Raise where a folder holds something."""
    if out.is_file() or (out.exists() and any(out.iterdir())):
        raise InputError(f"--out {out} is not empty; give a new folder")


def _write(parts: Sequence[Part], plan: Plan, config: Mix, out: Path) -> Manifest:
    shards = write.write(parts, plan, config.weights, out)
    left_out = [*plan.left_out, *_config_omissions(parts), *_inherited_omissions(parts)]
    mix_report = report.describe(
        {split: report.together(count_file(path) for path in paths) for split, paths in shards.items()},
        omissions=[Omission(one["item"], one["cause"]) for one in left_out],
        notes=_notes(parts, plan),
    )
    leakage.refuse(mix_report["leaks"])
    text = manifests.dump(mix_report)
    manifest = _manifest(parts, plan, config, mix_report)
    manifest["dropped"] = left_out
    manifest["files"] = {
        name: manifests.shard_of(out / name)
        for name in manifests.walk(out)
        if name not in manifests.UNLISTED_FILES
    }
    card = dataset_card(manifest, json.loads(text))
    manifest["derived"] = manifests.text_hashes({manifests.REPORT: text, manifests.CARD: card})
    manifests.put(out / manifests.REPORT, text)
    manifests.put(out / manifests.CARD, card)
    sealed_manifest = manifests.with_seal(manifest)
    manifests.put(out / manifests.NAME, manifests.dump(sealed_manifest))
    return sealed_manifest


def _manifest(parts: Sequence[Part], plan: Plan, config: Mix, mix_report: Report) -> Manifest:
    code = made_with()
    words = ["surgvqa-build", "mix", *(part.label.upper() for part in parts), "--out", "OUT"]
    words += ["--weights", *(f"{one:g}" for one in config.weights)] if config.weights else []
    words += ["--drop-shared"] if config.drop_shared else []
    return {
        "schema": SCHEMA,
        "surgvqa": code["surgvqa"],
        "versions": code["versions"],
        "code": code["code"],
        "source": source(parts),
        "parameters": {
            "source": "mix",
            "sets": {part.label: part.manifest.get("sha256", "") for part in parts},
            "weights": list(config.weights),
            "drop_shared": config.drop_shared,
            "media": parts[0].manifest["parameters"].get("media"),
        },
        "commands": [*(one for part in parts for one in part.manifest.get("commands", [])), words],
        "splits": {
            plan.names[part.label, case_id]: split
            for part, case_id, split in people.cases(parts)
            if (part.label, case_id) in plan.names
        },
        "courses": {
            plan.names[part.label, case_id]: phases
            for part in parts
            for case_id, phases in part.manifest.get("courses", {}).items()
            if (part.label, case_id) in plan.names
        },
        "counts": mix_report["splits"],
        "files": {},
        "source_files": {
            f"{part.label}/{name}": digest
            for part in parts
            for name, digest in part.manifest["source_files"].items()
        },
        "dropped": [],
    }


def source(parts: Sequence[Part]) -> Source:
    """Join what the sets' cards say of where they come from."""
    licence_by_label = {part.label: part.licence for part in parts}
    strictest = licences.strictest(licence_by_label)
    facts: Mapping[str, Source] = {part.label: part.manifest["source"] for part in parts}
    procedures = sorted({one["procedure"] for one in facts.values()})
    return {
        "name": " + ".join(one["name"] for one in facts.values()),
        "homepage": facts[strictest]["homepage"],
        "licence": licences.combine(licence_by_label),
        "access": "; ".join(f"{label}: {one['access']}" for label, one in facts.items()),
        "citation": "\n".join(dict.fromkeys(one["citation"].strip() for one in facts.values())),
        "procedure": " and ".join(procedures),
    }


def _notes(parts: Sequence[Part], plan: Plan) -> list[str]:
    """Return what the card says of the sets: licences, what they share, and the sets' own notes."""
    licence_by_label = {part.label: part.licence for part in parts}
    licence_text = ", ".join(f"{label} {licence}" for label, licence in licence_by_label.items())
    notes = [f"Licences: {licence_text}; the strictest is that of {licences.strictest(licence_by_label)}"]
    notes += [*licences.warnings(licence_by_label), *people.notes(parts, plan)]
    for part in parts:
        notes += [
            f"{part.label}: {note}" for note in manifests.report_of(part.folder, part.manifest)["notes"]
        ]
    return notes


def _config_omissions(parts: Sequence[Part]) -> list[LeftOut]:
    """List the configs that don't go into a mix."""
    return [
        {"item": f"{part.label}: config {config}", "cause": "a mix holds clips and qa", "fault": False}
        for part in parts
        for config in data_configs(part.manifest["files"])
        if config not in write.CONFIGS
    ]


def _inherited_omissions(parts: Sequence[Part]) -> list[LeftOut]:
    """List what the sets themselves left out."""
    return [
        cast(LeftOut, {**one, "item": f"{part.label}: {one['item']}"})
        for part in parts
        for one in part.manifest["dropped"]
    ]
