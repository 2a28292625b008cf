"""The page of `inspect`: what it draws on which frame, and how it ends, in a real browser."""

import io
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from surgvqa.builders.inspection import moments, page

NODES = [{"name": "hook", "bbox": [10, 10, 50, 40]}, {"name": "liver", "bbox": None, "grid": "top-left"}]
COURSE = [
    {"phase": "exposure", "start_s": 0.0, "end_s": 6.0},
    {"phase": "clipping", "start_s": 6.0, "end_s": 20.0},
]
SCENE = {
    "time_s": 5.0,
    "width": 100,
    "height": 100,
    "nodes": NODES,
    "events": ["phase: exposure", "hook left"],
}


@pytest.fixture
def known() -> moments.Moments:
    return moments.Moments({"K1": COURSE}, {"K1": [SCENE]})


def row() -> dict:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 40, 40)).save(out, "JPEG")
    times = [4.999, 6.0, 7.0, 8.0, 9.0, 10.0]
    images = [{"bytes": out.getvalue()}] * len(times)
    ids = {"clip_id": "K1@5-10", "case_id": "K1", "phase": "clipping"}
    return {**ids, "start_s": 5.0, "end_s": 10.0, "frame_times_s": times, "images": images}


def question(**words) -> dict:
    plain = {"qa_id": "1", "kind": "box", "question": "Where is the hook?", "choices": []}
    return {
        **plain,
        "answer": "The box is [100, 200, 300, 400].",
        "short_answer": "[100, 200, 300, 400]",
        **words,
    }


def test_boxes_in_numbers_lie_on_the_evidence_and_nowhere_else(known):
    item = page._item(row(), question(evidence_s=[7.1]), known)
    on = {frame["at"]: frame for frame in item["frames"]}
    assert [at for at, frame in on.items() if frame["evidence"]] == ["2.0 s"], "the frame nearest to 7.1 s"
    assert [mark["box"] for mark in on["2.0 s"]["marks"]] == [[0.1, 0.2, 0.3, 0.4]]
    assert on["5.0 s"]["marks"] == []
    assert [mark["name"] for mark in on["0.0 s"]["marks"]] == ["hook"], (
        "the scene of another clip, at its own moment"
    )
    asked = page._item(row(), question(evidence_s=[7.1], question="What does [0, 0, 500, 500] hold?"), known)
    (frame,) = [frame for frame in asked["frames"] if frame["evidence"]]
    assert [mark["name"] for mark in frame["marks"]] == ["answer", "question"]


def test_phase_and_things_are_those_of_the_evidence(known):
    assert page._item(row(), question(evidence_s=[5.0]), known)["facts"] == [
        "At 0.0 s: phase exposure; hook, liver at top-left; hook left."
    ]
    (later,) = page._item(row(), question(evidence_s=[7.0]), known)["facts"]
    assert later == "At 2.0 s: phase clipping; the data set records no things of this moment."
    without = moments.Moments({}, {})
    assert "phase unknown" in without.words(row(), 5.0), "the clip's phase is that of its end"
    assert "phase clipping" in without.words(row(), 10.0)


@pytest.mark.browser
def test_the_page_says_its_end_and_what_it_saved(known, tmp_path: Path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    items = [page._item(row(), question(qa_id=str(n), evidence_s=[7.0]), known) for n in range(3)]
    data = json.dumps({"data": "x", "name": "ours", "folder": "some/ours", "items": items})
    file = tmp_path / "page.html"
    file.write_text(page.TEMPLATE.read_text("utf-8").replace("/*ITEMS*/", data))
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        view = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        view.goto(file.as_uri())
        assert view.inner_text("#answer") == "The box is [100, 200, 300, 400]."
        dark = view.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
        assert max(dark) < 60, "dark colours where the system is dark"
        for verdict in ("right", "wrong", "unclear"):
            place = view.locator(f"#keys .{verdict}").bounding_box()
            assert place is not None and place["y"] + place["height"] <= 844, f"{verdict} is in view"
        assert view.evaluate("document.documentElement.scrollWidth") == 390
        assert view.inner_text("#frames .evidence figcaption") == "2.0 s into the clip, evidence"
        view.keyboard.press("s")
        assert "nothing was saved" in view.inner_text("#saved")
        for key in "112":
            view.keyboard.press(key)
        assert "This is the end: all 3 questions are judged." in view.inner_text("#end")
        with view.expect_download() as download:
            view.keyboard.press("s")
        assert download.value.suggested_filename == "ours-inspect.json"
        assert "Saved 3 of 3 as ours-inspect.json" in view.inner_text("#saved")
        assert "surgvqa-build inspect some/ours --result ours-inspect.json" in view.inner_text("#saved")
        saved = json.loads(Path(download.value.path()).read_text())
        assert [one["verdict"] for one in saved["judged"]] == ["right", "right", "wrong"]
        browser.close()
