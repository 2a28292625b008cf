"""The signature of a data set: an SSH signature of its manifest, which holds the digest of every file."""

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
    manifest = manifests.whole(folder)
    if messages := [*manifests.seal_faults(folder, manifest), *manifests.faults(folder, manifest["files"])]:
        raise InputError(
            f"{folder} is not what its {manifests.NAME} says: {'; '.join(messages[:5])}; {manifests.MEND}"
        )
    signature = folder / manifests.SIGNATURE
    signature.unlink(missing_ok=True)
    process = _ssh_keygen("-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(folder / manifests.NAME))
    if process.returncode or not signature.is_file():
        raise InputError(f"--key {key} can't sign: {one_line(process.stderr)}")
    return signature


def signer(folder: Path, signers_file: Path) -> str:
    """Return who of a file of allowed signers (``ssh-keygen``'s form: NAME KEYTYPE KEY) signed a folder's manifest.

    Raises:
        InputError: no signature, one of somebody else, or the manifest isn't the one that was signed.
    """
    signature = folder / manifests.SIGNATURE
    if not signers_file.is_file():
        raise InputError(
            f"--signer {signers_file}: no such file; give lines of NAME KEYTYPE KEY, as in allowed_signers"
        )
    if not signature.is_file():
        raise InputError(f"{folder} is not signed: it has no {manifests.SIGNATURE}")
    process = _ssh_keygen("-Y", "find-principals", "-s", str(signature), "-f", str(signers_file))
    names = process.stdout.split("\n")[0].strip()
    if process.returncode or not names:
        raise InputError(f"{folder} is signed by nobody in {signers_file}")
    text = (folder / manifests.NAME).read_text("utf-8")
    words = ("-Y", "verify", "-f", str(signers_file), "-I", names, "-n", NAMESPACE, "-s", str(signature))
    if _ssh_keygen(*words, text=text).returncode:
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
