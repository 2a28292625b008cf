"""Publish a finished folder to the Hub: checked, audited, and in one commit that lands whole or not at all.

Large files go first and are kept by their hash, so a second try sends only what has not arrived. The commit
names its parent: if somebody else published meanwhile, nothing is overwritten. What the Hub then says it
holds is compared with what was sent; with ``read_back`` what it hands out, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest, sums
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.write import model
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

RepoType = Literal["dataset", "model"]
T = TypeVar("T")

SILENCE_S = (
    120.0  # of the server, after which a request counts as failed; the client itself would wait for ever
)
TRIES = 5
FIRST_WAIT_S = 1.0  # doubles with every try
SMALL = 2**20  # bytes
HUB_FILE = ".gitattributes"  # the Hub's own file


class Digest(NamedTuple):
    """The two names that a Hub can give to a file's bytes."""

    sha256: str
    git_sha1: str


def push(
    folder: Path,
    repo_id: str,
    repo_type: RepoType | None = None,
    token: str | None = None,
    public: bool = False,
    read_back: bool = False,
) -> str:
    """Publish ``folder`` as ``repo_id``; returns the commit's id.

    ``repo_type`` is told from the folder where it is not given. The token comes from HF_TOKEN or
    ``hf auth login`` where it is not given. A repository made here is private unless ``public``. With
    ``read_back`` every file is fetched again and compared: a store may spoil bytes and know their right hash.
    ``InputError`` where the folder isn't what its manifest says, where the audit finds something, and where
    the Hub refuses or cannot be reached; the repository is then as it was.
    """
    from huggingface_hub import HfApi, get_token, set_client_factory

    check_name(repo_id)
    repo_type = repo_type or kind_of(folder)
    if not (token := token or get_token()):  # before the search, which may take minutes
        raise InputError("no token for the Hub: set HF_TOKEN, or run `hf auth login`")
    before = digests(folder, files_of(folder, repo_type))
    files = publishable(folder, repo_type)
    if set(files) != set(before):
        raise InputError(f"{folder} was changed while it was read; push again once nothing writes to it")
    set_client_factory(patient_client)
    api = HfApi(token=token)
    try:
        patiently(lambda: api.create_repo(repo_id, repo_type=repo_type, private=not public, exist_ok=True))
        sent_files = {name: before[name] for name in files}
        revision = commit(api, folder, sent_files, repo_id, repo_type)
        wrong = differences(sent_files, remote_files(api, repo_id, repo_type, revision))
    except Exception as error:
        raise refusal(repo_id, error) from error
    if wrong:
        raise InputError(
            f"the Hub holds something else than what was sent to {repo_id}: {'; '.join(wrong[:5])}. "
            "Do not use this revision; push again"
        )
    if read_back and (wrong := spoilt(sent_files, repo_id, repo_type, revision, token)):
        raise InputError(
            f"{repo_id} hands out other bytes than were sent, under their right hashes: {'; '.join(wrong[:5])}. "
            "Do not use this revision. Another push would send nothing, as the Hub believes to hold them: "
            "delete the repository first, or publish under another name"
        )
    return revision


def check_name(repo_id: str) -> None:
    """Refuse what can't be the name of a repository."""
    if not manifest.HUB_ID.fullmatch(repo_id) or ".." in repo_id:
        raise InputError(
            f"{repo_id!r} is no repository; give its owner and its name, ORG/NAME, of letters, digits, -, _ and ."
        )


def publishable(folder: Path, repo_type: RepoType) -> list[str]:
    """Return the files to publish, after the search for what must stay private.

    Raises:
        InputError: a folder that isn't as it was written, or a find.
    """
    files = files_of(folder, repo_type)
    if hits := audit(folder, files):
        raise InputError(
            f"not published: {len(hits)} {'thing' if len(hits) == 1 else 'things'} that must stay private: "
            + "; ".join(map(str, hits[:5]))
            + ("; …" if len(hits) > 5 else "")
            + ". Remove them where they come from, the input or a file of yours, and write this folder again"
        )
    return files


def digests(folder: Path, files: Iterable[str]) -> dict[str, Digest]:
    """Return the hashes of files before anything is searched or sent, so that what changes meanwhile shows."""
    from tqdm import tqdm

    bar = tqdm(files, desc="hash", unit="file", disable=None)
    return {name: Digest(manifest.sha256(folder / name), git_sha1(folder / name)) for name in bar}


