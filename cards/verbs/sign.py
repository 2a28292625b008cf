"""``surgvqa-card sign``: a signature of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Sign a data set with an SSH key; `surgvqa-build verify DIR --signer FILE` holds it against allowed signers."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what surgvqa-build wrote"""
    key: Annotated[Path, Usage("FILE")]
    """the SSH key; of one in ssh-agent its .pub"""


def run(config: Sign) -> None:
    """Write DIR/manifest.json.sig."""
    from surgvqa.cards.publish.signature import sign

    print(sign(config.folder, config.key))
