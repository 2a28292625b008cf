"""Nothing planted survives the audit, nothing ordinary trips it, and no hit is spread by its own message."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub import TOKEN, Hub
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from published import clip_row, picture, qa_rows, seal, write_dataset, write_table
from surgvqa.builders.columns import Columns
from surgvqa.builders.schema import FEATURES, QA_FEATURES
from surgvqa.cards.__main__ import main
from surgvqa.cards.command import InputError
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.hits import in_text
from surgvqa.cards.publish.identifiers import RULES
from surgvqa.cards.publish.push import dataset_files, push

SHARD = "clips/test-00000-of-00001.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset")


def found(folder: Path) -> set[tuple[str, str]]:
    return {(hit.file, hit.what) for hit in audit(folder, dataset_files(folder))}


def replant(folder: Path, **changes: Any) -> None:
    """The first row of the test shard with other values, everything else as it was."""
    rows = [clip_row("d", number) for number in range(2)]
    rows[0] |= changes
    write_table(folder / SHARD, FEATURES, rows)
    seal(folder)


def test_an_ordinary_data_set_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(folder)]) == 0
    assert "no hit in 9 files" in capsys.readouterr().out


PLANTED = {
    "/home/jane/DOE_John/case7.mp4": "a path of a disk",
    "C:\\Users\\jane\\case7.mp4": "a path of a disk",
    "recorded 1961-04-12 in OR 3": "a date",
    "12.04.1961": "a date",
    "on 12th April 1961": "a date",
    "Apr 12, 1961": "a date",
    "case_19610412": None,  # a word of its own would be found; inside a name nobody can tell it from a number
    "20190412": "a date",
    "2019:04:12 10:31:00": "a date",
    "2019-04-12T10:31:00": "a date",
    "MRN 123456": "a patient's identity",
    "DOE_John_MRN123456_f001": "a patient's identity",
    "Patient Name: John": "a patient's identity",
    "date of birth 12 April": "a patient's identity",
    "DOE^John": "a DICOM name",
    "call john.doe@clinic.org": "an e-mail address",
    "pacs at 10.20.30.40": "an address of a machine",
    "token hf_abcdefghijklmnopqrstuvwx": "a secret",
}


@pytest.mark.parametrize(("text", "what"), PLANTED.items())
def test_what_must_not_be_published_is_found_in_every_text_column(
    folder: Path, text: str, what: str | None
) -> None:
    asked = clip_row("d", 0)["qa"][0] | {"choices": ["no", text]}
    places = {
        "case_id": text, "video": text, "phase": text, "scene": json.dumps({"nodes": [{"name": text}]}),
        "messages": [{"role": "user", "content": f"Is it {text} or not?"}], "qa": [asked],
    }  # fmt: skip
    replant(folder, **places)
    hits = {
        hit.where for hit in audit(folder, dataset_files(folder)) if hit.what == what and hit.file == SHARD
    }
    assert hits == (
        {"case_id", "video", "phase", "scene", "messages.content", "qa.choices"} if what else set()
    )


def test_the_characters_of_a_mask_are_no_path(folder: Path) -> None:
    """Run lengths as a real build wrote them, and worse; the same text beside them is still found."""
    mask = r"`\14\14K5L3N:H:\SHARE"
    told = {"nodes": [{"name": "hook", "rle": mask, "shaft_rle": mask}]}
    replant(folder, scene=json.dumps(told))
    assert audit(folder, dataset_files(folder)) == []
    told["nodes"][0]["name"] = mask
    replant(folder, scene=json.dumps(told))
    assert {(hit.where, hit.what) for hit in audit(folder, dataset_files(folder))} == {
        ("scene", "a path of a disk")
    }
    drawn = pa.table({"instances": [[{"mask": mask, "name": "hook"}]], "masks": [[mask]], "note": [mask]})
    pq.write_table(drawn, folder / "drawn.parquet")
    assert {hit.where for hit in audit(folder, ["drawn.parquet"])} == {"note"}


ORDINARY = (
    "left-of", "Phase 3.1.2 of 12", "1024x768 at 59.94 fps", "and/or", "2/3 of the frames", "10:31", "5013@0-5000",
    "5013@19950000-19955000", "case 5013 (2020)", "ISO 8601", "version 5.2.0", "https://doi.org/10.1000/x/home.html",
    "The surgeon's patient is asleep", "in May 2019 or march 12", "12-10-8", "a2f98e0012cc", "0" * 64, "clips/train-00000-of-00001.parquet",
    "@article{x, year={2019}, volume={12}, pages={20190--20199}}", "e-mail the authors", "1.2.3", "user@", "x^2 + y^2",
)  # fmt: skip


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_passes(text: str) -> None:
    assert not list(in_text("file", "column", text, RULES))


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0132] = "2019:04:12 10:31:00"
    return picture(5, exif=exif)


def png(text: bool) -> bytes:
    note, file = PngInfo(), io.BytesIO()
    if text:
        note.add_text("Author", "DOE^John")
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=note)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (with_exif(), "header segment E1"),
        (picture(5, comment=b"OR 3"), "header segment FE"),
        (picture(5, icc_profile=b"x" * 200), "header segment E2"),
        (png(True), "header chunk tEXt"),
        (b"BM not a picture we know", "neither JPEG nor PNG"),
        (picture(5), None),
        (png(False), None),
    ],
)
def test_picture_headers(folder: Path, data: bytes, what: str | None) -> None:
    replant(folder, images=[{"bytes": data, "path": None}])
    hits = [hit.what for hit in audit(folder, dataset_files(folder))]
    assert [what in hit for hit in hits] == [True] if what else hits == []


def test_the_name_of_a_picture_is_found(folder: Path) -> None:
    replant(folder, images=[{"bytes": picture(5), "path": "DOE_John.jpg"}])
    assert (SHARD, "the name of the file a picture came from") in found(folder)


def video(path: Path, tags: dict[str, str], audio: bool = False, handler: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream("mpeg4", 10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        if handler:
            stream.metadata["handler_name"] = handler
        sound = container.add_stream("aac", 8000) if audio else None
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), format="fltp", layout="mono")
            tone.sample_rate = 8000
            container.mux(sound.encode(tone))
            container.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"tags": {}}, None),
        ({"tags": {"title": "DOE^John MRN123456"}}, "tag 'title'"),
        ({"tags": {"creation_time": "2019-04-12T10:31:00Z"}}, "tag 'creation_time'"),
        ({"tags": {"comment": "OR 3"}}, "tag 'comment'"),
        ({"tags": {}, "audio": True}, "a track of audio"),
        ({"tags": {}, "handler": "Camera of Dr Who"}, "tag 'handler_name'"),
    ],
)
def test_containers(folder: Path, options: dict[str, Any], what: str | None) -> None:
    video(folder / "videos/test/d@0-5000.mp4", **options)
    seal(folder)
    hits = [hit.what for hit in audit(folder, dataset_files(folder))]
    assert any(what in hit for hit in hits) if what else hits == []


def test_file_names_parquet_headers_and_json_are_searched(folder: Path) -> None:
    (folder / SHARD).rename(folder / "clips/test-DOE_MRN123456.parquet")
    seal(folder, parameters={"source": "procedure", "taxonomy": "/home/jane/t.yaml"}, dropped=[
        {"item": "DOE^John", "cause": "empty"}
    ])  # fmt: skip
    hits = found(folder)
    assert ("clips/test-DOE_MRN123456.parquet", "a patient's identity") in hits
    assert {("manifest.json", "a path of a disk"), ("manifest.json", "a DICOM name")} <= hits
    assert not [hit for hit in hits if hit[0] == "README.md"], "the card repeats neither"
    features = Columns({**QA_FEATURES, "MRN123456": QA_FEATURES["kind"]})
    row = qa_rows(clip_row("d", 0))[0] | {"MRN123456": "x"}
    write_table(folder / "qa/test-00000-of-00001.parquet", features, [row])
    seal(folder)
    assert ("qa/test-00000-of-00001.parquet", "a patient's identity") in found(folder)


def test_a_file_that_cannot_be_searched_is_a_hit(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"x")
    seal(folder)
    assert ("model.pkl", "a file of a kind that cannot be audited") in found(folder)


def test_the_token_and_the_machine_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "not-of-the-usual-shape")
    monkeypatch.setattr("socket.gethostname", lambda: "theatre-cam-3")
    replant(folder, phase="seen by theatre-cam-3 with not-of-the-usual-shape")
    assert {what for _, what in found(folder)} == {"the token in use", "the name of this machine"}


def test_push_refuses_and_the_message_does_not_spread_it(
    hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = f"{TOKEN} of jane.doe@clinic.org"
    replant(folder, phase=secret)
    with pytest.raises(InputError, match="3 things that must stay private"):
        push(folder, "clinic/cases")
    assert not hub.requests
    assert main(["push", str(folder), "clinic/cases"]) == 2
    shown = capsys.readouterr()
    assert TOKEN not in shown.err and "jane" not in shown.err and "clinic.org" not in shown.err


# ---- frames that a person looks at


def test_a_sample_of_frames_is_drawn_looked_at_and_its_bound_is_on_the_card(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["audit", str(folder), "--sheets", str(tmp_path / "look"), "--frames", "7"]
    assert main(said) == 0
    first = [path.read_bytes() for path in sorted((tmp_path / "look").iterdir())]
    assert len(first) == 1
    with Image.open(io.BytesIO(first[0])) as sheet:
        pixels = np.asarray(sheet)
    shown = [
        pixels[240 * (n // 6) : 240 * (n // 6) + 24, 320 * (n % 6) : 320 * (n % 6) + 32] for n in range(8)
    ]
    assert [picture.std() > 20 for picture in shown] == [True] * 7 + [False]
    assert len({picture.tobytes() for picture in shown[:7]}) == 7, "seven different frames"
    assert main(said) == 0
    assert [path.read_bytes() for path in sorted((tmp_path / "look").iterdir())] == first

    assert main(["audit", str(folder), "--looked-at", "7"]) == 0
    assert (
        "0 hits in 7 frames audited; at most 43 % of all frames (95 %)" in (folder / "README.md").read_text()
    )
    from surgvqa.builders.pipeline.verify import find_damage

    assert find_damage(folder) == {}
    assert main(["audit", str(folder), "--looked-at", "7", "--hits", "1"]) == 0
    assert "do not publish" in (folder / "README.md").read_text()


def test_a_data_set_of_fewer_frames_is_looked_at_whole(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look = tmp_path / "look"
    assert main(["audit", str(folder), "--sheets", str(look), "--frames", "3000"]) == 0
    assert (
        f"16 of 16 frames on 1 sheets in {look}; look at them, then --looked-at 16 --hits K"
        in capsys.readouterr().out
    )
    assert main(["audit", str(folder), "--looked-at", "16", "--hits", "0"]) == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--sheets", "{}/look"], "inside the data set"),
        (["--sheets", "/tmp/x", "--frames", "0"], "--frames 0"),
        (["--looked-at", "17"], "has 16 pictures"),
        (["--looked-at", "3", "--hits", "4"], "--hits 4"),
    ],
)
def test_bad_frame_audits(
    folder: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(folder), *(word.format(folder) for word in more)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "operated by Dr. Ju\u0308rgen Mu\u0308ller", "operated by Dr. Jo\u200bhn Smi\u00adth", "born \uff11\uff19\uff16\uff11-\uff10\uff14-\uff11\uff12",
        "Patient J&uuml;rgen M&uuml;ller", "frames/J%C3%BCrgen%20M%C3%BCller/1.jpg",
    ],
)  # fmt: skip
def test_another_spelling_hides_nothing(tmp_path: Path, text: str) -> None:
    """Accents apart from their letters (as macOS names files), letters that nobody sees, wide digits, HTML, addresses."""
    (tmp_path / "a.md").write_text(f"The grasper. {text}\n")
    (tmp_path / "b.json").write_text(json.dumps({"answer": text}))
    pq.write_table(pa.table({"answer": ["a hook", None, text]}), tmp_path / "c.parquet")
    for name in ("a.md", "b.json", "c.parquet"):
        assert audit(tmp_path, [name]), name


def test_a_column_of_any_type_of_text_is_searched(tmp_path: Path) -> None:
    text = "operated by Dr. Smith"
    columns = {
        "dictionary": pa.array([text]).dictionary_encode(),
        "view": pa.array([text]).cast(pa.string_view()),
        "map": pa.array([[("surgeon", text)]], pa.map_(pa.string(), pa.string())),
        "key": pa.array([[(text, "surgeon")]], pa.map_(pa.string(), pa.string())),
        "Dr. Smith": pa.array([1]),
    }
    for name, column in columns.items():
        pq.write_table(pa.table({name: column}), tmp_path / "t.parquet")
        assert audit(tmp_path, ["t.parquet"]), name


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_nothing_rides_along_with_a_picture(tmp_path: Path, kind: str) -> None:
    """After its end, in a chunk of somebody's own, or in a comment behind the first scan."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind, **({"progressive": True} if kind == "JPEG" else {}))
    plain = file.getvalue()
    name = f"a.{kind.lower()}"
    own = b"\xff\xfe\x00\x0bDOE^JOHN7" if kind == "JPEG" else b"\0\0\0\x08prVtDOE^JOHN" + bytes(4)
    inside = plain[:-2] + own + plain[-2:] if kind == "JPEG" else plain[:-12] + own + plain[-12:]
    for data, wanted in (
        (plain, 0),
        (plain + b"DOE^JOHN", 1),
        (inside, 1),
        (plain[:-12], 1),
        (plain + bytes(9), 0),
    ):
        (tmp_path / name).write_bytes(data)
        assert len(audit(tmp_path, [name])) == wanted
