"""Files of LLaVA, ShareGPT or Qwen messages in, as a data set with config `instruct`; and such files out of one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json, read_json_lines
from surgvqa.builders.cases.splits import SPLITS, assign
from surgvqa.builders.files import parquet, pictures
from surgvqa.builders.files.one_command import alone
from surgvqa.builders.instruct import llava
from surgvqa.builders.instruct.folder import (
    CONFIG,
    FRAMES_PER_SHARD,
    ROWS_PER_GROUP,
    Build,
    empty_folder,
    finish,
    picture,
    refuse_foreign,
)
from surgvqa.builders.pipeline.staging import remove
from surgvqa.builders.privacy.pseudonyms import Pseudonyms
from surgvqa.builders.privacy.pseudonyms import load as load_pseudonyms
from surgvqa.builders.questions import messages
from surgvqa.builders.schema import Case, Facts
from surgvqa.builders.settings.interchange import Import
from surgvqa.builders.teachers.samples import INSTRUCT_FEATURES
from surgvqa.cards.arguments.option import options
from surgvqa.cards.arguments.words import command_words
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import SCHEMA, InstructReport
from tqdm import tqdm

FORMS = ("llava", "sharegpt", "qwen")
FACTS = Facts(
    name="Imported conversations",
    homepage="https://github.com/surgvqa/surgvqa",
    licence="other: whatever the author of the file decides",
    access="from the author of the file",
    citation="@misc{imported, title = {Conversations of another author}}",
    procedure="as the file has it",
)


def import_file(config: Import) -> InstructReport:
    """Write a data set from a JSON file of conversations; returns its report.

    Raises:
        InputError: what is no sample, by its number; a picture that isn't there; a name the pattern doesn't find.
    """
    path, out, case = config.file, config.out, config.case
    refuse_foreign(out)
    losses: Counter[str] = Counter()
    rows, has_unnamed = _convert_samples(path, case, losses)
    root = config.images or path.parent
    names = load_pseudonyms(config.pseudonyms, out) if config.pseudonyms is not None else None
    places: dict[str, Path] = {}
    for one in (one for row in rows for one in row["image_names"] if config.media == "frames"):
        places[names.file(one) if names else one] = picture(root, one)
    if names is not None:
        losses["what only the file's own form can say (--pseudonyms)"] = sum(
            bool(row["llava"]) for row in rows
        )
        rows = [_pseudonymise(row, names, bool(case)) for row in rows]
        names.save()
    split = _split(rows, case, config.seed, config.validation, config.test)
    files = _write(rows, split, places, config)
    report = _report(rows, split, "a file" if names else path.name, losses)
    parameters = {
        "source": CONFIG, "imported": "FILE" if names else path.name, "case": "PATTERN" if case and names else case,
        "media": config.media, "max_side": config.max_side or None, "validation": config.validation,
        "test": config.test, "seed": config.seed,
    }  # fmt: skip
    build = Build(
        facts=FACTS,
        source=path,
        files=files,
        report=report,
        parameters=parameters,
        split=split,
        command=command_of(config, keeps_name=names is None and has_unnamed),
    )
    finish(out, build, names)
    return report


def _convert_samples(path: Path, case: str, losses: Counter[str]) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the rows of a file, and whether a sample had no id and got one from the file's name.

    What a row can't hold is counted in ``losses``.
    """
    rows: list[Mapping[str, Any]] = []
    has_unnamed = False
    for number, sample in enumerate(_samples(path)):
        where = f"{path.name}: sample {number}"
        llava_sample, form_losses = _as_llava(sample, where)
        row, row_losses = llava.to_row(llava_sample, where)
        losses.update(_kinds((*form_losses, *row_losses)))
        own = {"id": row["id"] or f"{path.stem}-{number:06d}", "case_id": _case(row, case, where)}
        if row["id"] is None:  # ours has one; on the way back it is left out again
            has_unnamed, own["llava"] = True, _without_id(row["llava"])
        rows.append({**row, **own})
    return rows, has_unnamed


