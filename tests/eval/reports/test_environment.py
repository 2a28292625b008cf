"""``surgvqa doctor``: what it says of this machine is so, and every extra is described."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from surgvqa.cards.arguments.umbrella import main
from surgvqa.eval.commands import environment

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))


def test_every_extra_of_the_project_is_described() -> None:
    assert set(environment.EXTRAS) == set(PROJECT["project"]["optional-dependencies"])


def test_the_table_names_versions_codecs_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = {"uvicorn", "peft"}
    real = metadata.version

    def version(name: str) -> str:
        if name in lacking:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert PROJECT["project"]["version"] in said and "h264" in said
    assert "the app: pip install 'surgvqa[demo]' (lacks uvicorn)" in said
    assert "pip install 'surgvqa[train]' (lacks peft)" in said
    assert "✓ [dev]" in said and "hf_a" not in said


def test_a_driver_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVRM: API mismatch'; exit 18\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.gpu() == environment.Line("GPU", False, "nvidia-smi: NVRM: API mismatch")
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200,  143771 MiB, 570.1'\n")
    assert environment.gpu() == environment.Line("GPU", True, "NVIDIA H200, 143771 MiB, 570.1")
    tool.unlink()
    assert environment.gpu().good is None


def test_an_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--fix"]) == 2
    assert "usage: surgvqa doctor" in capsys.readouterr().out
