"""The Python API: the commands' configurations as arguments, documents as results, and light to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from surgvqa.builders.rendering import example
from surgvqa.builders.settings.build import Build
from surgvqa.cards.command import InputError

import surgvqa
from surgvqa import api


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two example recordings, built through the API with strings for paths."""
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(example, "CASES", 2)
        example.write("gallbladder", folder / "lap")
    made = surgvqa.build(
        source="procedure", root=str(folder / "lap"), out=str(folder / "data"), frames=2, test_cases=["lap02"]
    )
    assert made["counts"]["test"]["cases"] == 1
    return folder / "data"


def test_the_import_is_light() -> None:
    code = "import sys, surgvqa; print(surgvqa.__version__); print(sorted({'torch', 'datasets', 'av'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[1] == "[]"
    with pytest.raises(AttributeError, match="no attribute 'buidl'"):
        _ = surgvqa.buidl  # type: ignore[attr-defined]


def test_every_name_is_there_and_documents_its_options() -> None:
    for name in surgvqa.__all__:
        if not name.startswith("__"):
            function = getattr(surgvqa, name)
            assert function is getattr(api, name) and function.__name__ == name
            assert inspect.getdoc(function)
    assert list(inspect.signature(surgvqa.build).parameters) == list(inspect.signature(Build).parameters)
    assert "max_side: longest side of frames" in (surgvqa.build.__doc__ or "")


def test_a_data_set_is_built_read_shown_and_searched(built: Path) -> None:
    assert surgvqa.verify(folder=built) > 3
    splits = surgvqa.load(built)
    assert set(splits) == {"train", "test"}
    shown = surgvqa.render(splits["test"][0])
    page = shown._repr_html_()
    assert page.count("<img") == 2 and page.count("<tr>") == 1 + len(shown.row["qa"])
    assert repr(shown).startswith("lap02@")
    assert surgvqa.audit(folder=built) == []
    assert [one.faults for one in surgvqa.probe(root=built.parent / "lap" / "videos")] == [(), ()]


def test_answers_are_scored_and_compared(built: Path, tmp_path: Path) -> None:
    import json

    questions = surgvqa.load(built, "qa")["test"]
    for name, right in (("good", True), ("bad", False)):
        lines = [
            json.dumps({**row, "prediction": row["short_answer"] if right else "?"}) for row in questions
        ]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    figures = surgvqa.score(file=tmp_path / "good.jsonl", data=str(built))
    assert figures["accuracy"] == 1.0 and figures["n"] == len(questions)
    both = surgvqa.compare(a=str(tmp_path / "good.jsonl"), b=tmp_path / "bad.jsonl")
    assert both["files"] == {"a": "good.jsonl", "b": "bad.jsonl"}


def test_a_mistake_is_an_error_with_the_commands_own_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="procedure"):
        surgvqa.build(source="procedure", root=tmp_path, out=tmp_path / "out")
    with pytest.raises(TypeError, match="clip_secs"):
        surgvqa.build(source="procedure", root=tmp_path, out=tmp_path / "out", clip_secs=3)  # type: ignore[call-arg]


def test_a_script_without_a_guard_builds_once(built: Path, tmp_path: Path) -> None:
    """A worker doesn't begin the caller's script again; nor is the script looked for where Python reads a pipe."""
    code = (
        "import surgvqa\nprint('begun')\n"
        f"made = surgvqa.build(source='procedure', root={str(built.parent / 'lap')!r}, out={str(tmp_path / 'again')!r}, media='none')\n"
        "print(sorted(made['counts']))\n"
    )
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[0] == "begun" and len(done.stdout.splitlines()) == 2
