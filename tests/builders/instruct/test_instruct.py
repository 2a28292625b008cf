"""Instruction data: with a teacher that fails in every way, killed and resumed, without a server, trained on."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import teacher_server
from building import instruct
from datasets import load_dataset
from PIL import Image
from surgvqa.builders.__main__ import main
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.pipeline.verify import verify
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.teachers import prompt as prompts
from surgvqa.builders.teachers import server as teacher
from surgvqa.builders.teachers.samples import Sample, Turn
from surgvqa.builders.teachers.template_teacher import samples
from surgvqa.builders.verifying.verifier import Verifier
from surgvqa.cards.command import InputError

CHOLE = load("cholecystectomy")
SECRET = "sk-secret-0123456789"


def entries(count: int, per_video: int = 8, pictures: bool = True) -> list[dict]:
    """Labels of ``count`` frames, no two of which say the same."""
    draw = random.Random(0)
    found = []
    for number in range(count):
        names = [*draw.sample(CHOLE.anatomy, 2), *draw.sample(CHOLE.instruments, 2)]
        boxes = []
        for name in names:
            x, y = draw.randrange(800), draw.randrange(500)
            boxes.append({"name": name, "bbox": [x, y, x + 90, y + 90]})
        found.append(
            {
                "image": f"frames/{number:06d}.png",
                "video_id": f"case_{number // per_video:03d}",
                "timestamp_s": number / 2,
                "phase": draw.choice(CHOLE.phases),
                "anatomy": names[:2],
                "tools": names[2:],
                "events": ["cv_safety_met=" + draw.choice(["true", "false"])],
                "width": 900,
                "height": 600,
                "boxes": boxes,
            }
        )
    return found


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Forty frames of five videos with small pictures."""
    found = entries(40)
    (tmp_path / "frames").mkdir()
    for number, entry in enumerate(found):
        Image.fromarray(np.full((60, 90, 3), 5 * number, np.uint8)).save(tmp_path / entry["image"])
    path = tmp_path / "frames.json"
    path.write_text(json.dumps(found))
    return path


def content(written: tuple[Sample, ...]) -> str:
    by_kind = {sample.kind: sample.turns for sample in written}
    pairs = {
        kind: [{"question": turn.question, "answer": turn.answer} for turn in by_kind[kind]]
        for kind in ("conversation", "reasoning")
    }
    return json.dumps(pairs | {"description": by_kind["description"][0].answer})


