"""What a push would send, without sending anything: the same checks and the same search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.cards.publish.push import RepoType, check_name, kind_of, publishable


def lines(
    folder: Path, repo_id: str, repo_type: RepoType | None = None, public: bool = False
) -> Iterator[str]:
    """Yield the lines that tell what ``push`` would send: each file with its bytes, their sum, and who could see it.

    The Hub isn't asked, so no token is needed.

    Raises:
        InputError: no name of a repository, a folder that isn't as it was written, or a find.
    """
    check_name(repo_id)
    repo_type = repo_type or kind_of(folder)
    sizes = {name: (folder / name).stat().st_size for name in publishable(folder, repo_type)}
    width = len(f"{max(sizes.values()):,}")
    for name, size in sizes.items():
        yield f"{size:>{width},} bytes  {name}"
    visibility = "public" if public else "private"
    yield (
        f"{len(sizes)} files, {sum(sizes.values()):,} bytes would go to the {repo_type} repository {repo_id}, {visibility} "
        "where it has to be made (one that is there stays as visible as it is); nothing was sent"
    )