def _report(
    rows: Sequence[Mapping[str, Any]], split: Mapping[str, str], file_name: str, losses: Mapping[str, int]
) -> InstructReport:
    """Return the report on imported rows; ``file_name`` is the file's name."""
    parts = {name: [row for row in rows if split[row["case_id"]] == name] for name in SPLITS}
    return {
        "schema": SCHEMA,
        "splits": {
            name: {
                "cases": len({row["case_id"] for row in part}),
                "frames": len({tuple(row["image_names"]) for row in part}),
                "samples": len(part),
            }
            for name, part in parts.items()
            if part
        },
        "teacher": f"unknown, imported from {file_name}",
        "samples": {"imported": {"accepted": len(rows), "refused": 0}},
        "accepted_share": None,
        "reasons": {},
        "weak": 0,
        "lost": {what: count for what, count in sorted(losses.items()) if count},
    }


def command_of(config: Import, keeps_name: bool) -> list[str]:
    """Return the command that imports the same again, for a card; with the file's name where ids come from it."""
    import_options = options(Import)
    if config.pseudonyms is not None and config.case:
        config = replace(config, case="PATTERN")  # it may spell a name
    words = command_words("surgvqa-build", "import", import_options, config)
    place = words.index(f"FILE{config.file.suffix}") if keeps_name else 0
    return [config.file.name if place and index == place else word for index, word in enumerate(words)]


def _pseudonymise(row: Mapping[str, Any], names: Pseudonyms, by_case: bool) -> dict[str, Any]:
    """Return a row under other names; keys that only its file knew could say anything of anyone."""
    return {
        **row,
        "id": names.of("sample", row["id"]),
        "case_id": names.case(row["case_id"]) if by_case else row["case_id"],
        "image_names": [names.file(name) for name in row["image_names"]],
        "llava": None,
    }


def _samples(path: Path) -> list[Any]:
    if not path.is_file():
        raise InputError(f"no file {path}; give a JSON file of conversations")
    if path.suffix == ".jsonl":
        return read_json_lines(path, path.name)
    document = read_json(path, path.name)
    return document if isinstance(document, list) else [document]


