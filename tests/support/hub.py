"""A small Hub over HTTP: what the real client asks for, as it asks for it, and faults on demand.

Repositories are git-like (commits, trees, branches, tags), large files go through the LFS protocol and are
refused when their bytes do not hash to their name, a commit with a stale ``parentCommit`` answers 412,
listings come in pages, downloads honour ranges, private repositories need the token. ``hub_http.py`` speaks
HTTP for it, ``hub_cards.py`` judges cards as the Hub does, ``hub_chunks.py`` takes files in chunks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from hub_cards import card_faults, front_matter
from hub_chunks import ChunkStore

TOKEN = "hf_" + "a" * 34
LFS_SUFFIXES = (".parquet", ".safetensors", ".mp4", ".bin", ".pt", ".png", ".jpg", ".arrow", ".npz", ".model")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Answer(Exception):  # noqa: N818 - it carries an answer, not only errors
    """What a request is answered with; raised from anywhere below a route."""

    def __init__(
        self, status: int, body: Any = b"", headers: dict[str, str] | None = None, code: str | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers or {})
        if code:
            self.headers |= {"X-Error-Code": code, "X-Error-Message": str(body or code)}
        if isinstance(body, bytes):
            self.body = body
        else:
            self.body = json.dumps({"error": body} if isinstance(body, str) else body).encode()
            self.headers["Content-Type"] = "application/json"


@dataclass(frozen=True)
class Blob:
    """A file of a commit."""

    content: bytes
    lfs: str | None = None  # sha256 where the file is kept as a large one

    @property
    def oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.oid}
        if self.lfs:
            row["lfs"] = {"oid": self.lfs, "size": len(self.content), "pointerSize": 134}
        return row


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    title: str
    description: str
    date: str
    tree: dict[str, Blob]


@dataclass
class Repo:
    """One repository: its commits by id, where its branches and tags point, its large files by sha256."""

    kind: str  # model, dataset, space
    name: str  # "org/name"
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    chunks: ChunkStore = field(default_factory=ChunkStore)

    @property
    def head(self) -> Commit:
        return self.commits[self.branches["main"]]

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        matches = [key for key in self.commits if key.startswith(oid)] if len(oid) >= 7 else []
        if oid not in self.commits and len(matches) != 1:
            raise Answer(404, f"Invalid rev id: {revision}", code="RevisionNotFound")
        return self.commits[oid if oid in self.commits else matches[0]]

    def commit(self, branch: str, title: str, description: str, tree: dict[str, Blob]) -> Commit:
        parent = self.branches.get(branch)
        listing = json.dumps(
            [parent, title, description, {path: blob.oid for path, blob in sorted(tree.items())}]
        )
        oid = hashlib.sha1(f"{len(self.commits)} {listing}".encode()).hexdigest()
        date = (EPOCH + timedelta(seconds=len(self.commits))).isoformat().replace("+00:00", ".000Z")
        self.commits[oid] = Commit(oid, parent, title, description, date, tree)
        self.branches[branch] = oid
        return self.commits[oid]

    def history(self, branch: str = "main") -> list[Commit]:
        """The commits of a branch, newest first."""
        found, oid = [], self.branches.get(branch)
        while oid:
            found.append(self.commits[oid])
            oid = self.commits[oid].parent
        return found


@dataclass
class Fault:
    """Something that goes wrong with the next ``times`` requests that match, after letting ``skip`` pass.

    ``how``: a status code · ``cut`` (the line drops before anything is done) · ``lost`` (it is done, but the
    answer never arrives) · ``halve`` (half of the answer's body, then the line drops) · ``corrupt`` (one bit
    of the answer's body is wrong, or of the stored bytes for an upload) · ``stall`` (``seconds`` of silence).
    """

    method: str
    path: str  # regular expression, searched in the path
    how: int | str
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


class Hub:
    """The server's state; one instance per running server."""

    def __init__(self, page_size: int = 1000) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []  # method, path, bytes that came with it
        self.page_size = page_size
        self.lock = threading.RLock()
        self.url = ""

    def repo(self, name: str, kind: str = "dataset") -> Repo:
        return self.repos[kind, name]

    def fail(self, method: str, path: str, how: int | str, **options: Any) -> Fault:
        self.faults.append(Fault(method, path, how, **options))
        return self.faults[-1]

    def sent(self, method: str, path: str) -> list[tuple[str, str, int]]:
        """The requests that arrived, by method and a regular expression on the path."""
        return [row for row in self.requests if row[0] == method and re.search(path, row[1])]

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times > 0 and re.search(fault.path, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def environment(self, home: str) -> dict[str, str]:
        """What a client process needs in its environment (read when its libraries are imported)."""
        return {
            "HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HOME": home, "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip

    # -------------------------------------------------------------- routes

    def find(self, kinds: str, name: str, authorised: bool) -> Repo:
        repo = self.repos.get((kinds.removesuffix("s"), unquote(name)))
        if repo is None or (repo.private and not authorised):
            raise Answer(404 if authorised else 401, "Repository not found", code="RepoNotFound")
        return repo

    def create(self, request: dict[str, Any]) -> Answer:
        kind = request.get("type") or "model"
        name = f"{request.get('organization') or 'me'}/{request['name']}"
        url = f"{self.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if (kind, name) in self.repos:
            return Answer(409, {"error": "You already created this repo", "url": url})
        private = request.get("visibility") == "private" or bool(request.get("private"))
        self.repos[kind, name] = repo = Repo(kind, name, private)
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
        repo.commit("main", "initial commit", "", {".gitattributes": Blob(attributes.encode())})
        return Answer(200, {"url": url, "name": name, "id": name})

    def preupload(self, repo: Repo, revision: str, request: dict[str, Any]) -> Answer:
        if len(request["files"]) > 256:
            return Answer(413, "too many files in one request")
        tree, rows = repo.at(revision).tree, []
        for file in request["files"]:
            base64.b64decode(file["sample"], validate=True)
            large = file["path"].lower().endswith(LFS_SUFFIXES) or file["size"] > 10_000_000
            there = tree.get(file["path"])
            rows.append(
                {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
                 "oid": there and (there.lfs or there.oid)}
            )  # fmt: skip
        return Answer(200, {"files": rows, "commitOid": repo.at(revision).oid})

    def lfs_batch(self, repo: Repo, request: dict[str, Any]) -> Answer:
        if request["operation"] != "upload" or "basic" not in request["transfers"]:
            return Answer(422, "only basic uploads")
        rows = []
        for item in request["objects"]:
            row = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in repo.objects:
                where = f"{self.url}/lfs/{repo.kind}s/{repo.name}/{item['oid']}"
                row["actions"] = {"upload": {"href": where}, "verify": {"href": where + "/verify"}}
            rows.append(row)
        return Answer(200, {"transfer": "basic", "objects": rows})

    def lfs_put(self, repo: Repo, oid: str, body: bytes) -> Answer:
        if hashlib.sha256(body).hexdigest() != oid:
            return Answer(400, "the bytes do not hash to the name they were sent under")
        repo.objects[oid] = body
        return Answer(200)

    def lfs_verify(self, repo: Repo, oid: str, request: dict[str, Any]) -> Answer:
        there = repo.objects.get(oid)
        same = there is not None and len(there) == request["size"] and request["oid"] == oid
        return Answer(200, {"success": True}) if same else Answer(404, "object not there")

    def commit(self, repo: Repo, branch: str, body: bytes) -> Answer:
        """Everything in the request, or nothing of it."""
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        header = lines[0]["value"]
        if branch not in repo.branches:
            return Answer(404, f"Invalid rev id: {branch}", code="RevisionNotFound")
        parent = header.get("parentCommit")
        if parent and not repo.branches[branch].startswith(parent):
            return Answer(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(repo.at(branch).tree)
        for line in lines[1:]:
            change(repo, tree, line["key"], line["value"])
        if "README.md" in tree and (faults := card_faults(tree["README.md"].content.decode(), repo.kind)):
            return Answer(400, {"error": "; ".join(faults)})
        made = repo.commit(branch, header["summary"], header.get("description", ""), tree)
        where = f"{self.url}/{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.name}/commit/{made.oid}"
        return Answer(200, {"success": True, "commitOid": made.oid, "commitUrl": where, "hookOutput": ""})

    def info(self, repo: Repo, commit: Commit) -> Answer:
        card = front_matter(commit.tree["README.md"].content.decode()) if "README.md" in commit.tree else {}
        return Answer(
            200,
            {"_id": commit.oid[:24], "id": repo.name, "modelId": repo.name, "author": repo.name.split("/")[0],
             "sha": commit.oid, "lastModified": commit.date, "createdAt": repo.history()[-1].date, "gated": False,
             "private": repo.private, "disabled": False, "downloads": 0, "likes": 0, "tags": [], "cardData": card,
             "siblings": [{"rfilename": path} for path in sorted(commit.tree)]},
        )  # fmt: skip

    def tree(self, repo: Repo, commit: Commit, folder: str, query: dict[str, list[str]], url: str) -> Answer:
        folder = folder.strip("/")
        flag = lambda name: query.get(name, ["false"])[0].lower() in ("true", "1")  # noqa: E731
        rows = entries(commit, folder, flag("recursive"))
        if not rows and folder:
            return Answer(404, f"{folder} does not exist on this revision", code="EntryNotFound")
        if flag("expand"):
            last = {"id": commit.oid, "title": commit.title, "date": commit.date}
            rows = [row | {"lastCommit": last} for row in rows]
        start = int(query.get("cursor", ["0"])[0])
        headers = {"X-Repo-Commit": commit.oid}
        if start + self.page_size < len(rows):
            rest = "&".join(f"{key}={value[0]}" for key, value in query.items() if key != "cursor")
            headers["Link"] = f'<{self.url}{url}?{rest}&cursor={start + self.page_size}>; rel="next"'
        return Answer(200, rows[start : start + self.page_size], headers)

    def paths_info(self, commit: Commit, paths: list[str]) -> Answer:
        every = {row["path"]: row for row in entries(commit, "", True)}
        return Answer(200, [every[path.strip("/")] for path in paths if path.strip("/") in every])

    def refs(self, repo: Repo) -> Answer:
        row = lambda kind, name, oid: {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid}  # noqa: E731
        return Answer(
            200,
            {"branches": [row("heads", *item) for item in sorted(repo.branches.items())],
             "tags": [row("tags", *item) for item in sorted(repo.tags.items())], "converts": []},
        )  # fmt: skip

    def resolve(self, commit: Commit, path: str, span: str | None) -> Answer:
        blob = commit.tree.get(path)
        headers = {"X-Repo-Commit": commit.oid}
        if blob is None:
            return Answer(404, "Entry not found", headers, code="EntryNotFound")
        headers |= {"ETag": f'"{blob.lfs or blob.oid}"', "Accept-Ranges": "bytes"}
        if blob.lfs:
            headers |= {"X-Linked-Etag": f'"{blob.lfs}"', "X-Linked-Size": str(len(blob.content))}
        size = len(blob.content)
        if not span:
            return Answer(200, blob.content, headers)
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", span).groups()  # type: ignore[union-attr]
        start = int(first) if first else max(0, size - int(last))
        stop = min(int(last), size - 1) if first and last else size - 1
        if start >= size:
            return Answer(416, b"", headers | {"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{stop}/{size}"
        return Answer(206, blob.content[start : stop + 1], headers)


def change(repo: Repo, tree: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
    """Apply one line of a commit to a tree."""
    path = value["path"]
    if path.startswith("/") or ".." in path.split("/"):
        raise Answer(400, f"invalid path {path}")
    if key == "file":
        tree[path] = Blob(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        if value["oid"] not in repo.objects:
            raise Answer(400, f"{path}: large file {value['oid']} was never uploaded")
        tree[path] = Blob(repo.objects[value["oid"]], value["oid"])
    elif key in ("deletedFile", "deletedFolder"):
        gone = [name for name in tree if name == path or name.startswith(path.rstrip("/") + "/")]
        if not gone:
            raise Answer(404, "A file with this name doesn't exist", code="EntryNotFound")
        for name in gone:
            del tree[name]
    else:
        raise Answer(400, f"unknown operation {key}")


def entries(commit: Commit, folder: str, recursive: bool) -> list[dict[str, Any]]:
    """The rows of a listing: files and folders below ``folder``, sorted by path."""
    prefix = folder + "/" if folder else ""
    rows: dict[str, dict[str, Any]] = {}
    for path, blob in commit.tree.items():
        if not path.startswith(prefix):
            continue
        inner = path[len(prefix) :].split("/")
        for depth in range(1, len(inner) if recursive else min(len(inner), 2)):
            name = prefix + "/".join(inner[:depth])
            rows[name] = {
                "type": "directory",
                "path": name,
                "size": 0,
                "oid": hashlib.sha1(name.encode()).hexdigest(),
            }
        if recursive or len(inner) == 1:
            rows[path] = blob.entry(path)
    return [rows[path] for path in sorted(rows)]
