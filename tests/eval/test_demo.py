"""The app in a real browser: choose, play, ask, see; and what happens when something is wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
]
pytestmark = pytest.mark.browser


def write_wave(path: Path, seconds: float, rate: int = 16000, channels: int = 1, loud: int = 20000) -> Path:
    tone = np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)
    pcm = (tone * loud).astype("<i2").repeat(channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


WAIT_MS = 180_000  # a browser, an app and a model share two cores with the other tests


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("gradio", reason="the app needs Gradio: pip install 'surgvqa[demo]'")
    if not CHROMIUM.is_file():
        pytest.skip("headless Chromium is not installed: apt-get install chromium, or set CHROMIUM")
    pytest.importorskip(
        "playwright.sync_api", reason="the browser test drives Chromium: pip install playwright"
    )
    from building import build
    from surgvqa.train.tiny import make

    folder = tmp_path_factory.mktemp("demo")
    options = {"render_cases": 4, "phase_seconds": 5.0, "size": 96}
    build("synthetic", folder / "cases", folder / "data", source_options=options, workers=0, frames=4)
    make("qwen2_5_vl", folder / "tiny")
    make("qwen2_vl", folder / "other")
    from spoken_clips import whisper
    from surgvqa.eval.models.audio_graft import from_base, save_ears

    model, processor, ears = from_base(str(folder / "tiny"), str(whisper(folder / "whisper")), pool=5)
    for part in (model, processor):
        part.save_pretrained(folder / "hears")
    save_ears(ears, folder / "hears")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "surgvqa.eval",
        "demo",
        "--data",
        "data",
        "--model",
        "tiny",
        "other",
        "hears",
        "--allow",
        ".",
        "--port",
        str(port),
    ]
    with (folder / "log").open("w") as log:
        app = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(960):
            try:
                urlopen(address, timeout=2).close()
                break
            except (URLError, OSError):
                assert app.poll() is None, (folder / "log").read_text()
                time.sleep(0.25)
        else:
            pytest.fail((folder / "log").read_text())
        yield address
    finally:
        app.terminate()
        app.wait(10)


@pytest.fixture(scope="module")
def play(url: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as one:  # of which a process has one at a time
        yield one


@pytest.fixture(scope="module")
def page(url: str, play: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    spoken = write_wave(tmp_path_factory.mktemp("microphone") / "spoken.wav", 3, 48000)
    browser = play.chromium.launch(
        executable_path=str(CHROMIUM), args=[*FLAGS, f"--use-file-for-fake-audio-capture={spoken}"]
    )
    context = browser.new_context(permissions=["microphone"], viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.faults = []
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.goto(url)
    tab.wait_for_selector(".stage figure", timeout=WAIT_MS)
    yield tab
    assert not tab.faults
    browser.close()


QUESTION = "#question textarea, #question input"


def ask(page: Any, text: str | None = None) -> str:
    """The answers to a question; each test asks another one, so that what is read is its own."""
    if text is not None:
        page.fill(QUESTION, text)
    asked = page.input_value(QUESTION)
    page.click("#ask")
    page.wait_for_function(
        "t => (document.querySelector('#said .asked')?.innerText || '').includes(t)",
        arg=asked,
        timeout=WAIT_MS,
    )
    return page.inner_text("#said")


def note(page: Any, part: str) -> str:
    page.wait_for_function(
        "t => (document.querySelector('#note')?.innerText || '').includes(t)", arg=part, timeout=WAIT_MS
    )
    return page.inner_text("#note")


def no_recording(page: Any) -> None:
    if not page.locator("#heard").is_visible():
        page.click("#speak button")
        page.wait_for_selector("#heard", state="visible")
    clear = page.locator("#sound button[aria-label='Clear']")
    if clear.count():
        clear.first.click()


def upload(page: Any, path: Path) -> None:
    no_recording(page)
    if not page.locator("#sound input[type=file]").count():
        page.locator("#sound button[aria-label='Upload file']").first.click()
    page.locator("#sound input[type=file]").set_input_files(str(path))
    page.wait_for_timeout(800)


def fill_dropdown(page: Any, name: str, value: str) -> None:
    box = page.locator(f"#{name} input").first
    box.fill(value)
    box.press("Enter")
    box.blur()


def test_it_opens_with_frames_a_timeline_and_the_figures_by_kind(page: Any) -> None:
    assert page.locator(".stage figure").count() == 4
    assert page.locator(".stage img").first.evaluate("i => i.complete && i.naturalWidth > 0")
    assert page.locator(".timeline i.here").count() == 1
    assert "phase" in page.inner_text("table.kinds")


def test_the_flipbook_plays_steps_and_follows_the_keys(page: Any) -> None:
    page.click("button[data-mode=flip]")
    shown = lambda: page.locator(".stage figure:visible")  # noqa: E731
    assert shown().count() == 1
    first = shown().get_attribute("class"), page.inner_text("[data-counter]")
    page.click("[data-act=next]")
    assert page.inner_text("[data-counter]") == "2 / 4" != first[1]
    page.click("[data-act=play]")
    seen = set()
    until = time.monotonic() + 2.6
    while time.monotonic() < until:
        seen.add(page.inner_text("[data-counter]"))
        time.sleep(0.1)
    assert len(seen) >= 4, "two frames a second"
    page.click("[data-act=play]")
    at = page.inner_text("[data-counter]")
    time.sleep(0.8)
    assert page.inner_text("[data-counter]") == at, "paused"
    page.focus(".stage")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("[data-counter]") != at
    page.keyboard.press("v")
    page.wait_for_function("document.querySelector('.stage video').readyState >= 2", timeout=WAIT_MS)
    page.keyboard.press("g")
    assert shown().count() == 4


def test_a_question_is_answered_beside_truth_and_blind(page: Any) -> None:
    told = ask(page)
    for part in ("tiny", "other", "Truth", "Blind guess", " s"):
        assert part in told
    assert page.locator(".card").count() == 4
    own = ask(page, "Is there <b>anything</b> at all?")
    assert "not annotated" in own and "<b>anything</b>" in own, "escaped, not rendered"


def test_filtering_by_kind_leaves_its_questions(page: Any) -> None:
    before = page.input_value(QUESTION)
    fill_dropdown(page, "kind", "phase")
    page.wait_for_function(
        f"t => document.querySelector('{QUESTION}').value !== t",
        arg=before,
        timeout=WAIT_MS,
    )
    assert "phase" in page.input_value(QUESTION).lower()


def test_a_wrong_model_folder_is_a_message_and_the_app_goes_on(page: Any) -> None:
    fill_dropdown(page, "first", "no/such/folder")
    told = ask(page, "Which phase is it?")
    assert "no model no/such/folder" in told
    fill_dropdown(page, "first", "tiny")
    assert "no model" not in ask(page, "Which phase is this?")


def test_a_wrong_data_set_is_a_message_and_the_app_goes_on(page: Any) -> None:
    fill_dropdown(page, "data", "nowhere")
    note(page, "nowhere")
    fill_dropdown(page, "data", "data")
    page.wait_for_function("(document.querySelector('#note')?.innerText || '') === ''", timeout=WAIT_MS)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("empty.wav", "0 bytes"),
        ("long.wav", "over 30 s"),
        ("words.wav", "not a sound file"),
        ("stereo.wav", "2.0 s"),
        ("closed.wav", "is silent; is the microphone on and allowed?"),
    ],
)
def test_a_bad_recording_is_a_message_and_the_app_goes_on(
    page: Any, tmp_path: Path, name: str, told: str
) -> None:
    path = tmp_path / name
    if name == "long.wav":
        write_wave(path, 600)
    elif name == "stereo.wav":
        write_wave(path, 2, 8000, 2)
    elif name == "closed.wav":  # what a muted microphone gives
        write_wave(path, 2, loud=0)
    else:
        path.write_bytes(b"" if name == "empty.wav" else b"this is a shopping list, not a sound" * 20)
    upload(page, path)
    page.click("#heard")
    assert told in note(page, told)
    assert "Truth" in ask(page, f"What is there after {name}?")


def test_a_recording_is_asked_aloud_of_a_model_that_hears(page: Any, tmp_path: Path) -> None:
    fill_dropdown(page, "first", "hears")
    upload(page, write_wave(tmp_path / "asked.wav", 1.5, 8000, 2))
    page.click("#aloud")
    page.wait_for_function(
        "() => (document.querySelector('#said .asked')?.innerText || '').includes('a recording of 1.5 s')",
        timeout=WAIT_MS,
    )
    heard, deaf = page.locator(".card").nth(0), page.locator(".card").nth(1)
    assert "sure" in heard.inner_text() and not heard.locator(".note").count()
    assert "reads text, it doesn't hear" in deaf.inner_text()
    upload(page, write_wave(tmp_path / "long.wav", 600))
    page.click("#aloud")
    note(page, "over 30 s")
    fill_dropdown(page, "first", "tiny")


def test_nothing_recorded_is_a_message(page: Any) -> None:
    no_recording(page)
    page.click("#heard")
    note(page, "nothing was recorded")


def test_a_closed_microphone_is_a_message_and_the_app_goes_on(url: str, play: Any) -> None:
    nobody_allows_it = [flag for flag in FLAGS if "media-stream" not in flag]
    browser = play.chromium.launch(executable_path=str(CHROMIUM), args=nobody_allows_it)
    tab = browser.new_context(viewport={"width": 390, "height": 900}).new_page()
    tab.set_default_timeout(WAIT_MS)
    tab.goto(url)
    tab.wait_for_selector(".stage figure", timeout=WAIT_MS)
    no_recording(tab)
    tab.locator("#sound button[aria-label='Record audio']").first.click()
    if not tab.locator("#closed").count():  # a browser without any device says so before one records
        tab.locator("#sound button.record-button").first.click()
    told = tab.wait_for_selector("#closed", timeout=WAIT_MS).inner_text()
    assert told.startswith("The microphone is not ") and told.endswith("or type the question.")
    assert "Truth" in ask(tab, "What is there beside a closed microphone?")
    browser.close()


@pytest.mark.slow  # a second and a half of a fake microphone in real time, which a busy machine misses
def test_the_microphone_records(page: Any) -> None:
    no_recording(page)
    page.locator("#sound button[aria-label='Record audio']").first.click()
    page.locator("#sound button.record-button").click()
    page.wait_for_timeout(1500)
    page.locator("#sound button.stop-button").click()
    page.wait_for_selector("#sound button[aria-label='Clear']", timeout=WAIT_MS)
    page.click("#heard")
    assert "read text" in note(page, "heard"), "this app was started without a recogniser"


@pytest.mark.parametrize("width", [390, 820, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_width_makes_the_page_scroll_sideways(page: Any, url: str, width: int, theme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{url}/?__theme={theme}")
    page.wait_for_selector(".stage figure", timeout=WAIT_MS)
    page.wait_for_timeout(1000)  # the table folds away
    on_top = """() => { const img = document.querySelector('.stage img'); img.scrollIntoView({block: 'center'});
        const box = img.getBoundingClientRect();
        return !!document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest('.shot') }"""
    assert page.evaluate(on_top), "nothing lies over the frames"
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width + 1
    if folder := os.environ.get("SURGVQA_PICTURES"):
        page.wait_for_timeout(500)
        page.screenshot(path=f"{folder}/demo-{width}-{theme}.png", full_page=True)