@pytest.fixture
def server(labels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[teacher_server.Teacher]:
    """A teacher that writes what the template teacher writes."""
    monkeypatch.setenv(teacher.KEY, SECRET)
    frames = frame_labels.read(labels, CHOLE)
    by_prompt = {
        prompts.prompt(frame, CHOLE)[-1]["content"]: content(samples(frame, CHOLE)) for frame in frames
    }
    assert len(by_prompt) == len(frames)
    with teacher_server.serve(by_prompt.__getitem__) as running:
        yield running


def patient(url: str, **facts) -> teacher.Server:
    return replace(teacher.server(url, "tiny", 8), backoff_s=0.01, timeout_s=5.0, **facts)


def rows(out: Path) -> list[dict]:
    return [
        row
        for split in load_dataset(
            "parquet", data_files=files(out), cache_dir=str(out.parent / "cache")
        ).values()
        for row in split
    ]


def files(out: Path) -> dict[str, str]:
    return {path.name.split("-")[0]: str(path) for path in sorted((out / "instruct").iterdir())}


def texts(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_without_a_server_all_frames_get_three_samples_and_the_same_bytes_twice(labels: Path, tmp_path: Path):
    report = instruct(labels, "cholecystectomy", tmp_path / "out")
    found = rows(tmp_path / "out")
    assert len(found) == 120 and {row["sample"] for row in found} == {
        "conversation",
        "description",
        "reasoning",
    }
    assert report["accepted_share"] == 1.0 and report["reasons"] == {}
    assert all(row["images"][0].size == (90, 60) and row["verdict"] == "accepted" for row in found)
    assert len({row["id"] for row in found}) == 120
    verify(tmp_path / "out")
    instruct(labels, "cholecystectomy", tmp_path / "again")
    assert texts(tmp_path / "out" / "instruct") == texts(tmp_path / "again" / "instruct")


def test_a_video_lies_in_one_split_and_the_card_says_what_was_refused(labels: Path, tmp_path: Path):
    instruct(labels, "cholecystectomy", tmp_path / "out", test_cases=["case_002"])
    loaded = load_dataset(str(tmp_path / "out"), "instruct", cache_dir=str(tmp_path / "cache"))
    cases = {name: set(split["case_id"]) for name, split in loaded.items()}
    assert cases["test"] == {"case_002"} and sum(map(len, cases.values())) == 5 == len(
        set.union(*cases.values())
    )
    card = (tmp_path / "out" / "README.md").read_text()
    assert "100.0 % of" in card and "`template`" in card and "machine-generated" in card


def test_a_teacher_that_fails_in_every_way_loses_nothing(labels, server, tmp_path: Path, capfd):
    server.fault = teacher_server.any_fault
    report = instruct(labels, "cholecystectomy", tmp_path / "out", server=patient(server.url))
    assert sum(server.attempts.values()) > 60, "there were faults"
    assert len(rows(tmp_path / "out")) == 120 and report["teacher"] == "tiny"
    before = dict(server.attempts)
    instruct(labels, "cholecystectomy", tmp_path / "out", server=patient(server.url))
    assert server.attempts == before, "nothing is asked twice"
    assert server.keys == {SECRET}
    seen = texts(tmp_path / "out") + texts(tmp_path / "out.teacher") + "".join(capfd.readouterr()).encode()
    assert SECRET.encode() not in seen and SECRET not in repr(patient(server.url))


def test_echoes_and_hostile_text_are_answers_that_nothing_is_taken_of(labels, server, tmp_path: Path):
    bad = {}
    for number, entry in enumerate(frame_labels.read(labels, CHOLE)):
        bad[prompts.prompt(entry, CHOLE)[-1]["content"]] = ("echo", "hostile", "good", "good")[number % 4]
    server.fault = lambda prompt, attempt: bad[prompt]
    report = instruct(labels, "cholecystectomy", tmp_path / "out", server=patient(server.url))
    found = rows(tmp_path / "out")
    assert len(found) == 60 and {row["sample"] for row in found} == {
        "conversation",
        "description",
        "reasoning",
    }
    verifier = Verifier(CHOLE)
    by_image = {frame.image: frame for frame in frame_labels.read(labels, CHOLE)}
    for row in found:
        said = [message["content"] for message in row["messages"]]
        turns = tuple(Turn(*pair) for pair in zip(said[::2], said[1::2], strict=True))
        assert verifier.reason(Sample(row["sample"], turns), by_image[row["image_names"][0]]) is None
    assert report["reasons"]["markup"] >= 20 and 0 < report["accepted_share"] < 1
    refused = (tmp_path / "out.teacher" / "refused.jsonl").read_text()
    assert "Ignore all previous" in refused and SECRET not in refused
    assert b"Ignore all previous" not in texts(tmp_path / "out")


def test_a_run_that_was_killed_goes_on_where_it_stopped(labels, server, tmp_path: Path):
    server.delay_s = 0.15
    command = [
        sys.executable,
        "-m",
        "surgvqa.builders",
        "instruct",
        str(labels),
        "--taxonomy",
        "cholecystectomy",
    ]
    command += [
        "--out",
        str(tmp_path / "out"),
        "--teacher",
        server.url,
        "--model",
        "tiny",
        "--concurrency",
        "4",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while sum(server.served.values()) < 12 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 12 <= sum(server.served.values()) < 40 and not (tmp_path / "out" / "manifest.json").exists()
    server.delay_s = 0.0
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).returncode == 0
    again = [prompt for prompt, times in server.served.items() if times > 1]
    assert len(again) <= 4 + 1, "only what was under way is asked again"
    assert len(rows(tmp_path / "out")) == 120


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("401", "refuses with status 401: .*SURGVQA_TEACHER_KEY"),
        ("500", "no answer: no answer in 2 attempts"),
    ],
)
def test_a_server_that_refuses_or_is_down_is_one_line(labels, server, tmp_path, fault: str, said: str):
    server.fault = lambda prompt, attempt: fault if prompt[-200:] else "good"
    with pytest.raises(InputError) as error:
        frames = frame_labels.read(labels, CHOLE)[:3]
        frame_labels.write(labels.with_name("few.json"), frames)
        instruct(
            labels.with_name("few.json"),
            "cholecystectomy",
            tmp_path / "out",
            server=patient(server.url, attempts=2),
        )
    assert re.search(said, str(error.value)), error.value
    assert SECRET not in str(error.value) and "\x1b" not in str(error.value)


