"""Nothing planted survives in frames, instructions and imports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import load_dataset
from hub import Hub
from PIL import Image
from planted_operations import (
    BORN,
    CASES,
    NAME,
    SECRETS,
    everything,
    moving,
    survivors,
)
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.privacy.pseudonyms import private_words
from surgvqa.cards.__main__ import main as card_main
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.push import dataset_files

pytestmark = pytest.mark.usefixtures("strokes_alone")


def labelled_frames(planted: Path, out: Path, *more: str) -> Path:
    """Frames of the planted operations by the command; returns their labels."""
    words = ["frames", str(planted), "--out", str(out), "--every", "2", "--image-rate", "1", *more]
    assert main(words) == 0
    return out / "frames.json"


def published_on(hub: Hub, out: Path) -> bytes:
    """Everything a stranger sees of a folder on the Hub: names, bytes, titles and texts of commits."""
    assert card_main(["push", str(out), "clinic/planted"]) == 0
    repo = hub.repo("clinic/planted")
    seen = repr([(one.title, one.description) for one in repo.history()]).encode()
    return seen + b"".join(name.encode() + (blob.content or b"") for name, blob in repo.head.tree.items())


def test_nothing_planted_survives_in_frames_and_instructions(
    planted: Path, tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole way that hides names from its first step: frames, labels, instructions, the Hub."""
    who = tmp_path / "who.json"
    hide = ["--pseudonyms", str(who), "--cover-text", "--outside", "colour"]
    labels = labelled_frames(planted, tmp_path / "frames", *hide)
    assert survivors(tmp_path / "frames") == []
    known = json.loads(who.read_text())["cases"]
    entries = json.loads(labels.read_text())
    assert {entry["video_id"] for entry in entries} == {known[case] for case in CASES}
    for entry in entries:
        picture = decode_jpeg((tmp_path / "frames" / entry["image"]).read_bytes())
        if entry["video_id"] == known[CASES[1]]:
            assert not 10 <= entry["timestamp_s"] < 15, "drapes"
        if entry["video_id"] != known[CASES[2]]:
            assert picture[6:14, 8:110].max() < 40, "the burned-in name"
    out = tmp_path / "out"
    said = ["--taxonomy", str(planted / "procedure.yaml"), "--out", str(out)]
    assert main(["instruct", str(labels), *said]) == 0
    assert survivors(out) == [] and audit(out, dataset_files(out)) == []
    assert not any(word in published_on(hub, out) for word in SECRETS)
    shown = capsys.readouterr()
    assert [
        line
        for line in (shown.out + shown.err).splitlines()
        if any(word.decode() in line for word in SECRETS)
    ] == []


