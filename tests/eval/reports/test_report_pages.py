"""The pages: the same numbers as the JSON, self-contained, harmless whatever the labels say, honest on gaps."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import small_data
from surgvqa.eval.__main__ import main

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style><h1>owned</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "left\u202etfel\u2066",
    "nul\x00bell\x07\x1b[31m",
    "phaco" * 200,
    "𝓁ens ä 手術 🔪",
)


class Page(HTMLParser):
    """What a browser would see: tags, attributes and text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "br", "img", "rect", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("rect", "line", "circle"):
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.text.append(data)

    @property
    def classes(self):
        return [value for _, name, value in self.attributes if name == "class"]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def assert_harmless(page):
    assert page.open == []
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "a"} & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href", "data"):
            assert value.startswith("data:image/jpeg;base64,"), (tag, value[:40])
    policy = [v for t, n, v in page.attributes if t == "meta" and n == "content" and "default-src" in v]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert "url(" not in " ".join(page.text)


def write_predictions(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def report(tmp_path, what, *more):
    out = tmp_path / "page.html"
    assert main(["report", str(what), "--out", str(out), *map(str, more)]) == 0
    return Page(out), json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def invented(tmp_path_factory):
    rows = small_data.make()
    folder = tmp_path_factory.mktemp("invented")
    return rows, small_data.write(folder / "data", rows)


@pytest.fixture
def answers(tmp_path, invented):
    """A model that is wrong on the last phase, says nothing once and crashed once."""
    rows, _ = invented
    said = small_data.predictions(
        rows, lambda qa, clip: qa["answer"] if clip["start_s"] < 30 else qa["choices"][0]
    )
    said[0]["prediction"] = ""
    said[7] |= {"prediction": "", "error": "decoder: no such frame"}
    return write_predictions(tmp_path / "answers.jsonl", said)


def test_the_page_shows_the_score_s_numbers(tmp_path, invented, answers):
    _, data = invented
    page, numbers = report(tmp_path, answers, "--data", data)
    assert main(["score", str(answers), "--data", str(data), "--out", str(tmp_path / "score.json")]) == 0
    figures = json.loads((tmp_path / "score.json").read_text())
    assert {key: figures[key] for key in numbers["score"]} == numbers["score"]
    for share in (figures["accuracy"], figures["blind_majority"], figures["macro_accuracy"]):
        assert f"{100 * share:.1f} %" in page.words
    assert f"{100 * figures['lift']:+.1f}" in page.words
    for kind, own in figures["by_kind"].items():
        assert re.search(rf"{kind} n={own['n']} {100 * own['accuracy']:.1f} / ", page.words), kind
    assert "1 error, 1 empty" in page.words
    (index,) = numbers["model_index"]
    values = {entry["name"]: entry["value"] for entry in index["results"][0]["metrics"]}
    assert values["accuracy"] == round(figures["accuracy"], 4)
    assert values["accuracy on phase"] == round(figures["by_kind"]["phase"]["accuracy"], 4)
    assert_harmless(page)


def test_worst_examples_show_the_commonest_confusions_with_their_frames(tmp_path, invented, answers):
    rows, data = invented
    page, numbers = report(tmp_path, answers, "--data", data)
    worst = numbers["worst"]
    assert [item["times"] for item in worst] == sorted((item["times"] for item in worst), reverse=True)
    assert "decoder: no such frame" in {item["cause"] for item in worst}
    wrong = round((1 - numbers["score"]["accuracy_all_kinds"]) * numbers["score"]["n"])
    assert sum(item["times"] for item in worst) <= wrong
    clips = {row["clip_id"]: len(row["images"]) for row in rows["test"]}
    assert page.tags.count("img") == sum(clips[item["clip_id"]] for item in worst)


def test_the_most_confident_mistake_is_shown(tmp_path, invented):
    rows, data = invented
    said = small_data.predictions(rows, lambda qa, clip: "incision")
    for number, row in enumerate(said):
        row["confidence"] = number / len(said)
    _, numbers = report(tmp_path, write_predictions(tmp_path / "a.jsonl", said), "--data", data)
    shown = next(item for item in numbers["worst"] if item["kind"] == "instruments")
    same = [r for r in said if r["kind"] == "instruments" and r["short_answer"] == shown["short_answer"]]
    assert shown["confidence"] == max(row["confidence"] for row in same)


def test_timelines_put_truth_and_answer_at_their_times(tmp_path, invented, answers):
    _, data = invented
    _, numbers = report(tmp_path, answers, "--data", data)
    first = numbers["timelines"][0]
    assert first["case_id"] in ("case_5", "case_6")
    assert first["kind"] == "phase"
    assert first["truth"][0] == [0.0, 5.0, "incision"]
    assert first["truth"][-1] == [40.0, 45.0, "lens implantation"]
    assert first["said"][-1] == [40.0, 45.0, "incision"]
    assert [40.0, 45.0] in first["wrong"]
    assert [20.0, 25.0] not in first["wrong"]


def test_the_probes_confidence_and_vocabulary_are_on_the_page(tmp_path, invented):
    rows, data = invented
    said = small_data.predictions(rows, lambda qa, clip: qa["short_answer"])
    for number, row in enumerate(said):
        row["confidence"] = 0.9
        if row["short_answer"] == "no":
            row["prediction"] = "yes"
        if row["kind"] == "phase" and number < 50:
            row["prediction"] = "polka"
    file = write_predictions(tmp_path / "a.jsonl", said)
    page, numbers = report(tmp_path, file, "--data", data, "--taxonomy", "cataract")
    probes = numbers["score"]["probes"]
    assert "says yes to what is absent 100.0 % of 18" in page.words
    assert f"phase keeps still {100 * probes['coherence']['phase']['agree']:.1f} %" in page.words
    assert "Mean confidence 90.0 %" in page.words
    assert "polka" in page.words
    assert numbers["score"]["vocabulary"]["phase"]["share"] < 1
    bins = numbers["score"]["calibration"]["reliability"]
    assert page.classes.count("dot") == len(bins) + len(numbers["lift"])


def test_it_says_what_it_does_not_know(tmp_path, invented, answers):
    page, numbers = report(tmp_path, answers)
    assert "--data" in numbers["frames_note"]
    assert "no training questions" in page.words
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["clip_id"] = f"clip {number}"
    page, numbers = report(tmp_path, write_predictions(answers, lines))
    assert numbers["timelines"] == []
    assert "no times" in page.words


def test_control_runs_stand_beside_the_model(tmp_path, invented, answers):
    _, data = invented
    runs = tmp_path / "runs.json"
    assert main(["baselines", str(data), str(answers), "--out", str(runs)]) == 0
    page, _ = report(tmp_path, answers, "--data", data, "--baselines", runs)
    minus = json.loads(runs.read_text())["model_minus"]["majority"]["difference"]
    assert f"{100 * minus:+.1f}" in page.words
    assert "text model" in page.words


def test_the_page_says_what_the_sound_is_worth(tmp_path, answers, invented):
    said, data = Path(answers), invented[1]
    silent = tmp_path / "silent.jsonl"
    silent.write_text(
        "".join(json.dumps({**json.loads(line), "prediction": "?"}) + "\n" for line in said.open())
    )
    found = tmp_path / "necessity.json"
    for control, alarm in ((silent, False), (said, True)):
        arguments = ["necessity", str(said), "--control", f"silence={control}", "--data", str(data)]
        with contextlib.suppress(SystemExit):
            main([*arguments, "--out", str(found)])
        page, numbers = report(tmp_path, said, "--data", data, "--necessity", found)
        assert numbers["sounds"]["listens"] is not alarm
        fall = numbers["sounds"]["runs"]["silence"]["fall"]
        assert f"{100 * fall:+.1f}" in page.words and (fall > 0) is not alarm
        assert ("answers as well with silence" in page.words) is alarm
        assert ("The model listens" in page.words) is not alarm


def test_half_a_character_is_refused_in_one_line(tmp_path, capsys):
    said = small_data.predictions(small_data.make(clips_per_phase=1), lambda qa, clip: "\ud800")
    path = write_predictions(tmp_path / "said.jsonl", said)
    assert main(["report", str(path), "--out", str(tmp_path / "page.html")]) == 2
    assert "line 1: not JSON (half of a character (a lone surrogate))" in capsys.readouterr().err


@pytest.fixture
def hostile(tmp_path):
    """A data set whose every label is an attack, and predictions that answer with the same."""
    rows = small_data.make(clips_per_phase=1)
    for split in rows.values():
        for number, clip in enumerate(split):
            label = HOSTILE[number % len(HOSTILE)]
            clip["phase"] = label
            for qa in clip["qa"]:
                qa |= {"question": label, "short_answer": label, "answer": label, "choices": []}
                qa["kind"] = qa["kind"] + label
    said = small_data.predictions(rows, lambda qa, clip: "x")
    for number, row in enumerate(said):
        row["prediction"] = HOSTILE[number % len(HOSTILE)]
    return small_data.write(tmp_path / "data", rows), write_predictions(tmp_path / "said.jsonl", said)


def test_no_label_gets_out_of_its_place(tmp_path, hostile):
    data, said = hostile
    for what, more in ((said, ()), (said, ("--data", data)), (data, ())):
        page, numbers = report(tmp_path, what, *more)
        assert_harmless(page)
        assert "<script>alert(1)</script>" in page.words  # shown as the text it is
        assert "{{ 7 * 7 }}" in page.words
        assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", page.words)
        assert "𝓁ens ä 手術 🔪" in page.words
        assert numbers["page"] in ("predictions", "dataset")


def test_a_data_set_s_page_counts_what_is_in_it(tmp_path, invented):
    rows, data = invented
    page, numbers = report(tmp_path, data)
    assert_harmless(page)
    assert numbers["splits"]["train"] == {
        "cases": 3,
        "clips": 27,
        "qa": 162,
        "frames": 54,
        "minutes": 2.2,
    }
    kinds = {kind["kind"]: kind for kind in numbers["kinds"]}
    assert kinds["presence"]["n"] == 2 * sum(len(split) for split in rows.values())
    assert kinds["presence"]["answers"][0]["n"] == kinds["presence"]["answers"][1]["n"]
    assert numbers["leaks"]["ok"]
    assert "No leak found" in page.words
    blind = {kind["kind"]: kind for kind in numbers["blind"]["by_kind"]}
    assert blind["presence"]["text"] == 1.0
    assert blind["presence"]["majority"] == 0.5
    assert len(numbers["samples"]) == 12
    assert {item["phase"] for item in numbers["samples"]} == set(small_data.PHASES)
    assert {item["split"] for item in numbers["samples"]} == {"train", "validation", "test"}
    assert page.tags.count("img") == 24
    assert report(tmp_path, data)[1] == numbers


def test_a_data_set_s_page_says_that_it_leaks(tmp_path):
    rows = small_data.make(pictures=False)
    rows["test"] += [small_data.clip("case_2", "incision", 44.0, pictures=False)]
    page, numbers = report(tmp_path, small_data.write(tmp_path / "data", rows))
    assert not numbers["leaks"]["ok"]
    assert "Its splits leak" in page.words
    assert "train / test: 1 overlapping windows" in page.words
    assert "Not checked: train: frames" in page.words
    assert page.tags.count("img") == 0


def test_a_data_set_of_one_split_has_no_blind_figure(tmp_path):
    rows = small_data.make(pictures=False)
    page, numbers = report(tmp_path, small_data.write(tmp_path / "data", {"train": rows["train"]}))
    assert numbers["blind"] is None
    assert numbers["leaks"] is None
    assert "there is nothing to compare" in page.words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "--out", "page.pdf"], "ends in .html"),
        (["nowhere", "--out", "page.html"], "no such folder"),
        (["said.jsonl", "--out", "page.html", "--baselines", "said.jsonl"], "--baselines said.jsonl"),
        (["said.jsonl", "--out", "page.html", "--baselines", "other.json"], "not what"),
        (
            ["said.jsonl", "--out", "page.html", "--necessity", "none.json"],
            "--necessity none.json: not readable",
        ),
        (["said.jsonl", "--out", "page.html", "--necessity", "other.json"], "`surgvqa-eval necessity --out"),
        (["said.jsonl", "--out", "page.html", "--data", "data", "--split", "dev"], "dev"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_page(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    rows = small_data.make(pictures=False, clips_per_phase=1)
    small_data.write(tmp_path / "data", rows)
    write_predictions(tmp_path / "said.jsonl", small_data.predictions(rows, lambda qa, clip: "x"))
    (tmp_path / "other.json").write_text("{}")
    capsys.readouterr()
    assert main(["report", *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("surgvqa-eval: ")
    assert message in last
    assert not (tmp_path / "page.html").exists()


@pytest.mark.browser
def test_nothing_is_wider_than_a_phone(tmp_path, hostile, answers, invented):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    data, said = hostile
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for what, more in ((said, ("--data", data)), (data, ()), (answers, ("--data", invented[1]))):
            report(tmp_path, what, *more)
            for width in (390, 1280):
                page = browser.new_page(viewport={"width": width, "height": 800})
                page.goto((tmp_path / "page.html").as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                for cell in page.query_selector_all(
                    "td.stay"
                ):  # blind and lift, while the table lies at its left end
                    box = cell.bounding_box()
                    assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
                page.close()
        browser.close()
