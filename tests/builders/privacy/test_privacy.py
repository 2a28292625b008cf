"""Nothing planted survives a build: names in files, tags, tracks, tables, pixels and in what is said of bad input."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from building import build
from datasets import load_dataset
from planted_operations import (
    BORN,
    CASES,
    NAME,
    SECRETS,
    TAXONOMY,
    everything,
    options,
    survivors,
)
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.privacy.pseudonyms import Redactor
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.command import InputError
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.push import dataset_files

pytestmark = pytest.mark.usefixtures("strokes_alone")


@pytest.mark.parametrize("media", ["frames", pytest.param("clips", marks=pytest.mark.slow)])
def test_nothing_planted_survives(
    planted: Path, tmp_path: Path, media: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, who = tmp_path / "out", tmp_path / "who.json"
    more = ["--media", media, "--pseudonyms", str(who), "--cover-text", "--outside", "colour"]
    more += ["--test-cases", CASES[0], "--pointing", "box"] if media == "frames" else []
    assert main(options(planted, out, *more)) == 0, capsys.readouterr().err
    assert survivors(out) == []
    assert audit(out, dataset_files(out)) == []
    assert not any(word.decode() in capsys.readouterr().out for word in SECRETS), (
        "what is printed names nobody"
    )
    known = json.loads(who.read_text())
    assert stat.S_IMODE(who.stat().st_mode) == 0o600
    splits = json.loads((out / "manifest.json").read_text())["splits"]
    written = [
        row for split in load_dataset(str(out), "clips").values() for row in split.with_format("arrow")
    ]
    for row in written:
        case, images = row["case_id"][0].as_py(), row["images"][0].as_py()
        if case != known["cases"].get(CASES[2]):  # the stills carry no burned-in text
            shown = [decode_jpeg(one["bytes"]) for one in images]
            shown += [read_frames(out / row["video"][0].as_py(), [0.0])[0].image] if media == "clips" else []
            assert shown and all(picture[6:14, 8:110].max() < 40 for picture in shown), "the burned-in name"
    if media == "frames":
        assert splits[known["cases"][CASES[0]]] == "test"
        pointed = [row for split in load_dataset(str(out), "pointing").values() for row in split]
        assert {row["case_id"] for row in pointed} <= set(known["cases"].values())
        moments = {(row["case_id"], row["time_s"]) for row in pointed}
        assert (known["cases"][CASES[1]], 4.0) in moments and (known["cases"][CASES[1]], 12.0) not in moments
    assert set(splits) <= set(known["cases"].values())


def test_without_pseudonyms_the_names_are_there(planted: Path, tmp_path: Path) -> None:
    """What the suite looks for can be found: it would not pass by looking in the wrong place."""
    assert main(options(planted, tmp_path / "out", "--media", "none")) == 0
    assert {word for _, word in survivors(tmp_path / "out")} >= {b"DOE", b"John", b"MRN123456", b"ROE_Jane"}


def test_the_same_file_gives_the_same_names_and_bytes(planted: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        main(options(planted, tmp_path / name, "--media", "none", "--pseudonyms", str(tmp_path / "who.json")))
    main(
        options(planted, tmp_path / "three", "--media", "none", "--pseudonyms", str(tmp_path / "other.json"))
    )
    one, two, three = (everything(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    names = [
        set(json.loads((tmp_path / n / "manifest.json").read_text())["splits"]) for n in ("one", "three")
    ]
    assert not names[0] & names[1], "without the file nobody can tell"
    assert three


def test_what_is_said_of_bad_input_names_nobody(planted: Path, tmp_path: Path) -> None:
    """A quarantined recording, a bad cell, a stray file: all three are counted, none is named."""
    import shutil

    root = Path(shutil.copytree(planted, tmp_path / "root" / NAME))
    (root / "videos" / f"{CASES[1]}.mp4").write_bytes(b"")
    (root / "videos" / f"{NAME}_spare.mp4").write_bytes(b"")
    with (root / "phases.csv").open("a") as file:
        file.write(f"{CASES[0]},access,{NAME},20,{NAME},{BORN}\n")
    out = tmp_path / "out"
    manifest = build(
        "procedure", root, out, media="none", on_error="quarantine", workers=0, pseudonyms=tmp_path / "who.json",
        source_options={"image_rate": 1.0},
    )  # fmt: skip
    assert len([one for one in manifest["dropped"] if one["fault"]]) >= 2
    assert len(manifest["dropped"]) >= 3
    assert survivors(out) == []
    assert str(tmp_path) not in json.dumps(manifest)


def test_no_place_on_the_disk_is_written_down_even_without_pseudonyms(planted: Path, tmp_path: Path) -> None:
    import shutil

    root = Path(shutil.copytree(planted, tmp_path / "root"))
    (root / "videos" / f"{CASES[1]}.mp4").write_bytes(b"")
    manifest = build(
        "procedure", root, tmp_path / "out", media="frames", on_error="quarantine", workers=0,
        source_options={"image_rate": 1.0, "taxonomy": str(root / "procedure.yaml")},
    )  # fmt: skip
    assert any(one["fault"] for one in manifest["dropped"])
    for path in (tmp_path / "out").glob("*.*"):
        assert str(tmp_path) not in path.read_text(), path.name


def test_a_name_that_the_source_wrote_into_a_text_is_refused(planted: Path, tmp_path: Path) -> None:
    """The words of a taxonomy reach every question."""
    taxonomy = tmp_path / "own.yaml"
    taxonomy.write_text(TAXONOMY.replace("liver]", f"liver, the liver of {CASES[0]}]"))
    import shutil

    root = Path(shutil.copytree(planted, tmp_path / "root"))
    (root / "tools.csv").write_text(
        (root / "tools.csv").read_text().replace(",liver\n", f",the liver of {CASES[0]}\n", 1)
    )
    said = ["--media", "none", "--pseudonyms", str(tmp_path / "who.json"), "--taxonomy", str(taxonomy)]
    with pytest.raises(InputError, match="hides"):
        from surgvqa.builders.privacy.pseudonyms import load

        build(
            "procedure", root, tmp_path / "out", media="none", workers=0, pseudonyms=tmp_path / "who.json",
            source_options={"taxonomy": str(taxonomy), "image_rate": 1.0},
        )  # fmt: skip
        load(tmp_path / "who.json", tmp_path / "out")
    assert main(options(root, tmp_path / "out", *said)) == 2
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_who_is_who_stays_outside_and_private(planted: Path, tmp_path: Path) -> None:
    for inside in (tmp_path / "out" / "who.json", tmp_path / "out"):
        with pytest.raises(InputError, match="inside the data set"):
            build("procedure", planted, tmp_path / "out", media="none", pseudonyms=inside)
    open_to_all = tmp_path / "who.json"
    open_to_all.write_text("{}")
    open_to_all.chmod(0o644)
    with pytest.raises(InputError, match="others may read it"):
        build("procedure", planted, tmp_path / "out", media="none", pseudonyms=open_to_all)
    open_to_all.chmod(0o600)
    with pytest.raises(InputError, match="no file of pseudonyms"):
        build("procedure", planted, tmp_path / "out", media="none", pseudonyms=open_to_all)
    with pytest.raises(InputError, match="--media reference"):
        build("procedure", planted, tmp_path / "out", media="reference", pseudonyms=tmp_path / "new.json")


def test_a_hidden_name_is_gone_and_other_words_stay() -> None:
    hide = Redactor({"7": "case-a", "DOE": "case-b"}, ["phases.csv", "DOE John.mp4", "ab"], Path("/data/x"))
    assert hide("DOE: /data/x/DOE John.mp4 row 7 is '1961', ab 17") == "case-b: … row case-a is '…', ab 17"