@pytest.mark.slow  # 12 s of CPU; `make test` has frames and instructions together
def test_nothing_planted_survives_when_only_the_instructions_hide(
    planted: Path, tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels of someone who named everything: file, pictures, videos; one picture is gone."""
    labels = labelled_frames(planted, tmp_path / "frames")
    assert survivors(tmp_path / "frames"), "the names are there to be hidden"
    labels = labels.rename(labels.with_name(f"{NAME}_{BORN}.json"))
    gone = next(one for one in json.loads(labels.read_text()) if one["video_id"] == CASES[1])
    (labels.parent / gone["image"]).unlink()
    said = ["--taxonomy", str(planted / "procedure.yaml"), "--on-error", "quarantine"]
    hidden = ["--pseudonyms", str(tmp_path / "who.json"), "--test-cases", CASES[0]]
    out = tmp_path / "out"
    capsys.readouterr()
    assert main(["instruct", str(labels), *said, "--out", str(out), *hidden]) == 0
    assert survivors(out) == [] and audit(out, dataset_files(out)) == []
    assert survivors(tmp_path / "out.teacher") == [], "what is refused is for people to look at, too"
    assert not any(word in published_on(hub, out) for word in SECRETS)
    shown = capsys.readouterr()
    assert [
        line
        for line in (shown.out + shown.err).splitlines()
        if any(word.decode() in line for word in SECRETS)
    ] == []
    known = json.loads((tmp_path / "who.json").read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["splits"][known["cases"][CASES[0]]] == "test"
    assert len(manifest["dropped"]) == 1 and known["files"][gone["image"]] in manifest["dropped"][0]["item"]
    rows = [row for split in load_dataset(str(out), "instruct").values() for row in split]
    assert {row["case_id"] for row in rows} <= set(known["cases"].values())
    plain = tmp_path / "plain"
    assert main(["instruct", str(labels), *said, "--out", str(plain)]) == 0
    assert {word for _, word in survivors(plain)} >= {b"DOE", b"ROE_Jane"}
    assert not any(str(tmp_path).encode() in data for data in everything(plain).values()), (
        "a place on the disk"
    )
    count = sum(len(split) for split in load_dataset(str(plain), "instruct").values())
    assert len(rows) == count, "hiding costs no sample"
    again = tmp_path / "again"
    main(["instruct", str(labels), *said, "--out", str(again), *hidden])
    assert everything(again) == everything(out)


def conversations(folder: Path, said: str = "access") -> Path:
    """A LLaVA file with a name in every place but the text."""
    folder.mkdir()
    samples = []
    for case in CASES:
        (folder / case).mkdir()
        exif = Image.Exif()
        exif[0x013B] = NAME
        Image.fromarray(moving(1)).save(folder / case / f"{NAME}_7.jpg", exif=exif)
        turns = [
            {"from": "human", "value": "<image>\nWhich phase?", "by": NAME},
            {"from": "gpt", "value": said},
        ]
        image = f"{case}/{NAME}_7.jpg"
        samples.append(
            {"id": f"{case}-1", "patient": NAME, "born": BORN, "image": image, "conversations": turns}
        )
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(samples))
    return path


def test_nothing_planted_survives_an_import(
    tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    path, who = conversations(tmp_path / "theirs"), tmp_path / "who.json"
    out = tmp_path / "out"
    pattern = ["--case", f"({'|'.join(CASES)})"]
    assert main(["import", str(path), "--out", str(out), *pattern, "--pseudonyms", str(who)]) == 0
    assert survivors(out) == [] and audit(out, dataset_files(out)) == []
    assert not any(word in published_on(hub, out) for word in SECRETS)
    shown = capsys.readouterr()
    assert [
        line
        for line in (shown.out + shown.err).splitlines()
        if any(word.decode() in line for word in SECRETS)
    ] == []
    assert "lost in 3 samples: what only the file's own form can say" in shown.out
    assert main(["export", str(out), "--out", str(tmp_path / "back")]) == 0
    assert survivors(tmp_path / "back") == []
    assert main(["import", str(path), "--out", str(tmp_path / "plain"), *pattern]) == 0
    assert {word for _, word in survivors(tmp_path / "plain")} >= {b"DOE", b"ROE_Jane", b"19610412"}


@pytest.mark.parametrize("said", [f"as in {CASES[1]}", f"see {NAME}_7, it is access"])
def test_a_name_in_an_imported_text_is_refused(
    tmp_path: Path, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = conversations(tmp_path / "theirs", said)
    more = ["--case", f"({'|'.join(CASES)})", "--pseudonyms", str(tmp_path / "who.json")]
    assert main(["import", str(path), "--out", str(tmp_path / "out"), *more]) == 2
    assert "of what --pseudonyms hides" in capsys.readouterr().err
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_names_are_searched_in_rules_that_re2_takes() -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    rules = private_words([f"DOE_John_{number}" for number in range(20_000)])
    column = pa.array(["nobody", "seen in DOE_John_19999."])
    found = [pc.match_substring_regex(column, rule).to_pylist() for rule in rules.values()]
    assert len(rules) == 40 and [any(hits) for hits in zip(*found, strict=True)] == [False, True]
