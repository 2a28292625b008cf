"""Who stands behind a data set: an SSH signature of its manifest, which holds the digest of every file."""

from __future__ import annotations

import subprocess
from pathlib import Path

from surgvqa.cards.command import InputError, MachineError, one_line
from surgvqa.cards.files import manifest as manifests

NAMESPACE = "surgvqa"  # a signature of an e-mail or a commit is none of a data set
TIMEOUT_S = 60.0


def sign(folder: Path, key: Path) -> Path:
    """Write ``manifest.json.sig`` with an SSH key (one in an agent, by its ``.pub``, too); returns its path.

    Raises:
        InputError: no finished data set, or no key that can sign.
    """
    known = manifests.whole(folder)
    if found := [*manifests.unsealed(folder, known), *manifests.faults(folder, known["files"])]:
        raise InputError(
            f"{folder} is not what its {manifests.NAME} says: {'; '.join(found[:5])}; {manifests.MEND}"
        )
    signed = folder / manifests.SIGNATURE
    signed.unlink(missing_ok=True)
    done = _ssh_keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(folder / manifests.NAME))
    if done.returncode or not signed.is_file():
        raise InputError(f"--key {key} can't sign: {one_line(done.stderr)}")
    return signed


def signer(folder: Path, allowed: Path) -> str:
    """Return who of a file of allowed signers (``ssh-keygen``'s form: NAME KEYTYPE KEY) signed a folder's manifest.

    Raises:
        InputError: no signature, one of somebody else, or the manifest isn't the one that was signed.
    """
    signed = folder / manifests.SIGNATURE
    if not allowed.is_file():
        raise InputError(
            f"--signer {allowed}: no such file; give lines of NAME KEYTYPE KEY, as in allowed_signers"
        )
    if not signed.is_file():
        raise InputError(f"{folder} is not signed: it has no {manifests.SIGNATURE}")
    found = _ssh_keygen("-Y", "find-principals", "-s", str(signed), "-f", str(allowed))
    names = found.stdout.split("\n")[0].strip()
    if found.returncode or not names:
        raise InputError(f"{folder} is signed by nobody in {allowed}")
    text = (folder / manifests.NAME).read_text("utf-8")
    said = ("-Y", "verify", "-f", str(allowed), "-I", names, "-n", NAMESPACE, "-s", str(signed))
    if _ssh_keygen(*said, text=text).returncode:
        raise InputError(f"{folder / manifests.NAME} is not what {names} signed; don't use this folder")
    return names


def _ssh_keygen(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words],
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise MachineError(
            "ssh-keygen isn't installed, which signs and verifies; install openssh-client"
        ) from None
    except subprocess.TimeoutExpired:
        raise InputError("ssh-keygen gave no answer; a key with a passphrase must be in ssh-agent") from None
