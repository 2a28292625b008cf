"""The wheel holds every folder and every data file, installs only ``surgvqa``, and its commands are quick."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
TOP = ("cards", "builders", "eval", "train")
SCRIPTS = {name: target.split(":")[0] for name, target in PROJECT["project"]["scripts"].items()}
COMMANDS = {
    name: module for name, module in SCRIPTS.items() if name != "surgvqa"
}  # which forwards to the others


def shipped() -> set[str]:
    """Every file git knows (or would take) below the four folders and of the package itself: what a wheel has to hold."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *TOP, "surgvqa"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = [name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
    return {name if name.startswith("surgvqa/") else f"surgvqa/{name}" for name in names}


def test_every_folder_is_declared() -> None:
    folders = {str(file.parent.relative_to(ROOT)) for top in TOP for file in (ROOT / top).rglob("*.py")}
    named = set(SETUPTOOLS["packages"]) - {"surgvqa"}
    declared = {name.removeprefix("surgvqa.").replace(".", "/") for name in named}
    assert declared == folders, "pyproject.toml [tool.setuptools] packages: a folder is missing or gone"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git would ship, so that no stale build folder helps or harms."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = [name if (ROOT / name).is_file() else name.removeprefix("surgvqa/") for name in shipped()]
    for name in [*names, "pyproject.toml", "README.md", "LICENSE"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], cwd=copy, check=True, capture_output=True)  # fmt: skip
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_installs_only_surgvqa_and_holds_every_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"surgvqa", wheel.name.split("-py3")[0] + ".dist-info"}
    content = {name for name in names if name.startswith("surgvqa/")}
    assert content == shipped(), "a file is missing from the wheel: see [tool.setuptools.package-data]"


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere and alone on the path: commands answer, templates are found, no bare names."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = f"""
import sys; sys.path.insert(0, {str(tmp_path / "site")!r})
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in str(finder)]
import importlib.resources, importlib.util
import surgvqa.cards.__main__ as command
assert command.__file__.startswith({str(tmp_path)!r}), command.__file__
assert "card_data" in (importlib.resources.files("surgvqa.cards.write") / "dataset.md").read_text()
assert not [name for name in {TOP!r} if importlib.util.find_spec(name)]
"""
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)


def test_each_console_script_points_at_a_function() -> None:
    assert set(SCRIPTS) == {"surgvqa", "surgvqa-card", "surgvqa-build", "surgvqa-eval", "surgvqa-train"}
    for target in PROJECT["project"]["scripts"].values():
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def verbs(module: str) -> list[str]:
    """The verbs a command offers, read from its parser."""
    parser = importlib.import_module(module).parser()
    choices = [action.choices for action in parser._actions if action.dest == "verb"]
    return sorted(choices[0])


# The modules a `--help` must not load: each costs from a third of a second to many seconds.
HEAVY = ("torch", "transformers", "datasets", "pyarrow", "pandas", "av", "huggingface_hub", "PIL")
HELP = """
import contextlib, importlib, io, json, sys, time
for argv in json.loads(sys.argv[2]):
    started, code = time.process_time(), 0
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            importlib.import_module(sys.argv[1]).main(argv)
        except SystemExit as stop:
            code = stop.code
    loaded = [name for name in sys.argv[3].split() if name in sys.modules]
    print(json.dumps([code, said.getvalue(), loaded, time.process_time() - started]))
"""


def test_the_umbrella_lists_and_forwards(capsys: pytest.CaptureFixture[str]) -> None:
    from surgvqa.cards.arguments.umbrella import main

    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name.removeprefix('surgvqa-')} " in listed for name in COMMANDS)
    assert main(["bild"]) == 2
    assert capsys.readouterr().err == "surgvqa: no command 'bild'; did you mean build?\n"
    assert main([]) == 2
    capsys.readouterr()
    for argv in (["--version"], ["card", "--version"]):
        with pytest.raises(SystemExit) if argv[1:] else contextlib.nullcontext():
            assert main(argv) == 0
        assert capsys.readouterr().out.split()[1] == PROJECT["project"]["version"]
    with pytest.raises(SystemExit) as stop:
        main(["build", "verify", "--help"])
    assert stop.value.code == 0 and "usage: surgvqa-build verify" in capsys.readouterr().out


def test_each_command_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    for command, module in COMMANDS.items():
        with pytest.raises(SystemExit) as stop:
            importlib.import_module(module).main(["--version"])
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"{command} {PROJECT['project']['version']}\n"


def test_the_four_commands_are_short() -> None:
    lines = [len((ROOT / top / "__main__.py").read_text("utf-8").splitlines()) for top in TOP]
    assert sum(lines) < 500, dict(zip(TOP, lines, strict=True))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_answers_at_once_and_loads_nothing_heavy(command: str) -> None:
    """Of every verb, in one process: the first pays for the imports."""
    module = COMMANDS[command]
    lines = [["--help"], *([verb, "--help"] for verb in verbs(module))]
    words = [sys.executable, "-c", HELP, module, json.dumps(lines), " ".join(HEAVY)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    for argv, answer in zip(lines, map(json.loads, done.stdout.splitlines()), strict=True):
        code, said, loaded, seconds = answer
        assert code == 0 and "usage:" in said, (argv, said)
        assert loaded == [], argv
        assert seconds < 1.0, argv


def test_help_of_a_whole_process_is_under_a_second() -> None:
    """The start of the interpreter included; the best of three, for a busy machine."""
    times = []
    for _ in range(3):
        started = os.times()
        subprocess.run([sys.executable, "-m", "surgvqa.cards", "--help"], check=True, capture_output=True)
        ended = os.times()
        times.append(
            ended.children_user + ended.children_system - started.children_user - started.children_system
        )
    assert min(times) < 1.0