def test_frames_without_an_answer_are_left_out_by_name_when_asked_to(labels, server, tmp_path: Path):
    lost = prompts.prompt(frame_labels.read(labels, CHOLE)[3], CHOLE)[-1]["content"]
    server.fault = lambda prompt, attempt: "500" if prompt == lost else "good"
    asked = patient(server.url, attempts=2)
    with pytest.raises(InputError, match="1 scenes of 40 have no answer"):
        instruct(labels, "cholecystectomy", tmp_path / "out", server=asked)
    assert len(server.served) == 39
    instruct(labels, "cholecystectomy", tmp_path / "out", server=asked, on_error="quarantine")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [item["item"] for item in manifest["dropped"]] == ["case_000: frames/000003.png"]
    assert len(rows(tmp_path / "out")) == 117


def test_the_cost_is_said_before_anything_is_asked(labels, server, tmp_path: Path, capsys):
    command = ["instruct", str(labels), "--taxonomy", "cholecystectomy", "--out", str(tmp_path / "out")]
    command += [
        "--teacher",
        server.url,
        "--model",
        "tiny",
        "--estimate",
        "--price-in",
        "1",
        "--price-out",
        "4",
    ]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "40 requests" in said and "at the given prices" in said and not server.attempts


@pytest.mark.parametrize(
    "url", ["localhost:8000", "http://me:pw@host/v1", "http://host/v1?key=1", "ftp://host/"]
)
def test_an_address_with_a_secret_or_without_a_scheme_is_refused(url: str):
    with pytest.raises(InputError) as error:
        teacher.server(url, "tiny")
    assert "pw" not in str(error.value) and "key=1" not in str(error.value)


def test_pictures_must_be_there_and_below_the_labels(labels: Path, tmp_path: Path, capsys):
    found = json.loads(labels.read_text())
    (tmp_path / "frames" / "000002.png").unlink()
    found[5]["image"] = "../../etc/passwd.png"
    labels.write_text(json.dumps(found))
    command = ["instruct", str(labels), "--taxonomy", "cholecystectomy", "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "2 pictures of 40 can't be read" in capsys.readouterr().err
    assert main([*command, "--on-error", "quarantine"]) == 0
    assert len(rows(tmp_path / "out")) == 38 * 3
    assert main([*command, "--media", "none"]) == 0
    assert len(rows(tmp_path / "out")) == 120


def test_a_folder_of_something_else_is_left_alone(labels: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"holds thesis\.tex"):
        instruct(labels, "cholecystectomy", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_thousand_frames_in_three_minutes_and_one_gigabyte(tmp_path: Path):
    path = tmp_path / "frames.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries(50_000, 1000)))
    code = (
        "import resource; from surgvqa.builders.__main__ import main;"
        f"main(['instruct', {str(path)!r}, '--taxonomy', 'cholecystectomy', '--media', 'none', '--out',"
        f"{str(tmp_path / 'out')!r}]);"
        "used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)];"
        # not ru_maxrss: a child begins with its parent's, and pytest has torch loaded
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        "print('took', sum(one.ru_utime + one.ru_stime for one in used), int(peak) / 1e6)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    seconds, gigabytes = map(float, done.stdout.split("took ")[1].split())  # of a core, whatever else runs
    assert seconds < 180 and gigabytes < 1.0, done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert sum(split["samples"] for split in report["splits"].values()) == 150_000


@pytest.mark.slow
def test_trl_and_our_recipe_train_on_it(labels: Path, tmp_path: Path):
    from surgvqa.train.tiny import make

    make("qwen2_5_vl", tmp_path / "tiny")
    out = tmp_path / "out"
    instruct(labels, "cholecystectomy", out)
    common = [
        "--model_name_or_path",
        str(tmp_path / "tiny"),
        "--dataset_name",
        str(out),
        "--dataset_config",
        "instruct",
    ]
    common += [
        "--max_steps",
        "2",
        "--use_cpu",
        "true",
        "--report_to",
        "none",
        "--per_device_train_batch_size",
        "2",
    ]
    ours = [sys.executable, "-m", "surgvqa.train", "sft", *common, "--output_dir", str(tmp_path / "ours")]
    theirs = [
        str(Path(sys.executable).with_name("trl")),
        "sft",
        *common,
        "--output_dir",
        str(tmp_path / "theirs"),
        "--bf16",
        "false",
    ]
    theirs += ["--max_length", "4096"]
    for command in (ours, theirs):
        done = subprocess.run(command, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr[-3000:]
