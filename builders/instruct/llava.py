r"""LLaVA JSON ↔ rows of config `instruct` ↔ ShareGPT and Qwen messages, with a list of what a target can't say.

A LLaVA sample holds `conversations` of `from` (human, user, gpt, assistant, system) and `value`, with an
`<image>` for each picture, and its pictures as `image` (one name or a list of them; none at all is a text). A row
has no placeholders: its pictures come before the first question. What else the sample said, where the
placeholders stood, which names its roles had, keys of its own, goes into the row's `llava`, so that the way
back gives the same sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from surgvqa.builders.questions.messages import image_names
from surgvqa.cards.command import InputError

PLACEHOLDER = "<image>"
LEADING = re.compile(r"\s*<image>\s*")
ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
OTHER_MEDIA = ("video", "videos", "audio", "audios")
CANONICAL = {"user": "human", "assistant": "gpt", "system": "system"}


class Conversion(NamedTuple):
    """A sample in another form, and what that form could not say of it."""

    sample: dict[str, Any]
    losses: tuple[str, ...]


def to_row(sample: Mapping[str, Any], where: str) -> Conversion:
    r"""Return a LLaVA sample as a row without its pictures' bytes; ``where`` is how messages call it.

    The list names what a model that trains on the row's messages does not get to see.

    Raises:
        InputError: no conversation, an unknown role, another number of placeholders than pictures, a video or a sound.

    >>> sample = {"image": "a\\b.jpg", "conversations": [{"from": "user", "value": "<image>\nWhich phase?"}]}
    >>> row, losses = to_row(sample, "sample 0")
    >>> row["image_names"], row["messages"], losses, to_sample(row) == sample
    (['a\\b.jpg'], [{'role': 'user', 'content': 'Which phase?'}], (), True)
    """
    turns = _turns(sample, where)
    _refuse_other_media(sample, turns, where)
    names = _names(sample, where)
    count = sum(turn["value"].count(PLACEHOLDER) for turn in turns)
    if count not in (0, len(names)):
        raise InputError(
            f"{where}: {count} {PLACEHOLDER} for {len(names)} pictures; one each, or none at all"
        )
    messages, losses = _messages(turns)
    row: dict[str, Any] = {
        "id": None if sample.get("id") is None else str(sample["id"]),
        "image_names": names,
        "messages": messages,
    }
    row["llava"] = _difference(to_sample(row | {"llava": None}), sample, messages)
    return Conversion(row, tuple(losses))


def _refuse_other_media(sample: Mapping[str, Any], turns: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse a sample that is about a video or a sound: a row holds pictures, so its question would be about nothing."""
    keys = [key for key in OTHER_MEDIA if sample.get(key)]
    placeholders = [f"<{key}>" for key in OTHER_MEDIA if any(f"<{key}>" in turn["value"] for turn in turns)]
    if keys or placeholders:
        raise InputError(
            f"{where}: {', '.join((*map(repr, keys), *placeholders))}: only pictures are imported; give frames of it, or "
            "delete the sample"
        )


def _turns(sample: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    turns = sample.get("conversations") if isinstance(sample, Mapping) else None
    if not isinstance(turns, list) or not turns:
        raise InputError(f"{where}: no 'conversations'; a LLaVA sample has a list of turns")
    for number, turn in enumerate(turns):
        if not isinstance(turn, Mapping) or not isinstance(turn.get("value"), str):
            raise InputError(f"{where}: turn {number} has no text as its 'value'")
        if not isinstance(turn.get("from"), str) or turn["from"] not in ROLES:
            raise InputError(
                f"{where}: turn {number} is from {turn.get('from')!r}; known: {', '.join(sorted(ROLES))}"
            )
    return turns


def _names(sample: Mapping[str, Any], where: str) -> list[str]:
    image = sample.get("image")
    names = [] if image is None else [image] if isinstance(image, str) else image
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"{where}: 'image' is {type(image).__name__}; a name or a list of names")
    return list(names)


def _messages(turns: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, str]], list[str]]:
    """Chat messages without placeholders; one inside a text becomes "image 2", for the pictures lie before it."""
    messages, losses, number = [], [], 0
    first = next((i for i, turn in enumerate(turns) if ROLES[turn["from"]] == "user"), 0)
    for index, turn in enumerate(turns):
        text = turn["value"]
        while index == first and (match := LEADING.match(text)):
            text, number = text[match.end() :], number + 1
        while PLACEHOLDER in text:
            number += 1
            at = text.index(PLACEHOLDER)
            losses.append(f"turn {index}: picture {number} stands at character {at} of the text")
            text = text.replace(PLACEHOLDER, f"image {number}", 1)
        messages.append({"role": ROLES[turn["from"]], "content": text})
    return messages, losses