def commit(api: HfApi, folder: Path, files: Mapping[str, Digest], repo_id: str, repo_type: RepoType) -> str:
    """Send files as one commit on top of the branch's head; returns the commit's id.

    Raises:
        InputError: a file isn't what it was when it was searched.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    parent = patiently(lambda: api.repo_info(repo_id, repo_type=repo_type)).sha
    there = remote_files(api, repo_id, repo_type, parent)
    adds = [CommitOperationAdd(name, (folder / name).read_bytes() if small(folder / name) else folder / name)
            for name in files]  # fmt: skip
    changed_names = [
        add.path_in_repo for add in adds if add.upload_info.sha256.hex() != files[add.path_in_repo].sha256
    ]
    if changed_names:
        raise InputError(
            f"{changed_names[0]} was changed while it was read; push again once nothing writes to {folder}"
        )
    deletions = [CommitOperationDelete(name) for name in sorted(set(there) - set(files) - {HUB_FILE})]
    api.preupload_lfs_files(repo_id, adds, repo_type=repo_type, free_memory=False)
    message = f"surgvqa: {repo_type} of {len(files)} files"

    def send() -> str:
        """Send the commit, unless an earlier try got through and only its answer was lost."""
        head = str(api.repo_info(repo_id, repo_type=repo_type).sha)
        if head != parent and not differences(files, remote_files(api, repo_id, repo_type, head)):
            return head
        return api.create_commit(
            repo_id, [*adds, *deletions], repo_type=repo_type, commit_message=message, parent_commit=parent
        ).oid

    return patiently(send)


def kind_of(folder: Path) -> RepoType:
    """Tell from its files what a folder holds."""
    if (folder / manifest.NAME).is_file():
        return "dataset"
    if (folder / model.ADAPTER).is_file() or (folder / "config.json").is_file():
        return "model"
    raise InputError(
        f"{folder} holds neither a data set ({manifest.NAME}) nor a model ({model.ADAPTER}, config.json); "
        "push what surgvqa-build or surgvqa-train wrote"
    )


def files_of(folder: Path, repo_type: RepoType | None = None) -> list[str]:
    """List the files of a data set or a model that are searched and published; by default as the folder says."""
    return dataset_files(folder) if (repo_type or kind_of(folder)) == "dataset" else model_files(folder)


def dataset_files(folder: Path) -> list[str]:
    """Return the files of a data set, after holding each against the manifest."""
    content = manifest.whole(folder)
    shards = content["files"]
    if faults := manifest.faults(folder, shards):
        raise InputError(
            f"{folder} is not what its {manifest.NAME} says: {'; '.join(faults[:5])}"
            + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
            + "; build it again (what is whole is kept)"
        )
    if faults := manifest.seal_faults(folder, content):
        raise InputError(
            f"{folder} is not what its {manifest.NAME} says: {'; '.join(faults)}; {manifest.MEND}"
        )
    links = [name for name in sorted(manifest.UNLISTED_FILES) if (folder / name).is_symlink()]
    if links:
        raise InputError(
            f"{folder / links[0]} is a link; what it leads to would be published: put the file itself there"
        )
    return sorted([*shards, *(name for name in manifest.UNLISTED_FILES if (folder / name).is_file())])


def model_files(folder: Path) -> list[str]:
    """Return the files of a model that are published: weights as safetensors, configs, tokenizer, card."""
    if (folder / sums.NAME).is_file() and (faults := sums.faults(folder)):
        raise InputError(
            f"{folder} is not what training wrote: {'; '.join(faults[:5])}; copy or train it again"
            + (", or let `surgvqa-card model` write the card" if faults[0].startswith(manifest.CARD) else "")
        )
    names = sorted(
        name
        for name in [*sums.names(folder), sums.NAME]
        if sums.is_published(name) and (folder / name).is_file()
    )
    if not any(name.endswith(".safetensors") for name in names):
        raise InputError(
            f"{folder} holds no weights as .safetensors; other formats can run code and are not published"
        )
    return names


def remote_files(api: HfApi, repo_id: str, repo_type: RepoType, revision: str | None) -> dict[str, str]:
    """Return what a revision holds: the hash of every file, by path; SHA-256 of large ones, git's of the others."""
    from huggingface_hub import RepoFile

    rows = patiently(
        lambda: list(api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=repo_type))
    )
    return {row.path: row.lfs.sha256 if row.lfs else row.blob_id for row in rows if isinstance(row, RepoFile)}


