"""The card of instruction data: who wrote it, what share of it a verifier refused, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from surgvqa.cards.files.documents import Manifest
from surgvqa.cards.write.dataset import (
    commands,
    content,
    data_configs,
    general_cause,
    metadata,
    privacy,
    snippet,
    sort_splits,
)
from surgvqa.cards.write.markdown import Markdown, render


def instruct_card(manifest: Manifest, report: Mapping[str, Any], repo_id: str = "ORG/NAME") -> str:
    """Return the README.md of a folder with config `instruct`, from its manifest and its report."""
    splits = report["splits"]
    configs = data_configs(manifest["files"])
    totals = {
        key: sum(split.get(key, 0) for split in splits.values()) for key in ("cases", "frames", "samples")
    }
    omission_causes = Counter(general_cause(item["cause"]) for item in manifest["dropped"])
    versions = ", ".join(f"{name} {version}" for name, version in sorted(manifest["versions"].items()))
    turn_count = sum(sum(counts.values()) for counts in report["samples"].values())
    card_data = metadata(manifest["source"], configs, totals["samples"], content(manifest["files"]))
    return render(
        "instruct.md",
        card_data=Markdown(card_data.replace("- expert-generated", "- machine-generated")),
        manifest=manifest,
        source=manifest["source"],
        report=report,
        totals=totals,
        checked=turn_count,
        splits=[(name, splits[name]) for name in sort_splits(splits)],
        dropped=omission_causes.most_common(20),
        command=commands(manifest),
        versions=versions,
        snippet=snippet(repo_id, configs),
        privacy=privacy(manifest.get("privacy")),
    )
