"""A tree read as a description says: the files of each case, their rows, label pictures and recordings, as cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from surgvqa.builders.annotations.outlines import role_of
from surgvqa.builders.cases.timeline import IDLE, to_ms
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.procedures.taxonomy import Taxonomy, load, plain
from surgvqa.builders.schema import Case, Clip, Frame, Omission
from surgvqa.builders.tabular import clock, coco_files, masks, parts, presence, rows, stretches
from surgvqa.builders.tabular.description import Clock, Description, Questions, Table
from surgvqa.builders.tabular.find import FileMatch, Tree
from surgvqa.builders.tabular.parts import Part, Tally
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The rows of one case in one table's file."""

    kind: str  # of table: phases, steps, presence, answers
    table: Table
    rows: Sequence[rows.Row]
    where: str  # the file, as messages name it
    video: Path | None  # the case's recording


Use = Callable[[Excerpt, Part], None]


class Reader:
    """Collects the parts of all cases."""

    def __init__(
        self, root: Path, description: Description, tally: Tally, videos: Path | None, fps: float
    ) -> None:
        self.root, self.spec, self.tally, self.fps = root, description, tally, fps
        self.tree = Tree(root)
        self.recordings = Tree(videos) if videos is not None else self.tree
        names = load(description.procedure)
        own: dict[tuple[str, str], str] = {
            (role_of(names, name)[0], plain(label)): role_of(names, name)[1]
            for label, name in description.synonyms.items()
        }
        self.taxonomy: Taxonomy = replace(names, spellings={**names.spellings, **own})
        stretches.refuse_unknown_ids(description, self.taxonomy)
        self.parts: dict[str, Part] = {}
        self.videos: dict[str, Path] = {}
        self.rates: dict[str, tuple[float | None, float | None]] = {}
        own_file = description.own_taxonomy
        self.extra = [own_file] if own_file else []  # files that speak of every case
        self.omissions: list[Omission] = []

    def patterns(self) -> Iterator[tuple[str, ...]]:
        """Yield the patterns of all that can label a case."""
        spec = self.spec
        yield from (one.files for one in (*spec.phases, *spec.steps, *spec.presence))
        yield from (one.files for one in spec.masks)
        yield from (one.files for one in spec.coco)
        for questions_ in spec.questions:
            yield questions_.table.files

    def part(self, case_id: str, file: Path | None = None) -> Part:
        """Return a case's part, made when it is first met."""
        part = self.parts.setdefault(case_id, Part())
        if file is not None and file not in part.files:
            part.files.append(file)
        return part

    def read(self) -> None:
        """Read everything; recordings and the table of cases first, for they say how time counts."""
        self.videos = {
            case_id: one.path for case_id, one in self.one_each(self.recordings, self.spec.videos).items()
        }
        self.rates = self.rates_and_lengths()
        spec = self.spec
        for kind, tables in (("phases", spec.phases), ("steps", spec.steps), ("presence", spec.presence)):
            case_ids: set[str] = set()
            for table in tables:
                case_ids |= self.table(
                    kind, table, self.presence if kind == "presence" else self.stretches, case_ids
                )
        case_ids = set()
        for one in spec.questions:
            case_ids |= self.table("answers", one.table, partial(self.answers, one), case_ids)
        self.outlines()
        for case_id, video in self.videos.items():
            if (part := self.parts.get(case_id)) is not None:
                part.video = video
                part.files.append(video)
            else:
                self.omissions.append(Omission(video.name, "a recording without annotations"))
        self.stills()

    def one_each(self, tree: Tree, patterns: Sequence[str]) -> dict[str, FileMatch]:
        """One file a case; copies with the same bytes count once."""
        several: dict[str, list[FileMatch]] = {}
        for one in tree.find(patterns):
            several.setdefault(self.spec.name_of(one.fields["case"]), []).append(one)
        files_by_case: dict[str, FileMatch] = {}
        for case_id, copies in sorted(several.items()):
            path, left = choose((one.path for one in copies), tree.root, f"a file of {case_id}")
            self.omissions += left
            files_by_case[case_id] = next(one for one in copies if one.path == path)
        return files_by_case

    def rates_and_lengths(self) -> dict[str, tuple[float | None, float | None]]:
        """Frames per second and length of each case, from the table of cases."""
        rates_by_case: dict[str, tuple[float | None, float | None]] = {}
        table = self.spec.cases
        for one in self.tree.find(table.files) if table else ():
            assert table is not None
            file_name = self.tree.relative_path(one.path)
            self.extra.append(one.path)
            for number, row in enumerate(rows.read(one.path, file_name), start=2):
                where = f"{file_name} row {number}"
                rate = rows.number(row, table.fps, where) if table.fps else None
                frames = rows.number(row, table.frames, where) if table.frames else None
                case_id = self.spec.name_of(rows.cell(row, table.case, where))
                rates_by_case[case_id] = (rate, frames / rate if frames and rate else None)
        return rates_by_case

    def table(self, kind: str, table: Table, use: Use, skip: AbstractSet[str]) -> set[str]:
        """Read a table's files and give each case's rows to ``use``; the cases that were read.

        Cases in ``skip`` are left out: another table, named first, says the same of them.
        """
        names_by_id: dict[str, str] = {}
        if table.names is not None:
            for one in self.tree.find(table.names.files):
                file_name = self.tree.relative_path(one.path)
                self.extra.append(one.path)
                for row in rows.read(one.path, file_name):
                    names_by_id[rows.cell(row, table.names.id, file_name)] = rows.cell(
                        row, table.names.label, file_name
                    )
        table = table.model_copy(update={"ids": names_by_id | dict(table.ids)})
        matches = (
            self.one_each(self.tree, table.files).values()
            if table.case is None
            else self.tree.find(table.files)
        )
        case_ids: set[str] = set()
        for one in matches:
            file_name = self.tree.relative_path(one.path)
            try:
                file_rows = rows.read(one.path, file_name, table.header, table.rows)
                rows_by_case = self.by_case(table, one, file_rows, file_name)
            except InputError as error:
                self.omissions.append(Omission(file_name, str(error), fault=True))
                continue
            new = {case_id: own for case_id, own in rows_by_case.items() if case_id not in skip}
            self.tally.files[kind] += bool(new)
            self.tally.rows[kind] += sum(map(len, new.values()))
            case_ids |= new.keys()
            for case_id, own in new.items():
                part = self.part(case_id, one.path)
                try:
                    part.split = self.said_split(table, own, one) or part.split
                    part.fps, part.duration_s = self.rates.get(case_id, (part.fps, part.duration_s))
                    video = self.videos.get(case_id)
                    if video is not None and part.duration_s is None:
                        part.duration_s = clock.recording(video)[1]
                    use(Excerpt(kind, table, own, file_name, video), part)
                except InputError as error:
                    part.faults.append(str(error))
        return case_ids

    def rate(self, time: Clock, video: Path | None, part: Part) -> float:
        """Return how much a clock grows in a second: of the recording, or ``--fps`` where there is no recording."""
        if time.unit == "frames" and time.fps == "video" and video is None and self.fps:
            return self.fps
        return clock.rate(time, video, part.fps)

    def by_case(
        self, table: Table, one: FileMatch, file_rows: Sequence[rows.Row], file_name: str
    ) -> dict[str, list[rows.Row]]:
        """Return the rows of each case of a file."""
        if table.case is None:
            return {self.spec.name_of(one.fields["case"]): list(file_rows)}
        rows_by_case: dict[str, list[rows.Row]] = {}
        for number, row in enumerate(file_rows, start=2):
            case = rows.cell(row, table.case, f"{file_name} row {number}")
            rows_by_case.setdefault(self.spec.name_of(case), []).append(row)
        return rows_by_case

    def said_split(self, table: Table, case_rows: Sequence[rows.Row], one: FileMatch) -> str | None:
        """Return the split that a column or a folder states."""
        if table.split is None:
            return one.fields.get("split")
        splits = sorted({row.get(table.split, "") for row in case_rows})
        if len(splits) > 1:
            raise InputError(f"its rows say split {' and '.join(splits)}; give it one split")
        return splits[0]

    def stretches(self, excerpt: Excerpt, part: Part) -> None:
        """Add phases or steps to a case."""
        names, phases = self.taxonomy, excerpt.kind == "phases"
        case_phases = stretches.lay(
            excerpt.table,
            excerpt.rows,
            excerpt.where,
            self.rate(excerpt.table.time, excerpt.video, part),
            lambda label: names.canonical("phase", label) if phases else stretches.step_name(label),
            part.duration_s,
        )
        if phases:
            part.phases.extend(one for one in case_phases.phases if one.label != IDLE)
            part.idle.extend((one.start_s, one.end_s) for one in case_phases.phases if one.label == IDLE)
        else:
            part.steps.extend(case_phases.phases)
        part.unknown.extend(case_phases.unknown if phases else ())
        part.repetitions += case_phases.repetitions
        for why, count in case_phases.left_out.items():
            self.tally.left_out[why] += count

    def presence(self, excerpt: Excerpt, part: Part) -> None:
        """Add things in view to a case."""
        rate = self.rate(excerpt.table.time, excerpt.video, part)
        in_view = presence.read(excerpt.table, excerpt.rows, excerpt.where, rate, self.taxonomy)
        for scene in in_view.scenes:
            part.add(scene)
        if in_view.unsure:
            self.tally.left_out["a moment on which its raters disagree"] += in_view.unsure

    def answers(self, spec: Questions, excerpt: Excerpt, part: Part) -> None:
        """Add what a row says of a case, as answers."""
        where = excerpt.where
        if len(excerpt.rows) > 1:
            raise InputError(f"{where}: {len(excerpt.rows)} rows of one case; one is due")
        part.stated_s = max(part.stated_s, spec.seconds)
        for row in excerpt.rows:
            part.answers.extend((ask, rows.cell(row, ask.label, where), where) for ask in spec.ask)

    def outlines(self) -> None:
        """Label pictures and COCO files."""
        for spec in self.spec.masks:
            for one in self.tree.find(spec.files):
                file_name = self.tree.relative_path(one.path)
                part = self.part(self.spec.name_of(one.fields["case"]), one.path)
                part.split = one.fields.get("split") or part.split
                self.tally.files["masks"] += 1
                self.tally.rows["masks"] += 1
                try:
                    if (why := masks.wrong(spec, one.path, file_name)) is not None:
                        self.omissions.append(Omission(file_name, why))
                        continue
                    per_second = self.rate(spec.time, None, part)
                    time_s = clock.seconds(one.fields["frame"], spec.time, per_second, file_name)
                    left_out = Counter[str]()
                    part.add(masks.scene(spec, one.path, file_name, time_s, self.taxonomy, left_out))
                    for value in left_out:
                        why = {**spec.leave_out, **spec.unknown}[value]
                        self.tally.left_out[f"pixels of value {value}: {why}"] += 1
                except InputError as error:
                    self.omissions.append(Omission(file_name, str(error), fault=True))
        for coco in self.spec.coco:
            for one in self.tree.find(coco.files):
                file_name = self.tree.relative_path(one.path)
                self.tally.files["coco"] += 1
                for case_scene in coco_files.read(coco, one.path, file_name, self.taxonomy):
                    if isinstance(case_scene, Omission):
                        self.omissions.append(case_scene)
                        continue
                    part = self.part(self.spec.name_of(case_scene.case), one.path)
                    part.split = one.fields.get("split") or part.split
                    self.tally.rows["coco"] += 1
                    there = part.scenes.get(to_ms(case_scene.scene.time_s))
                    if there is not None and there.width:
                        self.tally.left_out["boxes of a picture that has masks"] += 1
                    else:
                        part.add(case_scene.scene)

    def stills(self) -> None:
        """Pictures of cases that have no recording."""
        spec = self.spec.frames
        for one in self.tree.find(spec.files) if spec else ():
            assert spec is not None
            part = self.parts.get(self.spec.name_of(one.fields["case"]))
            if part is None or part.video is not None:
                continue
            file_name = self.tree.relative_path(one.path)
            per_second = self.rate(spec.time, None, part)
            part.frames.append(
                Frame(clock.seconds(one.fields["frame"], spec.time, per_second, file_name), one.path)
            )
            part.files.append(one.path)

    def case(self, case_id: str, part: Part) -> Iterator[Case | Omission]:
        """Yield a case, or what is wrong with it."""
        if part.faults:
            yield from (Omission(case_id, fault, fault=True) for fault in part.faults)
            return
        if not part.has_labels():
            yield Omission(case_id, "no row of it says anything")
            return
        if count := stretches.overlaps(part.phases):
            self.tally.overlaps[case_id] = count
        if part.repetitions:
            self.tally.repetitions[case_id] = part.repetitions
        if part.phases:
            self.tally.phases.update({one.label for one in part.phases})
            self.tally.cases_with_phases += 1
        if part.unknown:
            self.tally.unknown_s[case_id] = round(sum(end - start for start, end in part.unknown))
        scenes = [part.scenes[at] for at in sorted(part.scenes)]
        phases = tuple(sorted(part.phases, key=lambda one: (one.start_s, one.end_s, one.label)))
        try:
            clips = self.clips(case_id, part)
        except InputError as error:
            yield Omission(case_id, str(error), fault=True)
            return
        yield Case(
            case_id,
            self.spec.source,
            self.taxonomy.name,
            taxonomy=self.spec.own_taxonomy,
            phases=phases,
            scenes=tuple(scenes),
            video=part.video,
            frames=tuple(sorted(part.frames, key=lambda frame: frame.time_s)),
            duration_s=part.duration_s,
            seconds_stated=True,
            clips=clips,
            idle_s=tuple(sorted(part.idle)),
            unknown=tuple(sorted(part.unknown)),
            steps=tuple(sorted(part.steps, key=lambda one: (one.start_s, one.end_s, one.label))),
            files=(*part.files, *self.extra),
        )

    def clips(self, case_id: str, part: Part) -> tuple[Clip, ...]:
        """Return the clips of a case whose questions its tables answer: the whole of it, and each phase."""
        if not part.answers:
            return ()
        last = max((phase.end_s for phase in part.phases), default=0.0)
        self.tally.momentary += not (part.duration_s or part.stated_s or last)
        whole = parts.whole(case_id, part.duration_s or part.stated_s or last or None)
        qa = tuple(parts.make_question(ask, whole, value, where) for ask, value, where in part.answers)
        phases = tuple(
            Clip(case_id, round(one.start_s * 1000), round(one.end_s * 1000), one.label)
            for one in part.phases
        )
        return (*(one for one in phases if one.end_ms > one.start_ms), replace(whole, qa=qa))
