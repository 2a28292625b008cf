"""A signature says who stands behind a folder; an edit that was sealed again is found by it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from published import seal, write_dataset
from surgvqa.builders.__main__ import main as build_main
from surgvqa.cards.__main__ import main
from surgvqa.cards.files import manifest

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="apt-get install openssh-client")


def key(path: Path) -> str:
    """A new key without a passphrase; returns its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()


def test_the_signer_is_named_and_a_new_seal_over_an_edit_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, allowed = write_dataset(tmp_path / "data"), tmp_path / "allowed"
    allowed.write_text(f"lab@example.org {key(tmp_path / 'ours')}\n")
    asked = ["verify", str(folder), "--signer", str(allowed)]
    assert build_main(asked) == 2 and "is not signed" in capsys.readouterr().err
    assert main(["sign", str(folder), "--key", str(tmp_path / "ours")]) == 0
    assert build_main(asked) == 0 and "signed by lab@example.org" in capsys.readouterr().out
    assert build_main(["verify", str(folder)]) == 0
    seal(folder, source_files={"b.csv": "1" * 64})  # whole by its own seal
    manifest.whole(folder)
    capsys.readouterr()
    assert build_main(asked) == 2 and "is not what lab@example.org signed" in capsys.readouterr().err


def test_somebody_elses_signature_and_a_damaged_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, allowed = write_dataset(tmp_path / "data"), tmp_path / "allowed"
    allowed.write_text(f"lab@example.org {key(tmp_path / 'ours')}\n")
    key(tmp_path / "theirs")
    assert main(["sign", str(folder), "--key", str(tmp_path / "theirs")]) == 0
    assert build_main(["verify", str(folder), "--signer", str(allowed)]) == 2
    assert "signed by nobody in" in capsys.readouterr().err
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "x": 1}))
    assert main(["sign", str(folder), "--key", str(tmp_path / "ours")]) == 2
    assert "is not what its manifest.json says" in capsys.readouterr().err
    assert main(["sign", str(tmp_path / "data"), "--key", str(tmp_path / "none")]) == 2