def to_sample(row: Mapping[str, Any]) -> dict[str, object]:
    """Return a row as a LLaVA sample: the very one it came from, if it came from one and was not edited since."""
    extras = json.loads(row.get("llava") or "{}")
    names = list(row.get("image_names") or ())
    turns = [{"from": CANONICAL[message["role"]], "value": message["content"]} for message in row["messages"]]
    for turn in turns:
        if turn["from"] == "human":
            turn["value"] = f"{PLACEHOLDER}\n" * len(names) + turn["value"]
            break
    for index, change in extras.get("turns", {}).items():
        if row["messages"][int(index)]["content"] == change["ours"]:  # else it was edited: the edit stands
            turns[int(index)] = change["theirs"]
    sample: dict[str, Any] = {} if row.get("id") is None else {"id": row["id"]}
    if names:
        sample["image"] = names[0] if len(names) == 1 else names
    sample["conversations"] = turns
    sample |= extras.get("keys", {})
    sample = {key: value for key, value in sample.items() if key not in extras.get("without", ())}
    order = extras.get("order", list(sample))
    return {key: sample[key] for key in sorted(sample, key=order.index)}


def _difference(ours: dict[str, Any], theirs: Mapping[str, Any], messages: Sequence[Any]) -> str | None:
    """Encode what `to_sample` needs beside the columns as JSON; None where it needs nothing."""
    turns = {
        str(index): {"ours": messages[index]["content"], "theirs": dict(turn)}
        for index, turn in enumerate(theirs["conversations"])
        if _text(turn) != _text(ours["conversations"][index])
    }
    keys = {
        key: value
        for key, value in theirs.items()
        if key != "conversations" and (key not in ours or _text(ours[key]) != _text(value))
    }
    without = [key for key in ours if key not in theirs]
    extras = {"turns": turns, "keys": keys, "without": without}
    extras = {name: value for name, value in extras.items() if value}
    order = [key for key in ours if key not in without] + [key for key in keys if key not in ours]
    if order != list(theirs):
        extras["order"] = list(theirs)
    return json.dumps(extras, ensure_ascii=False) if extras else None


def _text(value: Any) -> str:
    """JSON text tells 1 from 1.0 and from true, and one order of keys from another."""
    return json.dumps(value, ensure_ascii=False)


def to_sharegpt(sample: Mapping[str, Any]) -> Conversion:
    """Return a LLaVA sample as ShareGPT with `images`, as LLaMA-Factory and ms-swift read it.

    >>> to_sharegpt({"image": "a.jpg", "conversations": [{"from": "user", "value": "<image>Hi"}]}).sample
    {'conversations': [{'from': 'human', 'value': '<image>Hi'}], 'images': ['a.jpg']}
    """
    turns = _turns(sample, "the sample")
    sharegpt_turns = [{"from": CANONICAL[ROLES[turn["from"]]], "value": turn["value"]} for turn in turns]
    names = _names(sample, "the sample")
    losses = _role_losses(turns, "human", "gpt")
    if names and not any(PLACEHOLDER in turn["value"] for turn in sharegpt_turns):
        sharegpt_turns = _leading(sharegpt_turns, "from", "value", len(names))
        losses.append("that the pictures have no placeholder: one each now leads the first question")
    if isinstance(sample.get("image"), list) and len(names) == 1:
        losses.append("that one picture is given as a list")
    sharegpt_sample: dict[str, Any] = {"conversations": sharegpt_turns} | ({"images": names} if names else {})
    sharegpt_sample |= {
        key: value for key, value in sample.items() if key not in ("conversations", "image", "images")
    }
    if "images" in sample:
        losses.append("the key 'images'")
    return Conversion(sharegpt_sample, tuple(losses))


def from_sharegpt(sample: Mapping[str, Any]) -> Conversion:
    """ShareGPT with `images` as a LLaVA sample."""
    names = sample.get("images")
    llava_sample = {key: value for key, value in sample.items() if key != "images"}
    losses = []
    if isinstance(names, list) and names:
        llava_sample["image"] = names[0] if len(names) == 1 else names
    elif names is not None:
        losses.append("that the list of pictures is empty")
    return Conversion(llava_sample, tuple(losses))