def _as_llava(sample: Any, where: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Return a sample of any of the three forms as a LLaVA sample, told apart by its keys."""
    if isinstance(sample, Mapping) and "messages" in sample:
        try:
            return llava.from_qwen(sample)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{where}: no messages of roles and contents ({error!r})") from error
    if isinstance(sample, Mapping) and "images" in sample and "image" not in sample:
        return llava.from_sharegpt(sample)
    return sample, ()


def _case(row: Mapping[str, Any], pattern: str, where: str) -> str:
    if not pattern:
        return "all"
    try:
        match = re.search(pattern, " ".join(row["image_names"]).replace("\\", "/"))
    except re.error as error:
        raise InputError(f"--case {pattern!r} is no pattern: {error}") from error
    if match is None:
        raise InputError(
            f"{where}: --case {pattern!r} finds nothing in {', '.join(row['image_names']) or 'no picture'}"
        )
    return match[1] if match.groups() else match[0]


def _without_id(extra_json: str | None) -> str:
    extra = json.loads(extra_json or "{}")
    extra["without"] = [*extra.get("without", ()), "id"]
    return json.dumps(extra, ensure_ascii=False)


def _kinds(losses: Sequence[str]) -> set[str]:
    """List what was lost, without the numbers that differ from sample to sample."""
    return {re.sub(r"\d+", "N", one) for one in losses}


def _split(
    rows: Sequence[Mapping[str, Any]], case: str, seed: int, validation: float, test: float
) -> dict[str, str]:
    counts = Counter(row["case_id"] for row in rows)
    if not counts:
        raise InputError("no sample in the file")
    if not case:
        return {"all": "train"}
    cases = [Case(case_id, "imported", "") for case_id in sorted(counts)]
    by_case = {case_id: {"samples": count} for case_id, count in counts.items()}
    return assign(cases, kinds_by_case=by_case, seed=seed, validation=validation, test=test)


def _write(
    rows: Sequence[Mapping[str, Any]], split: Mapping[str, str], places: Mapping[str, Path], config: Import
) -> list[Path]:
    """Write the shards of every split; ``places`` are the pictures by name."""
    folder = empty_folder(config.out)
    files = []
    with tqdm(total=len(rows), desc="import", unit="sample", disable=None) as bar:
        for name in SPLITS:
            mine = [row for row in rows if split[row["case_id"]] == name]
            total = -(-len(mine) // FRAMES_PER_SHARD)
            for number in range(total):
                path = folder / f"{name}-{number:05d}-of-{total:05d}.parquet"
                with parquet.writer(path, INSTRUCT_FEATURES, ROWS_PER_GROUP) as put:
                    for row in mine[number * FRAMES_PER_SHARD : (number + 1) * FRAMES_PER_SHARD]:
                        images = [
                            _jpeg(places[one], config.max_side or None)
                            for one in row["image_names"]
                            if config.media == "frames"
                        ]
                        empty = dict.fromkeys(("time_s", "sample", "scene", "weak", "teacher"))
                        put(empty | dict(row) | {"images": images, "verdict": "unchecked"})
                        bar.update()
                files.append(path)
    return files


def _jpeg(path: Path, max_side: int | None) -> dict[str, Any]:
    return {
        "bytes": pictures.encode_jpeg(pictures.resize(pictures.read_picture(path), max_side)),
        "path": None,
    }


# ---- out


def export(folder: Path, out: Path, form: str, config: str = CONFIG) -> dict[str, int]:
    """Write SPLIT.json files of a data set in another form, with the pictures beside them; returns what is lost.

    Args:
        folder: a data set; of config `instruct`, or `clips` of a build.
        out: the folder to write; it must be empty or new.
        form: llava, sharegpt or qwen.
        config: which of its configs.

    Raises:
        InputError: no such data set or form; a picture's name that leaves ``out``.
    """
    if form not in FORMS:
        raise InputError(f"--as {form}: known are {', '.join(FORMS)}")
    refuse_full(out)
    shards = sorted((folder / config).glob("*-*.parquet"))
    if not shards:
        raise InputError(
            f"{folder} has no config {config}; `surgvqa-build instruct` writes instruct, a source clips"
        )
    with alone(staging := out.with_name(f"{out.name}.part")):  # under its own name it is whole
        for old in staging.iterdir():
            remove(old)
        with parquet.verify_unchanged(folder, shards):
            losses = _export(shards, staging, form, config)
        refuse_full(out)  # another command may have been quicker
        if out.exists():
            out.rmdir()
        staging.replace(out)
    return dict(sorted(losses.items()))


def refuse_full(out: Path) -> None:
    """Raise where a folder holds something."""
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; give a new folder")


def _export(shards: Sequence[Path], out: Path, form: str, config: str) -> Counter[str]:
    """Write the samples and pictures of shards; returns what the form can't say."""
    losses: Counter[str] = Counter()
    by_split: dict[str, list[Path]] = {}
    for shard in shards:
        by_split.setdefault(shard.name.split("-")[0], []).append(shard)
    for split, paths in by_split.items():
        with (out / f"{split}.json").open("w", encoding="utf-8") as file:
            before = "[\n"
            for row in parquet.read_rows(paths):
                sample, row_losses = _convert_row(row, form, config)
                losses.update(_kinds(row_losses))
                _pictures(row, sample_names(row, config), out)
                file.write(before + json.dumps(sample, ensure_ascii=False))
                before = ",\n"
            file.write("\n]\n")
    return losses


def _convert_row(row: Mapping[str, Any], form: str, config: str) -> llava.Conversion:
    sample = llava.to_sample(row) if config == CONFIG else messages.llava(row)
    if form == "llava":
        losses = ("a system message",) if config != CONFIG and row["messages"][0]["role"] == "system" else ()
        return llava.Conversion(sample, losses)
    return llava.to_sharegpt(sample) if form == "sharegpt" else llava.to_qwen(sample)


def sample_names(row: Mapping[str, Any], config: str) -> list[str]:
    """Return the names that a sample gives its pictures."""
    return (
        llava.row_names(row) if config == CONFIG else messages.image_names(row["clip_id"], len(row["images"]))
    )


def _pictures(row: Mapping[str, Any], names: Sequence[str], out: Path) -> None:
    for name, image in zip(names, row["images"] or (), strict=False):
        path = out / name.replace("\\", "/")
        if not path.resolve().is_relative_to(out.resolve()):
            raise InputError(f"the picture {name!r} lies outside {out}")
        if not path.exists():  # three samples show one picture
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(image["bytes"])
