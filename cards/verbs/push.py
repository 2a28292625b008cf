"""``surgvqa-card push``: a folder on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Push:
    """Check, audit and publish a folder in one commit."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """a data set or a model"""
    repo: Annotated[str, Usage("ORG/NAME", position=True)]
    """the repository; made, private, where it isn't there"""
    type: Annotated[Literal["dataset", "model"] | None, Usage(default_text="as the folder says")] = None
    """what the folder is"""
    public: bool = False
    """make a new repository public"""
    read_back: bool = False
    """fetch every file again and compare its bytes, not only the hashes that the Hub reports"""
    dry_run: bool = False
    """check and search the folder, list what would be sent, and send nothing; needs no token"""


def run(config: Push) -> None:
    """Publish, and say where; or list what would be published."""
    if config.dry_run:
        from surgvqa.cards.publish.dry_run import lines

        print("\n".join(lines(config.folder, config.repo, config.type, config.public)))
        return
    from surgvqa.cards.publish.push import push

    commit = push(
        config.folder,
        config.repo,
        repo_type=config.type,
        public=config.public,
        read_back=config.read_back,
    )
    print(f"published {config.folder} as {config.repo}, revision {commit}")