def differences(files: Mapping[str, Digest], there: Mapping[str, str]) -> list[str]:
    """Return the differences of a revision from what was searched: files missing, with other bytes, or too many."""
    messages = []
    for name, digest in files.items():
        remote_hash = there.get(name)
        if remote_hash is None:
            messages.append(f"{name} is missing")
        elif remote_hash not in digest:
            messages.append(f"{name} has other bytes")
    return messages + [f"{name} should be gone" for name in sorted(set(there) - set(files) - {HUB_FILE})]


def spoilt(
    files: Mapping[str, Digest], repo_id: str, repo_type: RepoType, revision: str, token: str
) -> list[str]:
    """Return the files that come back from the Hub as others than they were sent; as much traffic as sending them."""
    from huggingface_hub import HfFileSystem
    from tqdm import tqdm

    hub = HfFileSystem(token=token, skip_instance_cache=True)
    root = f"{'datasets/' if repo_type == 'dataset' else ''}{repo_id}@{revision}"

    def fetch_hash(name: str) -> str:
        """Return the SHA-256 of a file as the Hub serves it; the file isn't stored."""
        digest = hashlib.sha256()
        with hub.open(f"{root}/{name}", "rb", block_size=0) as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
        return digest.hexdigest()

    messages = []
    try:
        for name in tqdm(files, desc="read back", unit="file", disable=None):
            if patiently(lambda name=name: fetch_hash(name)) != files[name].sha256:  # type: ignore[misc]
                messages.append(f"{name} has other bytes")
    except Exception as error:
        cause = refusal(repo_id, error)
        if isinstance(cause, InputError):
            raise InputError(
                f"{repo_id} is published at {revision}, but could not be read back: {error}"
            ) from error
        raise
    return messages


def small(path: Path) -> bool:
    """Whether a file is read once, and sent as it was read; a large one is sent from the disk."""
    return path.stat().st_size <= SMALL


def git_sha1(path: Path) -> str:
    """Return the name git gives to a file's bytes."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def patient_client() -> httpx2.Client:
    """Return the library's own HTTP client, but one that gives up on a server that has fallen silent."""
    from huggingface_hub.utils._http import default_client_factory  # the only way to keep its hooks

    client = default_client_factory()
    client.timeout = SILENCE_S
    return client


def patiently(call: Callable[[], T]) -> T:
    """Run ``call()``, again after a wait where the server or the line failed; a refusal is not asked twice."""
    wait = wait_exponential(multiplier=FIRST_WAIT_S, exp_base=2)
    retrying = Retrying(
        stop=stop_after_attempt(TRIES), wait=wait, retry=retry_if_exception(passing), reraise=True
    )
    answer: T = retrying(call)
    return answer


def passing(error: BaseException) -> bool:
    """Whether a failure may pass: the line's, or the server's own."""
    import httpx2

    response: Any = getattr(error, "response", None)
    return isinstance(error, httpx2.HTTPError) and (
        response is None or response.status_code in (408, 429, 500, 502, 503, 504)
    )


def refusal(repo_id: str, error: Exception) -> Exception:
    """Return the Hub's or the line's refusal as one clear line; anything else as it is."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    status = (
        error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else 0
    )
    if status == 412:
        return InputError(
            f"{repo_id} changed while this was being sent, and was left as it is now; "
            "look at what came in, then push again (what arrived is not sent again)"
        )
    if status in (401, 403):
        return InputError(f"the token may not write to {repo_id} ({status}); log in with one that may")
    # Builtin ConnectionError and TimeoutError come from the client that sends chunks.
    if isinstance(error, httpx2.HTTPError | RuntimeError | ValueError | ConnectionError | TimeoutError):
        cause: BaseException = error
        while isinstance(cause, RuntimeError) and cause.__cause__ is not None:
            cause = cause.__cause__
        return InputError(
            f"{repo_id} was left as it was: {cause or type(cause).__name__}; "
            "push again (what arrived is not sent again)"
        )
    return error
