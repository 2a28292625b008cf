"""``surgvqa-build``: annotated surgical video in, a question-answering data set out.

The verb is a source, for instance ``surgvqa-build cataract1k --root Cataract-1K --out dataset``, or one of
``probe`` (what is wrong with my videos?) and ``verify`` (is the data set still as it was written?).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surgvqa.builders import sources
from surgvqa.builders.pipeline import source_options
from surgvqa.cards.command import InputError, run

if TYPE_CHECKING:
    from surgvqa.builders.configs.pointing_questions import Pointing


def parser(named: str | None = None) -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once. Only source ``named`` gets its own options."""
    root = argparse.ArgumentParser(
        prog="surgvqa-build", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    for source in sources.names():
        verb = verbs.add_parser(source, help=f"build a data set from {source}")
        add_build(verb)
        verb.set_defaults(own=source_options.add(verb, source) if source == named else [])

    verb = verbs.add_parser(
        "sources", help="list every data set: licence, access, what is read, how it was tried"
    )
    verb.add_argument("--json", action="store_true", help="the list as JSON")

    verb = verbs.add_parser("probe", help="decode every video of a folder and list what is wrong")
    verb.add_argument("root", type=Path, metavar="ROOT", help="a folder or a video")
    verb.add_argument("--json", type=Path, metavar="FILE", help="also write the list as JSON")
    verb.add_argument("--workers", type=int, default=1, metavar="N", help="processes [1]")

    verb = verbs.add_parser("verify", help="check every file of a data set or an adapter, bit for bit")
    add = verb.add_argument
    add("folder", type=Path, metavar="DIR", help="what a build or a training wrote")
    add("--repair", type=Path, metavar="ROOT", help="build what is damaged again, from the source's folder")
    add("--pseudonyms", type=Path, metavar="FILE", help="for --repair, where the build had it")
    add("--workers", type=int, default=1, metavar="N", help="processes of --repair [1]")
    add_instruct(verbs.add_parser("instruct", help="write instruction data from labelled frames"))
    add_interchange(verbs)
    add_procedure(verbs)

    verb = verbs.add_parser("spoken", help="add config spoken to a data set: its questions as sound")
    add = verb.add_argument
    add("folder", type=Path, metavar="DIR", help="what a build wrote")
    add(
        "--voices",
        nargs="+",
        default=["espeak-ng:en-us", "espeak-ng:en-gb"],
        metavar="ENGINE:NAME",
        help="espeak-ng (offline), edge-tts (online) or command [espeak-ng:en-us espeak-ng:en-gb]",
    )
    add("--rates", nargs="+", type=int, default=[150, 180], metavar="N", help="words a minute [150 180]")
    add("--snr", nargs="+", type=float, default=[], metavar="DB", help="theatre noise at these ratios [none]")
    add("--tts-command", metavar="TEXT", help="for voices of engine command; text on stdin, sound to {out}")
    add("--seed", type=int, default=0, metavar="N", help="of who says what [0]")
    add(
        "--test-voices",
        nargs="+",
        default=[],
        metavar="ENGINE:NAME",
        help="speak validation and test, and nothing else [as in training]",
    )
    add("--answers", default="sentence", metavar="sentence|short", help="what is taught [sentence]")
    return root


def add_instruct(verb: argparse.ArgumentParser) -> None:
    """The options of ``instruct``."""
    add = verb.add_argument
    add("labels", type=Path, metavar="LABELS", help="frames and their labels, a .json or .jsonl file")
    add("--taxonomy", required=True, metavar="NAME|FILE", help="the procedure")
    add("--out", type=Path, required=True, metavar="DIR", help="where the data set goes")
    add(
        "--teacher",
        metavar="URL",
        help="an OpenAI-compatible server, ends in /v1 [by rule, without a server]",
    )
    add("--model", metavar="NAME", help="the teacher's model")
    add("--concurrency", type=int, default=8, metavar="N", help="requests at a time [8]")
    add("--estimate", action="store_true", help="say what asking would cost, and stop")
    add("--price-in", type=float, default=0.0, metavar="X", help="price of a million tokens read")
    add("--price-out", type=float, default=0.0, metavar="X", help="price of a million tokens written")
    add(
        "--media",
        default="frames",
        metavar="frames|none",
        help="pictures in the rows, or text alone [frames]",
    )
    add(
        "--max-side", type=int, default=512, metavar="PX", help="longest side of a picture [512]; 0: as it is"
    )
    add("--test-cases", nargs="+", default=[], metavar="ID", help="videos to hold out")
    add("--validation", type=float, default=0.1, metavar="SHARE", help="share of frames to validate on [0.1]")
    add("--test", type=float, default=0.2, metavar="SHARE", help="share of frames to test on [0.2]")
    add("--system", metavar="TEXT", help="a system message before every sample")
    add_pseudonyms(add)
    add("--seed", type=int, default=0, metavar="N", help="of splits and wording [0]")
    add(
        "--on-error",
        choices=("fail", "quarantine"),
        default="fail",
        help="a missing picture or answer: stop, or leave the frame out and name it [fail]",
    )


def add_interchange(verbs: Any) -> None:
    """The options of ``import`` and ``export``."""
    add = verbs.add_parser("import", help="LLaVA, ShareGPT or Qwen conversations as a data set").add_argument
    add("file", type=Path, metavar="FILE", help="a .json or .jsonl file of conversations")
    add("--out", type=Path, required=True, metavar="DIR", help="where the data set goes")
    add("--images", type=Path, metavar="DIR", help="what picture names are relative to [the file's folder]")
    add("--case", default="", metavar="PATTERN", help="finds the operation in a picture's name, to split by")
    add(
        "--media",
        default="frames",
        choices=("frames", "none"),
        help="pictures in the rows, or text alone [frames]",
    )
    add(
        "--max-side", type=int, default=512, metavar="PX", help="longest side of a picture [512]; 0: as it is"
    )
    add("--seed", type=int, default=0, metavar="N", help="of the splits [0]")
    add_pseudonyms(add)
    add = verbs.add_parser("export", help="a data set as LLaVA, ShareGPT or Qwen conversations").add_argument
    add("folder", type=Path, metavar="DIR", help="a data set")
    add("--out", type=Path, required=True, metavar="DIR", help="a new folder for SPLIT.json and the pictures")
    add("--as", dest="form", default="llava", metavar="llava|sharegpt|qwen", help="the form [llava]")
    add("--config", default="instruct", choices=("instruct", "clips"), help="what of the data set [instruct]")


def add_procedure(verbs: Any) -> None:
    """The options of ``new`` and ``frames``."""
    add = verbs.add_parser("new", help="the commented files that a new procedure begins with").add_argument
    add("procedure", metavar="PROCEDURE", help="its name")
    add("--dir", type=Path, metavar="DIR", help="the folder [the procedure's name]")
    add("--check", action="store_true", help="write nothing; say what is wrong with the folder")
    add = verbs.add_parser("frames", help="still frames with times and labels, from videos").add_argument
    add("root", type=Path, metavar="ROOT", help="a procedure's folder, a folder of videos, or a video")
    add("--out", type=Path, required=True, metavar="DIR", help="where frames/ and frames.json go")
    add("--taxonomy", metavar="NAME|FILE", help="the procedure [procedure.yaml below ROOT]")
    add("--every", type=float, default=1.0, metavar="S", help="seconds from frame to frame [1]")
    add_image_rate(add)
    add("--budget", type=int, metavar="N", help="at most so many frames of all cases")
    add("--biased", action="store_true", help="spend the budget more densely around events")
    add(
        "--max-side", type=int, default=1024, metavar="PX", help="longest side of a frame [1024]; 0: as it is"
    )
    add_pseudonyms(add)
    add_screen(add)

    verb = verbs.add_parser(
        "labels",
        help="merge what CVAT, Label Studio, COCO, LabelMe, YOLO, VOC, MOT, Darwin, masks, CSV or a detector say",
    )
    add = verb.add_argument
    add("files", type=Path, nargs="+", metavar="FILE", help="exports of any of these tools, or their folders")
    add("--into", type=Path, required=True, metavar="LABELS", help="the frames.json to refine")
    add("--taxonomy", required=True, metavar="NAME|FILE", help="the procedure")
    add("--made-by", choices=("hand", "detector", "weak"), default="hand", help="who said so [hand]")
    add(
        "--of",
        nargs="+",
        default=["anatomy", "tools"],
        choices=("anatomy", "tools"),
        help="what was labelled [both]",
    )
    add("--min-confidence", type=float, default=0.0, metavar="P", help="leave out less sure predictions [0]")
    add(
        "--on-error",
        choices=("fail", "quarantine"),
        default="fail",
        help="what pictures that can't be read whole do: stop it, or get left out by name [fail]",
    )
    add_image_rate(add)


def add_image_rate(add: Any) -> None:
    """The option that turns the numbers of pictures into seconds."""
    add(
        "--image-rate",
        type=float,
        default=0.0,
        metavar="FPS",
        help="how much the numbers that pictures are named by grow a second",
    )


def labels(args: argparse.Namespace) -> None:
    """Refine frame labels by those of other tools."""
    from surgvqa.builders.files.faults import listed
    from surgvqa.builders.frames.label_files import merge
    from surgvqa.builders.procedures.taxonomy import load

    found = merge(
        args.into,
        args.files,
        load(args.taxonomy),
        made_by=args.made_by,
        roles=args.of,
        least=args.min_confidence,
        image_rate=args.image_rate,
        on_error=args.on_error,
    )
    print(f"labels of {found.frames} frames went into {args.into}")
    if found.left_out:
        print(f"cut or left out: {listed(found.left_out)}")
    if found.unmatched:
        print(f"{len(found.unmatched)} pictures are no frame of it, such as {found.unmatched[0]}")


def new(args: argparse.Namespace) -> None:
    """Write a new procedure's files, or check them."""
    from surgvqa.builders.pipeline import new_procedure as begin

    folder = args.dir or Path(args.procedure)
    if args.check:
        print("\n".join(begin.check(folder)))
        return
    for path in begin.new(args.procedure, folder):
        print(path)
    print(
        f"edit them, put recordings into {folder / 'videos'}, then: surgvqa-build new {args.procedure} --check"
    )


def frames(args: argparse.Namespace) -> None:
    """Take frames from videos."""
    from surgvqa.builders.frames.extract import extract
    from surgvqa.builders.privacy.screen import screen
    from surgvqa.builders.procedures.taxonomy import load

    found = extract(
        args.root,
        args.out,
        load(args.taxonomy) if args.taxonomy else None,
        every_s=args.every,
        budget=args.budget,
        biased=args.biased,
        max_side=args.max_side or None,
        image_rate=args.image_rate,
        screen=screen(args.cover, args.cover_text, args.outside),
        pseudonyms=args.pseudonyms,
    )
    if found.outside:
        print(f"{found.outside} moments outside the body were left out")
    print(
        f"{found.frames} frames, {found.labelled} of them labelled at that very moment; {found.duplicates} that look "
        f"like another were left out; labels in {found.path}"
    )


def import_file(args: argparse.Namespace) -> None:
    """Write a data set from conversations."""
    from surgvqa.builders.instruct.interchange import import_file as write

    report = write(
        args.file,
        args.out,
        images=args.images,
        case=args.case,
        media=args.media,
        max_side=args.max_side or None,
        seed=args.seed,
        pseudonyms=args.pseudonyms,
    )
    for split, counts in report["splits"].items():
        print(f"{split}: {counts['samples']} samples")
    say_lost(report["lost"])
    print(f'{args.out} is ready: datasets.load_dataset("{args.out}", "instruct")')


def export(args: argparse.Namespace) -> None:
    """Write conversations from a data set."""
    from surgvqa.builders.instruct.interchange import export as write

    say_lost(write(args.folder, args.out, args.form, args.config))
    print(f"{args.out} is ready")


def say_lost(lost: dict[str, int]) -> None:
    """What the other form could not say."""
    for what, count in lost.items():
        print(f"lost in {count} samples: {what}")
    if not lost:
        print("nothing is lost")


def instruct(args: argparse.Namespace) -> None:
    """Write instruction data, by rule or with a teacher."""
    from surgvqa.builders.frames import frame_labels
    from surgvqa.builders.instruct import write as instructing
    from surgvqa.builders.instruct.teacher import server as server_at
    from surgvqa.builders.procedures.taxonomy import load

    if (args.teacher is None) != (args.model is None):
        raise InputError("--teacher URL and --model NAME go together")
    taxonomy = load(args.taxonomy)
    server = server_at(args.teacher, args.model, args.concurrency) if args.teacher else None
    if server is not None:
        frames = frame_labels.read(args.labels, taxonomy)
        print(instructing.expected(frames, taxonomy, server, args.out, args.price_in, args.price_out))
        if args.estimate:
            return
    report = instructing.instruct(
        args.labels,
        taxonomy,
        args.out,
        server=server,
        media=args.media,
        max_side=args.max_side or None,
        test_cases=args.test_cases,
        validation=args.validation,
        test=args.test,
        seed=args.seed,
        system=args.system,
        on_error=args.on_error,
        pseudonyms=args.pseudonyms,
    )
    for split, counts in report["splits"].items():
        print(f"{split}: {counts['cases']} videos, {counts['frames']} frames, {counts['samples']} samples")
    print(f"accepted {report['accepted_share']:.1%} of what {report['teacher']} wrote; refused for:")
    for cause, count in report["reasons"].items():
        print(f"  {cause}: {count}")
    print(f'{args.out} is ready: datasets.load_dataset("{args.out}", "instruct")')


def add_build(verb: argparse.ArgumentParser) -> None:
    """The options that every source has."""
    add = verb.add_argument
    add("--root", type=Path, required=True, metavar="DIR", help="the source's folder")
    add("--out", type=Path, required=True, metavar="DIR", help="where the data set goes")
    add("--clip-seconds", type=float, default=5.0, metavar="S", help="length of a clip [5]")
    add("--frames", type=int, default=8, metavar="N", help="frames of a clip [8]")
    add(
        "--media",
        default="frames",
        metavar="frames|clips|reference|none",
        help="frames inside the rows; clips cut to files; a path and a time; or no pixels [frames]",
    )
    add(
        "--max-side",
        type=int,
        default=512,
        metavar="PX",
        help="longest side of frames and clips [512]; 0: as they are",
    )
    add(
        "--questions",
        metavar="informative|nine",
        help="what holds, can be seen and can't be guessed without looking; or the nine kinds of every clip "
        "[informative; with --kinds alone, those of every clip]",
    )
    add(
        "--kinds",
        nargs="+",
        default=None,
        metavar="KIND",
        help="kinds of questions [all that are informative]",
    )
    add("--test-cases", nargs="+", default=[], metavar="ID", help="cases to hold out")
    add(
        "--validation",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of questions to validate on [0.1]",
    )
    add("--test", type=float, default=0.2, metavar="SHARE", help="share of questions to test on [0.2]")
    add(
        "--balance",
        default="none",
        metavar="answers|cases|none",
        help="even out the answers of each kind by leaving questions out, or the training cases by weights [none]",
    )
    add(
        "--max-blind",
        type=float,
        default=0.6,
        metavar="SHARE",
        help="warn where a blind guesser scores more [0.6]",
    )
    add("--system", metavar="TEXT", help="a system message before every conversation")
    add("--decoder", default="pyav", metavar="pyav|decord|torchcodec", help="what decodes videos [pyav]")
    add("--seed", type=int, default=0, metavar="N", help="of splits and wording [0]")
    add("--workers", type=int, default=1, metavar="N", help="processes [1]; 0: none beside this one")
    add(
        "--on-error",
        choices=("fail", "quarantine"),
        default="fail",
        help="bad input: stop with a list of all of it, or leave it out and name it [fail]",
    )
    add_pointing(verb)
    add(
        "--segmentation",
        metavar="TASK",
        choices=("binary", "parts", "instruments", "all"),
        help="write the config segmentation, label maps of: binary, parts, instruments, or all that has a mask",
    )
    add("--push-to", metavar="ORG/NAME", help="publish the finished folder on the Hub")
    add = verb.add_argument_group(
        "more than one machine, over a file system that all of them see"
    ).add_argument
    add(
        "--engine",
        default="local",
        metavar="local|datatrove-local|datatrove-ray|datatrove-slurm",
        help="what runs the shards, --workers at a time [local]",
    )
    add("--partition", metavar="NAME", help="of Slurm")
    add("--time", default="24:00:00", metavar="H:M:S", help="limit of a Slurm job [24:00:00]")
    add("--memory-gb", type=int, default=4, metavar="N", help="of a shard, on Ray and Slurm [4]")
    add = verb.add_argument_group("privacy").add_argument
    add_pseudonyms(add)
    add_screen(add)


def add_pseudonyms(add: Any) -> None:
    """The option that hides who it is."""
    add(
        "--pseudonyms",
        type=Path,
        metavar="FILE",
        help="publish salted pseudonyms of cases and files; FILE, outside --out, keeps salt and map, for you alone",
    )


def add_screen(add: Any) -> None:
    """The options that say what of the pictures may be published."""
    add(
        "--cover",
        nargs="+",
        default=[],
        metavar="X,Y,W,H",
        help="paint regions of every picture black, in shares of it: 0,0.9,1,0.1 is its lowest tenth",
    )
    add("--cover-text", action="store_true", help="find burned-in text that stands still, and paint it black")
    add(
        "--outside",
        metavar="colour|FILE",
        help="leave out clips that show the outside of the body: by colour (endoscopes only; misses skin), or "
        "by a CSV file case,start,end of a person or a model",
    )


def add_pointing(verb: argparse.ArgumentParser) -> None:
    """How the config `pointing` is written."""
    add = verb.add_argument_group("config pointing: where is it?").add_argument
    add(
        "--pointing",
        metavar="FORM",
        choices=("point", "box", "tokens", "json", "words"),
        help="write it, in a form: point (<point x y>, 0-100), box (<box>, 0-1000), tokens (<|box_start|>), json, or words",
    )
    add("--pointing-shape", choices=("point", "box"), default="point", help="what json asks for [point]")
    add(
        "--pointing-model-type",
        default="qwen3_vl",
        metavar="TYPE",
        help="whose numbers json writes: qwen2_vl, qwen2_5_vl, qwen3_vl [qwen3_vl]",
    )
    add(
        "--pointing-grid",
        metavar="FACTOR,MIN,MAX",
        help="patch x merge and the pixel limits of its processor (qwen2_5_vl needs them: 28,3136,1003520)",
    )
    add(
        "--pointing-types",
        nargs="+",
        choices=("instrument", "anatomy"),
        default=(),
        metavar="TYPE",
        help="ask where these are: instrument, anatomy [both]",
    )
    add(
        "--pointing-spread",
        type=float,
        metavar="R",
        help="also write positions as points: their middle moved by up to R of the frame, declared in noise_floor",
    )
    add(
        "--pointing-negatives",
        type=float,
        default=0.25,
        metavar="R",
        help="questions for what isn't there, per question for what is [0.25]",
    )
    add("--pointing-per-case", type=int, metavar="N", help="at most N positive rows of a case [all]")
    add(
        "--pointing-decimals",
        type=int,
        metavar="N",
        help="of written numbers [as many as half a pixel needs]",
    )


def pointing_of(args: argparse.Namespace) -> Pointing | None:
    """The options of config `pointing`, None where it isn't asked for."""
    from surgvqa.builders.configs.pointing_questions import Pointing
    from surgvqa.builders.geometry.coordinates import Grid

    if args.pointing is None:
        return None
    grid = None
    if args.pointing_grid is not None:
        numbers = args.pointing_grid.split(",")
        if len(numbers) != 3 or not all(number.isdigit() and int(number) for number in numbers):
            raise InputError(
                f"--pointing-grid {args.pointing_grid}: three whole numbers are due, as 28,3136,1003520"
            )
        grid = Grid(*map(int, numbers))
    return Pointing(
        form=args.pointing,
        shape=args.pointing_shape,
        model_type=args.pointing_model_type,
        grid=grid,
        types=tuple(args.pointing_types),
        spread=args.pointing_spread,
        negatives=args.pointing_negatives,
        decimals=args.pointing_decimals,
        per_case=args.pointing_per_case,
        seed=args.seed,
    )


def build(source: str, args: argparse.Namespace) -> None:
    """Build a data set from one source, and publish it if asked to."""
    from surgvqa.builders.files import process_pool

    if args.workers:
        process_pool.begin("surgvqa.builders.pipeline.build")
    from surgvqa.builders.configs.segmentation import Segmentation
    from surgvqa.builders.pipeline.build import build as build_folder
    from surgvqa.builders.pipeline.executors import Engine
    from surgvqa.builders.pipeline.report import blind_table
    from surgvqa.builders.privacy.screen import screen
    from surgvqa.cards.files import manifest as manifests

    own = {name: getattr(args, name) for name in args.own}
    if "questions" in own and args.questions in ("informative", "nine", None):
        del own["questions"]  # how ours are chosen, not which of the source's own sets
    elif "questions" in own:
        args.questions = None
    manifest = build_folder(
        source,
        args.root,
        args.out,
        clip_seconds=args.clip_seconds,
        frames=args.frames,
        media=args.media,
        max_side=args.max_side or None,
        kinds=args.kinds,
        questions=args.questions,
        test_cases=args.test_cases,
        validation=args.validation,
        test=args.test,
        balance=args.balance,
        max_blind=args.max_blind,
        system=args.system,
        decoder=args.decoder,
        seed=args.seed,
        workers=args.workers,
        on_error=args.on_error,
        pointing=pointing_of(args),
        segmentation=Segmentation(args.segmentation) if args.segmentation else None,
        screen=screen(args.cover, args.cover_text, args.outside),
        pseudonyms=args.pseudonyms,
        engine=Engine(args.engine, args.partition, args.time, args.memory_gb),
        source_options=own,
    )
    report = manifests.read(args.out, manifests.REPORT)
    print(blind_table(report))
    for split, counts in manifest["counts"].items():
        print(f"{split}: {counts['cases']} cases, {counts['clips']} clips, {counts['qa']} questions")
    for note in report["notes"]:
        print(f"note: {note}")
    for warning in report["warnings"]:
        print(f"warning: {warning}")
    print(
        f"left out: {len(manifest['dropped'])} things, listed with their causes in {args.out / manifests.NAME}"
    )
    print(f'{args.out} is ready: datasets.load_dataset("{args.out}", "clips")')
    if args.push_to:
        from surgvqa.cards.publish.push import push

        print(f"published {args.push_to} at {push(args.out, args.push_to)}")


def probe(args: argparse.Namespace) -> None:
    """List every video below a folder with what is wrong with it."""
    from surgvqa.builders.video import probe as probing

    paths = probing.files(args.root)
    if not paths:
        raise InputError(
            f"no video below {args.root}; known are files that end in {', '.join(probing.SUFFIXES)}"
        )
    reports = list(probing.probe_all(paths, args.workers))
    print(probing.table(reports, args.root))
    if args.json is not None:
        args.json.write_text(probing.as_json(reports), "utf-8")
    bad = sum(bool(one.faults) for one in reports)
    print(f"{len(reports)} files, {bad} with faults")


def list_sources(args: argparse.Namespace) -> None:
    """List every data set that can be read."""
    from surgvqa.builders.pipeline import list_sources as listing

    found = listing.listed()
    if args.json:
        import json

        print(json.dumps([one._asdict() for one in found], indent=1))
    else:
        print(listing.table(found))


def verify(args: argparse.Namespace) -> None:
    """Name every damaged file of a data set or a model; of a data set, mend it if asked to."""
    from surgvqa.builders.pipeline.verify import verify as verify_folder

    if args.repair is not None:
        from surgvqa.builders.pipeline.repair import repair

        for name in repair(args.folder, args.repair, args.pseudonyms, args.workers):
            print(f"built again: {name}")
    print(f"{args.folder}: all {verify_folder(args.folder)} files are as they were written")


def spoken(args: argparse.Namespace) -> None:
    """Add config spoken."""
    from surgvqa.builders.speech.spoken import Speaking, add_spoken

    how = Speaking(
        tuple(args.voices),
        tuple(args.rates),
        tuple(args.snr),
        args.tts_command,
        args.seed,
        tuple(args.test_voices),
        args.answers,
    )
    for split, count in add_spoken(args.folder, how).items():
        print(f"{split}: {count} spoken questions")


OWN = {
    "probe": probe, "verify": verify, "instruct": instruct, "import": import_file, "export": export, "new": new,
    "frames": frames, "labels": labels, "spoken": spoken, "sources": list_sources,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    named = argv[0] if argv and argv[0] in sources.names() else None
    verbs = {source: partial(build, source) for source in sources.names()}
    return run(parser(named), {**verbs, **OWN}, argv)


if __name__ == "__main__":
    sys.exit(main())
