"""Nothing planted survives a build: names in files, tags, tracks, tables, pixels and in what is said of bad input."""

from __future__ import annotations

import json
import stat
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from building import build
from datasets import load_dataset
from hub import Hub
from PIL import Image, ImageDraw
from surgvqa.builders.__main__ import main
from surgvqa.builders.files.pictures import decode_jpeg
from surgvqa.builders.privacy import burned_text, text_reader
from surgvqa.builders.privacy.pseudonyms import Redactor, private_words
from surgvqa.builders.privacy.screen import read_stretches, region, screen, shown_outside
from surgvqa.builders.video.decode import read_frames
from surgvqa.cards.__main__ import main as card_main
from surgvqa.cards.command import InputError
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.push import dataset_files

NAME, NUMBER, BORN = "DOE_John", "MRN123456", "19610412"
CASES = (f"{NAME}_{NUMBER}", "ROE_Jane_7731942", "MOE_Richard_1961")
SECRETS = (
    b"DOE",
    b"John",
    b"MRN123456",
    b"ROE_Jane",
    b"7731942",
    b"MOE_Richard",
    b"19610412",
    b"theatre3",
    b"Dr Who",
)


def moving(number: int, words: str = "", outside: bool = False, case: int = 0) -> np.ndarray:
    """160 x 96 of red tissue that moves, or of blue drapes; ``words`` burned in at the top left."""
    rng = np.random.default_rng([case, number])
    tint = (60, 90, 140) if outside else (190, 70, 60)
    noise = rng.integers(-40, 41, (12, 20, 1)).repeat(8, 0).repeat(8, 1)
    picture = np.clip(np.array(tint) + noise, 0, 255).astype(np.uint8)
    if words:
        shown = Image.fromarray(picture)
        ImageDraw.Draw(shown).text((4, 4), words, fill=(255, 255, 255), stroke_width=1, stroke_fill=(0, 0, 0))
        picture = np.asarray(shown)
    return picture


ASS = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def film(path: Path, words: str = "", outside: tuple[int, int] = (0, 0), seconds: int = 20) -> Path:
    """A video at 5 fps with every kind of tag and track that can carry a name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update(
            {
                "title": f"DOE^John {NUMBER}",
                "comment": "theatre3",
                "artist": "Dr Who",
                "creation_time": "1961-04-12",
                "PatientName": "DOE^John",
                "location": "+48.2/+16.3/",
            }
        )
        stream = container.add_stream("libx264", rate=5, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.metadata["handler_name"] = f"Camera of {NAME}"
        sound = container.add_stream("aac", 8000)
        spoken = container.add_stream("mov_text")
        spoken.codec_context.subtitle_header = ASS
        spoken.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number in range(seconds * 5):
            away = outside[0] <= number / 5 < outside[1]
            frame = av.VideoFrame.from_ndarray(moving(number, words, away, len(path.stem)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
        said = f"patient {NAME}".encode()
        packet = av.Packet(len(said).to_bytes(2) + said)
        packet.stream, packet.pts, packet.dts, packet.duration, packet.time_base = (
            spoken,
            0,
            0,
            900,
            Fraction(1, 1000),
        )
        container.mux(packet)
    return path


TAXONOMY = """
procedure: planted
title: a planted operation
phases: [access, dissection, closure]
anatomy: [liver]
instruments: [hook, grasper]
"""


@pytest.fixture(autouse=True)
def strokes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """OCR takes 2.5 s a picture; test_text_reader.py has it."""
    monkeypatch.setattr(text_reader, "version", lambda: None)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two operations with videos, one with stills; names everywhere a name can be."""
    root = tmp_path_factory.mktemp("planted") / f"{NAME}_{BORN}"
    for case in CASES[:2]:
        film(root / "videos" / f"{case}.mp4", f"{NAME} {NUMBER}", (10, 15) if case == CASES[1] else (0, 0))
    (root / "frames" / CASES[2]).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0132], exif[0x013B] = "1961:04:12 10:31:00", f"{NAME} in theatre3"
    for number in range(20):
        Image.fromarray(moving(number, case=99)).save(
            root / "frames" / CASES[2] / f"{NAME}_{number:04d}.jpg", exif=exif, comment=b"Dr Who", quality=95
        )
    (root / "procedure.yaml").write_text(TAXONOMY)
    phases = [
        (case, phase, start)
        for case in CASES
        for start, phase in ((0, "access"), (5, "dissection"), (10, "closure"))
    ]
    (root / "phases.csv").write_text(
        "case,phase,start,end,patient,born\n"
        + "".join(f"{case},{phase},{start},{start + (5 if start < 10 else 10)},{NAME},{BORN}\n" for case, phase, start in phases)
    )  # fmt: skip
    (root / "tools.csv").write_text(
        "case,time,hook,grasper,liver\n"
        + "".join(f"{case},{t},{t % 2},1,1\n" for case in CASES for t in range(1, 19, 3))
    )
    square = [[20, 40, 60, 40, 60, 80, 20, 80]]
    for case in CASES[:2]:
        outlines = {
            "images": [{"id": t, "file_name": f"{NAME}_{t:04d}.jpg", "width": 160, "height": 96} for t in (4, 12)],
            "categories": [{"id": 1, "name": "hook"}],
            "annotations": [
                {"id": t, "image_id": t, "category_id": 1, "bbox": [20, 40, 40, 40], "area": 1600, "segmentation": square}
                for t in (4, 12)
            ],
            "info": {"contributor": f"{NAME} {NUMBER}", "date_created": "1961-04-12"},
        }  # fmt: skip
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"{case}.json").write_text(json.dumps(outlines))
    return root


