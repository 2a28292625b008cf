"""Conversations for trainers: ms-swift's messages, a line each, and LLaMA-Factory's ShareGPT with its list of sets.

Both put an ``<image>`` for each picture into the first question and take names of pictures; keys that they don't
know are carried along, so the rest of a clip goes into one of them and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from surgvqa.builders.peers.common import REST, Target, rest, write_json, write_lines
from surgvqa.builders.row_types import ClipRow

IMAGE = "<image>"


def swift(target: Target) -> None:
    """Write ``SPLIT.jsonl`` for ``swift sft --dataset train.jsonl --val_dataset validation.jsonl``."""
    for split in target.splits():
        write_lines(target.out / f"{split}.jsonl", _swift(target, split))


def _swift(target: Target, split: str) -> Iterator[Mapping[str, object]]:
    for row in target.clips(split):
        if messages := turns(row, target):
            names = target.pictures(row)
            yield {"messages": messages, "images": names, REST: rest(row)}


def llamafactory(target: Target) -> None:
    """Write ``SPLIT.json`` and the ``dataset_info.json`` that ``--dataset_dir`` wants."""
    info = {}
    for split in target.splits():
        samples = []
        for row in target.clips(split):
            if messages := turns(row, target):
                samples.append({"messages": messages, "images": target.pictures(row), REST: rest(row)})
        write_json(target.out / f"{split}.json", samples)
        info[f"{target.name}_{split}"] = {
            "file_name": f"{split}.json",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "images": "images"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
    write_json(target.out / "dataset_info.json", info)


def turns(row: ClipRow, target: Target) -> list[dict[str, str]]:
    """Return a clip's conversation, its pictures before the first question."""
    messages = [{"role": one["role"], "content": one["content"]} for one in row["messages"]]
    first = next((one for one in messages if one["role"] == "user"), None)
    if first is None:
        target.losses["clips without a question"] += 1
        return []
    first["content"] = IMAGE * len(row["images"] or ()) + first["content"]
    return messages