def to_qwen(sample: Mapping[str, Any]) -> Conversion:
    """Return a LLaVA sample as Qwen messages: content blocks, each picture at its place in the text.

    >>> to_qwen({"image": "a.jpg", "conversations": [{"from": "human", "value": "<image>Hi"}]}).sample["messages"]
    [{'role': 'user', 'content': [{'type': 'image', 'image': 'a.jpg'}, {'type': 'text', 'text': 'Hi'}]}]
    """
    turns = _turns(sample, "the sample")
    names = _names(sample, "the sample")
    losses = _role_losses(turns, "human", "gpt")
    qwen_turns = [{"role": ROLES[turn["from"]], "text": turn["value"]} for turn in turns]
    if names and not any(PLACEHOLDER in turn["text"] for turn in qwen_turns):
        qwen_turns = _leading(qwen_turns, "role", "text", len(names), after="")
        losses.append("that the pictures have no placeholder: one each now leads the first question")
    if isinstance(sample.get("image"), list) and len(names) == 1:
        losses.append("that one picture is given as a list")
    waiting = iter(names)
    messages = [{"role": turn["role"], "content": _blocks(turn["text"], waiting)} for turn in qwen_turns]
    losses += [
        f"turn {i}: its key {key!r}"
        for i, turn in enumerate(turns)
        for key in turn
        if key not in ("from", "value")
    ]
    losses += [f"the key {key!r}" for key in sample if key not in ("conversations", "image")]
    return Conversion({"messages": messages}, tuple(losses))


def from_qwen(sample: Mapping[str, Any]) -> Conversion:
    """Qwen messages (content a text or blocks) as a LLaVA sample; pictures in the blocks, or in a list `images`."""
    beside = sample.get("images")
    if beside is not None and not (
        isinstance(beside, list) and all(isinstance(name, str) for name in beside)
    ):
        raise TypeError("'images' is no list of names")
    names: list[str] = list(beside or ())
    turns, losses = [], []
    for number, message in enumerate(sample["messages"]):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts = []
        for block in blocks:
            if block.get("type") == "text":
                parts.append(block["text"])
            elif block.get("type") == "image" and isinstance(block.get("image"), str):
                parts.append(PLACEHOLDER)
                names.append(block["image"])
            else:
                raise InputError(
                    f"turn {number} has a block of type {block.get('type')!r}; texts and pictures by their names are "
                    "imported: give its frames, or delete the sample"
                )
            extra = sorted(set(block) - {"type", "text", "image"})
            losses += [f"turn {number}: {key!r} of a block" for key in extra]
        turns.append({"from": CANONICAL[message["role"]], "value": "".join(parts)})
    llava_sample: dict[str, Any] = {"image": names[0] if len(names) == 1 else names} if names else {}
    llava_sample["conversations"] = turns
    llava_sample |= {
        key: value
        for key, value in sample.items()
        if key not in ("messages", "image", "images", "conversations")
    }
    return Conversion(llava_sample, tuple(losses))


def _blocks(text: str, names: Any) -> list[dict[str, str]]:
    blocks: list[dict[str, str]] = []
    for number, part in enumerate(text.split(PLACEHOLDER)):
        if number:
            blocks.append({"type": "image", "image": next(names)})
        if part:
            blocks.append({"type": "text", "text": part})
    return blocks


def _leading(
    turns: Sequence[Mapping[str, str]], role: str, text: str, count: int, after: str = "\n"
) -> list[dict[str, str]]:
    """Put placeholders in front of the first question."""
    new_turns = [dict(turn) for turn in turns]
    first = next((turn for turn in new_turns if turn[role] in ("human", "user")), new_turns[0])
    first[text] = f"{PLACEHOLDER}{after}" * count + first[text]
    return new_turns


def _role_losses(turns: Sequence[Mapping[str, Any]], human: str, gpt: str) -> list[str]:
    others = sorted({turn["from"] for turn in turns} - {human, gpt, "system"})
    return [f"the role name {name!r}" for name in others]


def row_names(row: Mapping[str, Any]) -> list[str]:
    """Names for a row's pictures: those the data gives them, else by the row's id."""
    return list(row.get("image_names") or ()) or image_names(row["id"], len(row.get("images") or ()))
