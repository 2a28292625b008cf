"""Kinds, wording and sources of a user's own: from files, and from an installed package; and questions that people judge."""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from raw_masks import write_cholec80
from surgvqa.builders import __main__ as command
from surgvqa.builders import sources
from surgvqa.builders.asking import extensions, templates
from surgvqa.builders.inspection import page, result
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest as manifests

pytestmark = pytest.mark.usefixtures("nothing_stays")
FIXTURE = Path(__file__).parents[2] / "fixtures" / "cholec80"
KIND = '''
"""Is the scene busy? Needs instruments that are named; yes from two kinds on."""

from pathlib import Path

from surgvqa.builders.kinds.view import Draft, Kind

TEMPLATES = Path(__file__).with_name("busy.yaml")


def busy(look):
    scene = look.last
    if scene is not None:
        many = len({node.name for node in scene.nodes}) > 1
        slots = {"when": look.when(scene.time_s)}
        yield Draft("yes" if many else "no", (scene.time_s,), slots, ("yes", "no"), nothing=not many, stable=True)


KINDS = {"busy": Kind("recognition", busy)}
'''
WORDS = "busy:\n  questions:\n" + "".join(f"    - Phrasing {i}, is it busy {{when}}?\n" for i in range(6))
WORDS += '  answer: "It is busy."\n  nothing: "It is not."\n'
SOURCE = '''
"""A hospital's own cases."""

from surgvqa.builders.schema import Case, Facts, Phase

FACTS = Facts("Ours", "https://example.org", "none", "ask us", "@misc{ours}", "cholecystectomy")


def cases(root, *, number: int = 3):
    """Read them.

    Args:
        root: any folder.
        number: of cases.
    """
    for i in range(number):
        yield Case(f"case {i}", "ours", "cholecystectomy", (Phase("preparation", 0, 30), Phase("clipping and cutting", 30, 60)))
'''


@pytest.fixture
def kind(tmp_path: Path) -> Path:
    (tmp_path / "busy.yaml").write_text(WORDS)
    (tmp_path / "busy_kind.py").write_text(KIND)
    return tmp_path / "busy_kind.py"


def build(out: Path, *more: str) -> dict:
    root = out.parent / "cholec80"
    for number in (2, 45):
        write_cholec80(root, number, 600, number)
    words = ["cholec80", "--root", str(root), "--out", str(out), "--media", "none", "--protocol", "none"]
    assert command.main([*words, "--workers", "0", "--on-error", "quarantine", *more]) == 0
    return json.loads((out / "report.json").read_text())


def test_a_kind_and_wording_from_files(tmp_path, kind):
    report = build(tmp_path / "out", "--kinds-from", str(kind))
    assert report["kinds"]["busy"]["n"] > 0 and "phase" in report["kinds"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "--kinds-from FILE" in card and str(tmp_path) not in card
    other = tmp_path / "other.yaml"
    other.write_text(WORDS.replace("Phrasing", "Wording"))
    extensions.use([kind], [other])
    assert templates.wording().kinds["busy"].questions[0].startswith("Wording 0")


def test_another_language_says_its_moments(tmp_path, kind):
    words = tmp_path / "de.yaml"
    words.write_text("language: de\n" + WORDS)
    with pytest.raises(InputError, match="moments in the language de are due"):
        templates.load(words)
    moments = 'moments: {end: am Ende, start: am Anfang, at: "bei {s} s", picture: in diesem Bild}\n'
    words.write_text("language: de\n" + moments + WORDS)
    templates.load.cache_clear()
    extensions.use([kind], [words])
    found = templates.wording()
    assert found.language == "de" and set(found.kinds) == {"busy"} and found.moments.end == "am Ende"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("KINDS = 3", "KINDS, a mapping"),
        ("1 / 0", "ZeroDivisionError"),
        ("import nothing_of_this_name", "ModuleNotFound"),
    ],
)
def test_a_file_that_is_no_kind_is_refused_in_one_line(tmp_path, text, cause):
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(InputError, match=cause) as error:
        extensions.use([path])
    assert "\n" not in str(error.value)


