"""The operations in each split of a mix, compared by case id and by the table of operations that public sets share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.cases.splits import SPLITS
from surgvqa.cards.command import InputError
from surgvqa.cards.files.documents import LeftOut, Manifest
from surgvqa.cards.patients.operations import SEPARATOR, list_first, mapping_gap, operation, public_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A data set that goes into a mix."""

    label: str  # its source, or its folder where two are of one source
    folder: Path
    manifest: Manifest

    @property
    def source(self) -> str:
        """The reader that its cases came from."""
        return str(self.manifest["parameters"].get("source", ""))

    @property
    def licence(self) -> str:
        """The licence of its source."""
        return self.manifest["source"]["licence"]

    def operation(self, case_id: str) -> str:
        """Return the name of an operation, the same in all sets that show it."""
        return operation(self.source, case_id) or f"{self.source} {case_id}"

    def split(self, case_id: str) -> str:
        """Return the split of a case."""
        return self.manifest.get("splits", {})[case_id]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which cases go in, and under which names."""

    names: Mapping[tuple[str, str], str]  # set and case id -> case id in the mix
    left_out: tuple[LeftOut, ...]


def labels(folders: Sequence[Path], manifests: Sequence[Manifest]) -> list[str]:
    """Return a name for each set: its source, and its folder where several are of one source."""
    sources = [str(one["parameters"].get("source", "")) for one in manifests]
    often = Counter(sources)
    names = [
        source if often[source] == 1 else folder.resolve().name.replace(SEPARATOR, "_")
        for source, folder in zip(sources, folders, strict=True)
    ]
    if len(set(names)) < len(names):
        raise InputError(
            f"two sets would both be called {Counter(names).most_common(1)[0][0]}; give each folder another name"
        )
    return names


def plan(parts: Sequence[Part], drop_shared: bool) -> Plan:
    """Decide which cases go in; an operation is in one split only.

    Raises:
        InputError: operations in two splits, unless ``drop_shared`` leaves them out of the earlier one; sets of which
            nobody knows which case shows which operation.
    """
    refuse_unmapped(parts)
    cases_by_operation: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for part, case_id, split in cases(parts):
        for one in split.split("+"):
            cases_by_operation[part.operation(case_id)][one].append(f"{part.label} {case_id}")
    torn_operations = {name: by_split for name, by_split in cases_by_operation.items() if len(by_split) > 1}
    if torn_operations and not drop_shared:
        clashes = [
            f"{name}: " + ", ".join(f"{names[0]} in {split}" for split, names in sorted(by_split.items()))
            for name, by_split in sorted(torn_operations.items())
        ]
        raise InputError(
            f"{len(torn_operations)} operations would be in two splits ({list_first(clashes, 5)}); --drop-shared leaves them out of "
            "training, or build a set again with other splits (--test-cases, --protocol)"
        )
    kept_cases: dict[tuple[str, str], str] = {}
    left_out: list[LeftOut] = []
    often = Counter(case_id for _, case_id, _ in cases(parts))
    for part, case_id, split in cases(parts):
        last = max(torn_operations.get(part.operation(case_id), {split: []}), key=SPLITS.index)
        if "+" in split:
            raise InputError(
                f"{part.folder}: {case_id} lies in several splits ({split}); a mix holds an operation in one"
            )
        if split != last:
            cause = f"the mix has this operation in {last}, and this set in {split}"
            left_out.append({"item": f"{part.label} {case_id}", "cause": cause, "fault": False})
            continue
        kept_cases[part.label, case_id] = (
            case_id if often[case_id] == 1 else f"{part.label}{SEPARATOR}{case_id}"
        )
    return Plan(kept_cases, tuple(left_out))


def cases(parts: Sequence[Part]) -> Iterator[tuple[Part, str, str]]:
    """Yield every case of every set with its split."""
    for part in parts:
        for case_id, split in sorted(part.manifest.get("splits", {}).items()):
            yield part, case_id, split


def refuse_unmapped(parts: Sequence[Part]) -> None:
    """Raise where two sets show the same operations under names that nobody has matched, in several splits."""
    for index, one in enumerate(parts):
        for other in parts[index + 1 :]:
            why = mapping_gap(one.source, other.source)
            used_splits = {split for _, _, split in cases([one, other])}
            if why is not None and len(used_splits) > 1:
                raise InputError(f"{why}; mix only one of them, or put all of their cases into one split")


def notes(parts: Sequence[Part], plan: Plan) -> list[str]:
    """Name the operations that a mix shows more than once, all in one split."""
    places: dict[str, list[str]] = defaultdict(list)
    for part, case_id, _ in cases(parts):
        if (part.label, case_id) in plan.names and public_set(part.source) is not None:
            places[part.operation(case_id)].append(f"{part.label} {case_id}")
    twice = [f"{name} ({', '.join(names)})" for name, names in sorted(places.items()) if len(names) > 1]
    return (
        [f"{len(twice)} operations are in several of the sets, in one split: {list_first(twice, 5)}"]
        if twice
        else []
    )
