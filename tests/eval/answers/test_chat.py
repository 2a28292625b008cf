"""Answers over the OpenAI API: what a server is sent, what it may do wrong, and that real vLLM answers the same."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_clips import COLOURS, row, write
from PIL import Image
from surgvqa.eval.__main__ import main
from surgvqa.eval.data import predictions
from surgvqa.eval.models.budget import Budget
from surgvqa.train import tiny
from surgvqa.train.__main__ import main as train
from taught_model import VLLM, taught

KEY = "sk-a-secret-of-the-hospital"


class Colours:
    """A server that looks at the first frame's mean colour, and fails as it is told to."""

    def __init__(self) -> None:
        self.fail: list[int] = []  # statuses to answer with, one a request, before any answer
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.logprobs = True
        self.url = ""
        self.lock = threading.Lock()

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        parts = body["messages"][-1]["content"]
        pictures = [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2]))))
            for part in parts
            if part["type"] == "image_url"
        ]
        mean = pictures[0].reshape(-1, 3).mean(axis=0)
        colour = min(COLOURS, key=lambda name: float(np.abs(mean - np.array(COLOURS[name])).sum()))
        said = f" It is {colour}, asked {parts[-1]['text']} of {len(pictures)}."
        sure = {"content": [{"token": "It", "logprob": 0.0}, {"token": "is", "logprob": float(np.log(0.5))}]}
        return {"choices": [{"message": {"content": said}, "logprobs": sure if self.logprobs else None}]}