def test_a_kind_without_wording_is_refused(tmp_path, kind, capsys):
    kind.with_name("busy.yaml").unlink()
    kind.write_text(KIND.replace('TEMPLATES = Path(__file__).with_name("busy.yaml")\n', ""))
    words = ["cholec80", "--root", str(FIXTURE), "--out", str(tmp_path / "out"), "--media", "none"]
    assert command.main([*words, "--workers", "0", "--kinds-from", str(kind)]) == 2
    assert "busy has no wording" in capsys.readouterr().err


def test_a_source_from_a_file(tmp_path, capsys):
    file = tmp_path / "ours.py"
    file.write_text(SOURCE)
    out = tmp_path / "out"
    words = [
        "--source",
        str(file),
        "--root",
        str(tmp_path),
        "--out",
        str(out),
        "--media",
        "none",
        "--workers",
        "0",
    ]
    assert command.main([*words, "--number", "4"]) == 0
    made = json.loads((out / "manifest.json").read_text())
    assert len(made["splits"]) == 4 and made["source"]["name"] == "Ours"
    assert made["commands"][0][:3] == ["surgvqa-build", "--source", "FILE"]
    assert command.main(["--source", str(tmp_path / "none.py")]) == 2
    assert "a file of Python" in capsys.readouterr().err


def test_an_installed_package_brings_a_source_and_a_kind(tmp_path, kind, monkeypatch):
    """A package on the path whose metadata names both entry points, as pip installs it."""
    shutil.copy(kind, tmp_path / "busy_package.py")
    (tmp_path / "ours_package.py").write_text(SOURCE)
    info = tmp_path / "ours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[surgvqa.sources]\nours = ours_package\n\n[surgvqa.kinds]\nbusy = busy_package\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sources._package_modules.cache_clear()
    extensions._load.cache_clear()
    assert "ours" in sources.names() and sources.load("ours").FACTS.name == "Ours"
    assert "busy" in extensions.use().kinds
    out = tmp_path / "out"
    assert (
        command.main(
            ["ours", "--root", str(tmp_path), "--out", str(out), "--media", "none", "--workers", "0"]
        )
        == 0
    )
    assert isinstance(next(iter(extensions.entry_points(group=extensions.GROUP))), EntryPoint)
    for name in ("busy_package", "ours_package"):
        sys.modules.pop(name, None)


def test_people_judge_questions_and_the_card_says_so(tmp_path, capsys):
    out = tmp_path / "data"
    build(out)
    assert command.main(["inspect", str(out), "--n", "20"]) == 0
    text = (tmp_path / "data-inspect.html").read_text()
    items = json.loads(re.search(r"const all=(\{.*?\});const items", text, re.S)[1].replace("<\\/", "</"))[
        "items"
    ]
    assert len(items) == 20 and len({item["qa_id"] for item in items}) == 20
    assert len({item["kind"] for item in items[:20]}) > 3, "kinds in turn"
    judged = [{"qa_id": item["qa_id"], "verdict": "right"} for item in items[:19]]
    judged.append({"qa_id": items[19]["qa_id"], "verdict": "wrong"})
    file = tmp_path / "judged.json"
    file.write_text(json.dumps({"judged": judged}))
    assert command.main(["inspect", str(out), "--result", str(file)]) == 0
    assert "20 judged: 19 right, 1 wrong" in capsys.readouterr().out
    assert "of 20 questions" in (out / "README.md").read_text().replace("\n", " ")
    assert manifests.seal_faults(out, manifests.whole(out)) == []
    assert manifests.read_report(out)["inspected"]["error_rate"] == 0.05
    file.write_text(json.dumps({"judged": judged[17:]}))
    assert command.main(["inspect", str(out), "--result", str(file)]) == 2
    assert "3 questions are judged, and on the card stand 20 (19 right, 1 wrong" in capsys.readouterr().err
    assert manifests.read_report(out)["inspected"]["n"] == 20, "the fuller result stays"
    assert command.main(["inspect", str(out), "--result", str(file), "--replace"]) == 0
    assert manifests.read_report(out)["inspected"]["n"] == 3
    for bad, cause in (
        ({"qa_id": "x", "verdict": "right"}, "no question of"),
        ({**judged[0], "verdict": "so"}, "known"),
    ):
        file.write_text(json.dumps({"judged": [bad]}))
        with pytest.raises(InputError, match=cause):
            result.put(out, file)
    with pytest.raises(InputError, match="inside the data set"):
        page.write(out, out / "page.html", 5)