def everything(out: Path) -> dict[str, bytes]:
    """Every file's bytes, and what its tables hold once they are unpacked."""
    found = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        data = path.name.encode() + path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            data += repr(table.schema.metadata).encode() + repr(table.to_pylist()).encode()
        found[path.relative_to(out).as_posix()] = data
    return found


def survivors(out: Path) -> list[tuple[str, bytes]]:
    return [(name, word) for name, data in everything(out).items() for word in SECRETS if word in data]


def options(root: Path, out: Path, *more: str) -> list[str]:
    words = ["procedure", "--root", str(root), "--out", str(out), "--image-rate", "1", "--workers", "0"]
    return [*words, *more]


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


# ---- instruction data: frames, instruct, import


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


# ---- burned-in text


def text_frames(words: str, count: int = 12) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(moving(n, words)).resize((640, 384))) for n in range(count)]


@pytest.mark.parametrize("words", [f"{NAME} {NUMBER}", "OR 3 12.04.1961"])
def test_burned_in_text_is_found_whole_and_nothing_else(words: str) -> None:
    plain, written = text_frames(""), text_frames(words)
    regions = burned_text.find(written)
    assert regions and not burned_text.find(plain)
    changed = np.abs(written[0].astype(int) - plain[0]).max(-1) > 60
    covered = burned_text.cover(written[0], regions)
    assert covered[changed].max() == 0, "every pixel of every letter"
    assert (covered.max(-1) == 0).mean() < 3 * changed[: changed.shape[0] // 4].mean(), (
        "and little around them"
    )


@pytest.mark.parametrize("colour", [(255, 30, 30), (40, 220, 40), (60, 60, 255), (250, 220, 40)])
def test_coloured_text_as_bright_as_the_tissue_is_found(colour: tuple[int, int, int]) -> None:
    frames = []
    for picture in text_frames(""):
        shown = Image.fromarray(picture)
        ImageDraw.Draw(shown).text((20, 20), "DOE JOHN 1961", fill=colour, font_size=18)
        frames.append(np.asarray(shown))
    (x1, y1, x2, y2), *others = burned_text.find(frames)
    assert not others and x1 <= 21 and y1 <= 25 and x2 >= 150 and y2 >= 35


def test_a_picture_that_stands_still_has_no_text_of_its_own() -> None:
    assert burned_text.find([text_frames("DOE")[0]] * 12) == ()
    assert burned_text.find([]) == ()


def test_real_text_is_found_and_real_tissue_is_not(realdata: Path) -> None:
    from surgvqa.builders.files.pictures import read_picture

    da_vinci = sorted(p for p in (realdata / "surgvu25_sample").rglob("*") if p.suffix in (".jpg", ".png"))
    frames = [read_picture(path) for path in da_vinci[::3]]
    covered = burned_text.cover(frames[0], burned_text.find(frames))
    for x1, y1, x2, y2 in (
        (235, 18, 532, 38),
        (232, 690, 352, 710),
        (680, 690, 862, 710),
        (905, 690, 1062, 710),
    ):
        assert covered[y1:y2, x1:x2].max() == 0, "the four lines of the console"
    assert (covered != frames[0]).any(-1).mean() < 0.1
    clip = realdata / "laparoscopy_clip" / "endo.mp4"
    assert burned_text.find([shot.image for shot in read_frames(clip, [0.8 * n for n in range(12)])]) == ()