@pytest.fixture
def colours() -> Iterator[Colours]:
    server = Colours()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def send(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.send(200, {"data": [{"id": "another"}, {"id": "base"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.keys.add(self.headers.get("Authorization", ""))
            with server.lock:
                status = server.fail.pop(0) if server.fail else 200
            if status != 200:
                self.send(status, {"error": f"no, {self.headers.get('Authorization')}"})
                return
            server.requests.append(body)
            self.send(200, server.reply(body))

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # of five, a busy machine drops connections

    http = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Path, Path]:
    """Clips, and the folder of a model that was taught to see four frames."""
    tiny.make("qwen2_5_vl", tmp_path / "base")
    Budget(4).save(tmp_path / "base")
    return write(tmp_path / "data", test=[row(number) for number in range(5)]), tmp_path / "base"


def predict(asked: tuple[Path, Path], url: str, out: Path, *more: str) -> int:
    data, model = asked
    return main(
        ["predict", str(data), "--model", str(model), "--engine", "openai", "--url", url, "--out", str(out), *more]
    )  # fmt: skip


def test_a_server_sees_every_frame_and_its_answers_come_back(
    asked: tuple[Path, Path], colours: Colours, tmp_path: Path
) -> None:
    colours.fail = [503, 429]  # busy for a moment
    assert predict(asked, colours.url + "/", tmp_path / "p.jsonl") == 0
    said = predictions.read(tmp_path / "p.jsonl")
    assert len(said) == 15 and not [one.error for one in said if one.error]
    names = list(COLOURS)
    for number in range(5):
        for one in said[3 * number : 3 * number + 3]:
            assert one.prediction == f"It is {names[number % 3]}, asked {one.question} of 4."
            assert one.confidence == 0.75
    assert {body["model"] for body in colours.requests} == {
        "base"
    }  # of those served, the one of --model's name
    assert {body["temperature"] for body in colours.requests} == {0.0}


def test_a_server_that_does_not_tell_probabilities(
    asked: tuple[Path, Path], colours: Colours, tmp_path: Path
) -> None:
    colours.logprobs = False
    assert predict(asked, colours.url, tmp_path / "p.jsonl") == 0
    assert {one.confidence for one in predictions.read(tmp_path / "p.jsonl")} == {None}


def test_a_refusal_is_one_line_without_the_key_and_the_next_run_goes_on(
    asked: tuple[Path, Path],
    colours: Colours,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SURGVQA_SERVER_KEY", KEY)
    colours.fail = [400]
    assert predict(asked, colours.url, tmp_path / "p.jsonl") == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "/chat/completions: status 400" in last and "run the same command again" in last
    assert KEY not in last and colours.keys == {f"Bearer {KEY}"}
    assert predict(asked, colours.url, tmp_path / "p.jsonl") == 0
    assert len(predictions.read(tmp_path / "p.jsonl")) == 15
    assert KEY not in (tmp_path / "p.run.json").read_text()


@pytest.mark.parametrize("url", ["", "ftp://host/v1", "http://me:secret@host/v1", "http://127.0.0.1:9/v1"])
def test_wrong_addresses(
    asked: tuple[Path, Path],
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("surgvqa.eval.answers.server.BACKOFF_S", 0.0)
    assert predict(asked, url, tmp_path / "p.jsonl") == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert ("--url, an address like" in last) or ("/models: ConnectError" in last and "127.0.0.1:9" in last)
    assert "secret" not in last


def test_what_was_taught_on_videos_is_not_shown_as_pictures(
    asked: tuple[Path, Path], colours: Colours, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Budget(4, "video").save(asked[1])
    assert predict(asked, colours.url, tmp_path / "p.jsonl") == 2
    assert "was taught on videos, and a chat shows images" in capsys.readouterr().err


# ---- real vLLM


@pytest.fixture
def serve() -> Iterator[Any]:
    """``vllm serve`` on a port of its own, until the test is over."""
    running: list[subprocess.Popen[bytes]] = []

    def start(folder: Path, name: str, log: Path) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {
            "HF_HUB_OFFLINE": "1",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_NO_USAGE_STATS": "1",
        }
        command = [  # what `vllm serve` runs; that command of vllm-cpu looks for a package named vllm, and dies
            *(str(VLLM), "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
            *("--served-model-name", name),
            *("--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"),
            *("--max-model-len", "1024", "--limit-mm-per-prompt", '{"image": 4, "video": 0}'),
        ]
        with log.open("wb") as out:
            running.append(subprocess.Popen(command, stdout=out, stderr=out, env=environment))
        url = f"http://127.0.0.1:{port}"
        for _ in range(900):
            if running[-1].poll() is not None:
                break
            try:
                if httpx.get(f"{url}/health").is_success:
                    return f"{url}/v1"
            except httpx.TransportError:
                pass
            time.sleep(1)
        raise AssertionError(log.read_text(errors="replace")[-3000:])

    yield start
    for process in running:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.mark.vllm
@pytest.mark.timeout(1800)
def test_the_exported_folder_served_by_vllm(tmp_path: Path, serve: Any) -> None:
    """`surgvqa-train vllm`, `vllm serve`, `./smoke.sh`: the answers are those of transformers on the same folder."""
    if not VLLM.is_file():
        pytest.skip(f"no vLLM at {VLLM}; `make test-vllm` installs one, or set SURGVQA_VLLM")
    rows = [row(number) for number in range(12)]
    clips = write(tmp_path / "clips", train=rows, test=[row(number) for number in range(40, 44)])
    adapter = taught("qwen2_5_vl", clips, tmp_path / "taught")
    framework = tmp_path / "framework"
    assert train(["vllm", str(adapter), "--out", str(framework), "--name", "Tiny-VL"]) == 0
    model = framework / "models/llm/Tiny-VL"
    url = serve(model, "Tiny-VL", tmp_path / "vllm.log")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    smoke = [str(framework / "smoke.sh"), str(clips), "test", url]
    done = subprocess.run(smoke, capture_output=True, text=True, env=os.environ | {"PATH": path})
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    theirs = predictions.read(framework / "smoke/answers.jsonl")
    out = tmp_path / "hf.jsonl"
    asked = ["predict", str(framework / "smoke/suite"), "--model", str(model), "--dtype", "float32"]
    assert main([*asked, "--out", str(out)]) == 0
    ours = {one.qa_id: one for one in predictions.read(out)}
    assert len(theirs) == len(ours) == 12 and not [one.error for one in theirs if one.error]
    assert [one.prediction for one in theirs] == [ours[one.qa_id].prediction for one in theirs]
    for one in theirs:
        assert one.confidence == pytest.approx(ours[one.qa_id].confidence, abs=1e-3)
    assert len({one.prediction for one in theirs}) > 1
    figures = json.loads((framework / "smoke/score.json").read_text())
    assert figures["n"] == len(theirs) and figures["missing"] == 0
