"""The licence of what is made of several sources: the strictest, by what each forbids."""

from __future__ import annotations

import re
from collections.abc import Mapping

# From the freest to the strictest. What is in no list is stricter than all: its owner must be asked.
ORDER = ("cc0", "mit", "apache", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa", "cc-by-nd", "cc-by-nc-nd")


def family(licence: str) -> str | None:
    """Return a licence without its version; None where it is none of the known ones.

    >>> family("CC BY-NC-SA 4.0"), family("Apache-2.0"), family("other: research use")
    ('cc-by-nc-sa', 'apache', None)
    """
    plain = re.sub(r"[\s_]+", "-", licence.strip().lower())
    match = re.fullmatch(
        r"(cc0|mit|apache|cc-by(?:-nc)?(?:-sa|-nd)?)(?:-\d+(?:\.\d+)?)?(?:-universal)?", plain
    )
    return match[1] if match else None


def rank(licence: str) -> int:
    """Return a licence's place between the freest and the strictest."""
    known_family = family(licence)
    return ORDER.index(known_family) if known_family is not None else len(ORDER)


def strictest(licences: Mapping[str, str]) -> str:
    """Return the set whose licence binds the whole; of equals, the first by name.

    >>> strictest({"a": "CC-BY-4.0", "b": "CC-BY-NC-SA-4.0", "c": "CC-BY-NC-4.0"})
    'b'
    """
    return min(licences, key=lambda name: (-rank(licences[name]), name))


def combine(licences: Mapping[str, str]) -> str:
    """Return the licence of the whole: the strictest, where several are unknown all of those.

    >>> combine({"a": "CC-BY-4.0", "b": "other: research use"}), combine({"a": "MIT", "b": "CC-BY-4.0"})
    ('other: research use', 'CC-BY-4.0')
    """
    unknown = sorted({one for one in licences.values() if family(one) is None})
    return "; ".join(unknown) if unknown else licences[strictest(licences)]


def warnings(licences: Mapping[str, str]) -> list[str]:
    """Say what licences forbid that a mix would do.

    >>> warnings({"a": "CC-BY-NC-ND-4.0", "b": "CC-BY-4.0"})
    ['a is under CC-BY-NC-ND-4.0, which lets nobody share what is made of it: keep this mix to yourself']
    """
    messages = [
        f"{name} is under {one}, which lets nobody share what is made of it: keep this mix to yourself"
        for name, one in sorted(licences.items())
        if (family(one) or "").endswith("-nd")
    ]
    same = sorted({kind for one in licences.values() if (kind := family(one) or "").endswith("-sa")})
    if len(same) > 1:
        messages.append(
            f"{' and '.join(same)} each ask that what is made of them has their own licence: the mix can't have both, "
            "so keep it to yourself"
        )
    unknown = [name for name, one in sorted(licences.items()) if family(one) is None]
    if unknown:
        messages.append(
            f"{', '.join(unknown)}: a licence of its own words; ask its owner before you share the mix"
        )
    return messages
