"""The card of a data set, written from its manifest and its report alone: it says nothing nobody measured."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jinja2 import UndefinedError
from surgvqa.cards.arguments.words import shell
from surgvqa.cards.command import InputError, one_line
from surgvqa.cards.files.documents import SPLIT_NOTE, FrameAudit, Manifest, Shard, Source
from surgvqa.cards.write.markdown import Markdown, code, render, without_paths

SPLITS = ("train", "validation", "test")
# The licences the Hub knows that sources of surgical data use; anything else is "other", by name.
LICENCES = (
    "apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cc-by-nc-sa-3.0",
)  # fmt: skip
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# Of SECURITY.md, which says the same: a test holds the two together.
AUDIT_MISSES = (
    "a lone family name without a title, names in lower case, two names that no list knows side by side without a word "
    'such as "patient" or "operated by", Chinese names inside a sentence without a title, names in other scripts than '
    "Latin and Chinese, numbers without a word that says what they are"
)
# What a row of `clips` holds of the recording, by --media.
HOLDS = {
    "frames": "its frames",
    "clips": "its video",
    "reference": "the address of its recording with a poster picture",
    "none": "its times in a recording that isn't here",
}
PLACES = ("root", "out", "push_to", "workers")  # parameters that say where and how fast, never what


def dataset_card(manifest: Manifest, report: Mapping[str, Any], repo_id: str | None = None) -> str:
    """Return the README.md of a data set folder, with the metadata the Hub and ``load_dataset`` read.

    ``manifest`` and ``report`` are the folder's two JSON files; ``repo_id`` goes into the snippet.
    Text from the data is escaped; paths are cut to their last part.
    """
    try:
        if "samples" in report:
            from surgvqa.cards.write.instruct import instruct_card

            return instruct_card(manifest, report, repo_id or "ORG/NAME")
        return _card(manifest, report, repo_id or "ORG/NAME")
    except (KeyError, UndefinedError) as error:
        raise InputError(
            f"the manifest or report lacks {error}; build the data set again with this version"
        ) from None


def _card(manifest: Manifest, report: Mapping[str, Any], repo_id: str) -> str:
    source, splits = manifest["source"], report["splits"]
    totals = {key: sum(split[key] for split in splits.values()) for key in ("cases", "clips", "qa")}
    kinds = sorted(report["kinds"].items())
    first_causes: dict[str, str] = {}  # of each kind of cause the first one, without paths
    omission_causes = Counter(
        first_causes.setdefault(general_cause(item["cause"]), without_paths(item["cause"]))
        for item in manifest["dropped"]
    )
    media = str(manifest["parameters"].get("media", "frames"))
    single = [code(name) for name, kind in kinds if kind["single_class"]]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest["versions"].items()))
    configs = data_configs(manifest["files"])
    return render(
        "dataset.md",
        card_data=Markdown(metadata(source, configs, totals["clips"], content(manifest["files"]))),
        title=f"{source['name']}: questions on surgical video",
        manifest=manifest,
        source=source,
        totals=totals,
        splits=[(name, splits[name]) for name in sort_splits(splits)],
        kinds=kinds,
        report=report,
        dropped=omission_causes.most_common(20),
        dropped_total=len(manifest["dropped"]),
        notes=[without_paths(note) for note in report["notes"] if not note.startswith(SPLIT_NOTE)],
        split_by=[note.removeprefix(SPLIT_NOTE) for note in report["notes"] if note.startswith(SPLIT_NOTE)],
        command=commands(manifest),
        source_files=len(manifest["source_files"]),
        versions=versions,
        snippet=snippet(repo_id, configs),
        single_answer=Markdown(", ".join(single)),
        holds=HOLDS.get(media, HOLDS["frames"]),
        has_pictures=media != "none",
        privacy=privacy(manifest.get("privacy"), has_pictures=media != "none"),
    )


def metadata(source: Source, configs: Mapping[str, list[str]], rows: int, content: str) -> str:
    """Return the YAML at the top of the card, without its dashes.

    ``content`` goes into the configs because ``load_dataset`` (5.2) caches a local folder under its last name
    and this YAML alone: without it a folder that was built again, or another one of that name, gives old rows.
    """
    from huggingface_hub import DatasetCardData  # a third of a second; not before a card is really written

    licence = re.sub(r"[\s_]+", "-", source["licence"].strip().lower())
    is_known = licence in LICENCES
    data = DatasetCardData(
        language="en",
        license=licence if is_known else "other",
        license_name=None if is_known else re.sub(r"[^a-z0-9.]+", "-", licence)[:60].strip("-.") or "unnamed",
        license_link=None if is_known else one_line(source["homepage"]),
        annotations_creators=["expert-generated"],
        pretty_name=one_line(f"{source['name']} VQA"),
        size_categories=[next((name for limit, name in SIZES if rows < limit), "1M<n<10M")],
        source_datasets=["extended"],
        task_categories=["visual-question-answering", "video-text-to-text"],
        tags=["surgery", "medical", "video", "surgvqa", re.sub(r"\W+", "-", source["procedure"].lower())],
        configs=[
            {"config_name": name}
            | ({"default": True} if name == "clips" else {})
            | {"description": f"content {content}"}
            | {"data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits]}
            for name, splits in configs.items()
        ],
    )
    return data.to_yaml()


def content(files: Mapping[str, Shard]) -> str:
    """Return a short name for what is in a folder's files."""
    hashes = [f"{name} {files[name]['sha256']}" for name in sorted(files)]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def data_configs(files: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the configs of a folder and the splits each has, read from the names of its shards; ``clips`` first.

    >>> data_configs({"qa/test-00000.parquet": 0, "clips/test-00000.parquet": 0, "clips/train-00000.parquet": 0})
    {'clips': ['train', 'test'], 'qa': ['test']}
    """
    splits_by_config: dict[str, set[str]] = {}
    for path in files:
        if match := re.fullmatch(r"(\w+)/(\w+)-[^/]*\.parquet", path):
            splits_by_config.setdefault(match[1], set()).add(match[2])
    return {
        name: sort_splits(splits_by_config[name])
        for name in sorted(splits_by_config, key=lambda name: (name != "clips", name))
    }


def sort_splits(splits: Any) -> list[str]:
    """Split names in the usual order."""
    return sorted(splits, key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))


def snippet(repo_id: str, configs: Mapping[str, list[str]]) -> str:
    """Return the lines that load each config."""
    lines = [
        f'{name} = load_dataset("{repo_id}", "{name}", split="{splits[0]}")'
        for name, splits in configs.items()
    ]
    return "\n".join(["from datasets import load_dataset", "", *lines])


def commands(manifest: Manifest) -> str:
    """Return the commands that make the same data set again, a line each, with placeholders for places."""
    if "commands" in manifest:
        return "\n".join(shell(words) for words in manifest["commands"])
    return command_line(manifest["parameters"])


def command_line(parameters: Mapping[str, Any]) -> str:
    """Return the command of a data set whose manifest, of an earlier version, has only the parameters.

    >>> command_line({"source": "synthetic", "clip_seconds": 5.0, "test_cases": ["c 1", "c2"], "taxonomy": "/x/y.yaml"})
    "surgvqa-build synthetic --root ROOT --out OUT --clip-seconds 5.0 --taxonomy FILE --test-cases 'c 1' c2"
    """
    words = ["surgvqa-build", str(parameters["source"]), "--root", "ROOT", "--out", "OUT"]
    for name, value in sorted(parameters.items()):
        if name == "source" or name in PLACES or value is None or value is False or value == []:
            continue
        words.append("--" + {"asking": "questions"}.get(name, name).replace("_", "-"))
        if value is not True:
            values = value if isinstance(value, list | tuple) else [value]
            words += [shlex.quote(without_paths(one_line(str(item)))) for item in values]
    return " ".join(words)


def general_cause(cause: str) -> str:
    """Return a cause without what differs from item to item, so that equal ones are counted together.

    >>> general_cause("clip ends at 312.5 s, /data/7.mp4 at 300 s")
    'clip ends at N s, FILE at N s'
    """
    return re.sub(r"(?<!\w)\d+(?:\.\d+)?(?!\w)", "N", without_paths(cause))


def privacy(audit: FrameAudit | None, *, has_pictures: bool = True) -> Markdown:
    """State what is known about people in the data: never more than was checked.

    ``audit`` is the manifest's ``privacy``: frames looked at, and how many showed what they must not.
    With no hit in n frames, at most 3/n of all frames show it, at 95 % (the rule of three).
    """
    pictures = (
        "Frames are encoded anew, without EXIF." if has_pictures else "No row holds a picture or a sound."
    )
    statement = (
        f"{pictures} `surgvqa-card audit` searches every text, picture header and "
        "container of this folder for names, dates, addresses, paths and tokens; `surgvqa-card push` runs it and "
        f"publishes nothing on a hit. It misses {AUDIT_MISSES}."
    )
    if not has_pictures:
        return Markdown(statement)
    if not audit or not audit.get("frames"):
        return Markdown(
            f"{statement} The pixels have not been audited: look at them before you publish or share."
        )
    frames, hits = int(audit["frames"]), int(audit["hits"])
    bound = f"at most {300 / frames:.2g} % of all frames (95 %)" if not hits else "do not publish"
    return Markdown(f"{statement} Pixels: {hits} hits in {frames} frames audited; {bound}.")