def test_stated_regions_are_black_in_frames_and_clips(planted: Path, tmp_path: Path) -> None:
    covered = ["0,0,0.5,0.25", "0.9,0.9,0.1,0.1"]
    for media in ("frames", "clips"):
        out = tmp_path / media
        build(
            "procedure",
            planted,
            out,
            media=media,
            cover=covered,
            workers=0,
            source_options={"image_rate": 1.0},
        )
        row = load_dataset(str(out), "clips", split="train").with_format("arrow")[0]
        if media == "frames":
            picture = decode_jpeg(row["images"][0][0]["bytes"].as_py())
        else:
            picture = read_frames(out / row["video"][0].as_py(), [0.0])[0].image
        height, width = picture.shape[:2]
        assert picture[: height // 4 - 4, : width // 2 - 4].max() < 40
        assert picture[-height // 10 + 4 :, -width // 10 + 4 :].max() < 40
        assert picture[height // 2].max() > 100


@pytest.mark.parametrize("text", ["0,0,1", "0,0,1,2", "-0.1,0,1,1", "0,0,0,1", "a,b,c,d", "nan,0,1,1"])
def test_bad_regions(text: str) -> None:
    with pytest.raises(InputError, match="--cover"):
        region(text)


# ---- outside the body


RATE = {"image_rate": 1.0}


def test_a_model_of_the_users_own_says_what_is_outside(planted: Path, tmp_path: Path) -> None:
    """Any model, behind one function; what it found is left out, and its file's hash is in the manifest."""
    model = tmp_path / "oobnet.py"
    model.write_text("def outside(frame):\n    return bool(frame[..., 2].mean() > frame[..., 0].mean())\n")
    manifest = build(
        "procedure",
        planted,
        tmp_path / "out",
        media="clips",
        outside=str(model),
        workers=0,
        source_options=RATE,
    )
    ours = build(
        "procedure",
        planted,
        tmp_path / "same",
        media="clips",
        outside="colour",
        workers=0,
        source_options=RATE,
    )
    left = {one["item"] for one in manifest["dropped"] if "outside the body" in one["cause"]}
    assert left and left == {one["item"] for one in ours["dropped"] if "outside the body" in one["cause"]}
    assert manifest["parameters"]["outside"] == "oobnet.py"
    assert len(manifest["parameters"]["outside_sha256"]) == 64
    for text, said in (("x = 1", "needs a function outside"), ("def outside(f): return 0.3", "returned 0.3")):
        model = tmp_path / f"wrong{len(text)}.py"
        model.write_text(text + "\n")
        with pytest.raises(InputError, match=said):
            build(
                "procedure",
                planted,
                tmp_path / "no",
                media="clips",
                outside=str(model),
                workers=0,
                source_options=RATE,
            )


def test_clips_outside_the_body_are_left_out_and_counted(planted: Path, tmp_path: Path) -> None:
    """Seconds 10 to 15 of the second case show drapes."""
    for media in ("frames", "clips"):
        out = tmp_path / media
        manifest = build(
            "procedure", planted, out, media=media, outside="colour", workers=0,
            source_options={"image_rate": 1.0},
        )  # fmt: skip
        rows = [row for split in load_dataset(str(out), "clips").values() for row in split]
        away = [one for one in manifest["dropped"] if "outside the body" in one["cause"]]
        assert away and all(CASES[1] in one["item"] for one in away)
        assert not any(r["case_id"] == CASES[1] and r["start_s"] < 15 and r["end_s"] > 10 for r in rows)
        assert sum(r["case_id"] == CASES[1] for r in rows) >= 3
        report = json.loads((out / "report.json").read_text())
        assert [one for one in report["dropped"] if "outside" in one["cause"]]
        written = (out / "manifest.json").stat().st_mtime_ns
        build(
            "procedure", planted, out, media=media, outside="colour", workers=0,
            source_options={"image_rate": 1.0},
        )  # fmt: skip
        assert (out / "manifest.json").stat().st_mtime_ns == written, "built again, nothing was to be done"


def test_stretches_that_a_model_found(planted: Path, tmp_path: Path) -> None:
    table = tmp_path / "outside.csv"
    table.write_text(f"case,start,end\n{CASES[0]},4,6\n")
    manifest = build(
        "procedure", planted, tmp_path / "out", outside=str(table), workers=0,
        source_options={"image_rate": 1.0},
    )  # fmt: skip
    left = {one["item"] for one in manifest["dropped"] if "outside the body" in one["cause"]}
    assert left and all(item.startswith(CASES[0]) for item in left)
    assert manifest["parameters"]["outside"] == "outside.csv"
    table.write_text("case,start,end\na,6,6\n")
    with pytest.raises(InputError, match=r"outside\.csv row 2: ends at 6 s"):
        list(read_stretches(table))
    with pytest.raises(InputError, match="neither 'colour', nor a CSV"):
        screen([], False, "oobnet")


def test_colour_on_real_endoscopes(realdata: Path) -> None:
    """Inside: every frame of a laparoscopy and of a da Vinci. Outside: a trocar's inside, test pictures."""
    from surgvqa.builders.files.pictures import read_picture

    inside = [
        s.image for s in read_frames(realdata / "laparoscopy_clip" / "endo.mp4", [0.8 * n for n in range(12)])
    ]
    inside += [read_picture(p) for p in sorted((realdata / "surgvu25_sample").rglob("*.jpg"))]
    assert not any(map(shown_outside, inside))
    for name in ("torchcodec/h265_video.mp4", "torchcodec/bt709_full_range.mp4", "libopenshot/test1.mp4"):
        shots = read_frames(realdata / "video_oddities" / name, [0.0, 0.1, 0.2])
        assert all(shown_outside(shot.image) for shot in shots), name


def test_a_dark_frame_shows_nobody() -> None:
    assert not shown_outside(np.zeros((48, 64, 3), np.uint8))
