"""The walks of the landing page run as they stand: each page's blocks, pasted one after the other into an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pages import ROOT, shell

DOCS = ROOT / "docs"
WALKS = ("first.md", "cataract1k.md", "own.md", "ask.md", "afternoon.md")


def pasted(page: str) -> list[tuple[str, str]]:
    """The blocks of a page that a newcomer pastes: of the shell and of Python."""
    found = re.findall(
        r"^```(bash|python)\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    return [(language, block) for language, block in found]


def run(page: str, folder: Path, until: str = "") -> str:
    """Run a page's blocks up to the one with ``until`` in it; returns what they print."""
    said = ""
    for number, (language, block) in enumerate(pasted(page)):
        if until and until in block:
            break
        if language == "python":
            script = folder / f"block{number}.py"
            script.write_text(block)
            block = f"{shlex.quote(sys.executable)} {script.name}"
        said += shell(block, folder, 900)
    return said


def test_the_landing_page_leads_to_every_walk() -> None:
    landing = (DOCS / "index.md").read_text("utf-8")
    assert [page for page in WALKS if f"]({page})" not in landing] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_cataract1k_to_load_dataset(tmp_path: Path) -> None:
    said = run("cataract1k.md", tmp_path)
    assert "→" in said and "case_000" in said
    assert "cataract is ready" in said and "files are as they were written" in said


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_source_and_a_kind_of_ones_own(tmp_path: Path) -> None:
    from datasets import load_dataset

    run("own.md", tmp_path)
    rows = load_dataset(
        "parquet", data_files=str(tmp_path / "ours/qa/*.parquet"), cache_dir=str(tmp_path / "c")
    )
    late = [row for row in rows["train"] if row["kind"] == "late"]
    assert {row["short_answer"] for row in late} == {"yes", "no"} and {row["source"] for row in late} == {
        "ours"
    }
    assert any(tmp_path.glob("ours*.html")), "the page of questions lies beside the folder"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_format_of_a_peer_is_written(tmp_path: Path) -> None:
    run("peers.md", tmp_path)
    formats = {path.name for path in (tmp_path / "peers").iterdir()}
    assert {"ms-swift", "coco", "fiftyone", "llava"} <= formats and len(formats) == 11
    assert all(any((tmp_path / "peers" / name).iterdir()) for name in formats)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(1800)
def test_an_answer_in_the_app(tmp_path: Path) -> None:
    chromium = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    if not chromium.is_file():
        pytest.skip("headless Chromium is not installed: apt-get install chromium, or set CHROMIUM")
    sync = pytest.importorskip("playwright.sync_api", reason="the browser test drives Chromium")
    run("ask.md", tmp_path)
    text = (DOCS / "ask.md").read_text("utf-8")
    start = re.search(r"^surgvqa-eval demo --data .*$", text, re.MULTILINE)
    assert start is not None
    words = [str(Path(sys.executable).parent / "surgvqa-eval"), *shlex.split(start[0])[1:], "--port", "0"]
    log = tmp_path / "log"
    with log.open("w") as file:
        app = subprocess.Popen(words, cwd=tmp_path, stdout=file, stderr=file)
    try:
        for _ in range(480):
            if address := re.search(r"http://\S+(?=;)", log.read_text()):
                break
            assert app.poll() is None, log.read_text()
            time.sleep(0.25)
        else:
            pytest.fail(log.read_text())
        with sync.sync_playwright() as one:
            browser = one.chromium.launch(
                executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(180_000)
            page.goto(address[0])
            page.wait_for_selector("#questions button")
            page.click("#ask")
            page.wait_for_selector("#card-a .right, #card-a .wrong")
            assert page.inner_text("#truth") and "sure" in page.inner_text("#card-a")
            browser.close()
    finally:
        app.terminate()
        app.wait(20)
