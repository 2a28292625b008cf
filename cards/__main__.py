"""``surgvqa-card``: cards that tell the truth, and publishing to the Hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from surgvqa.cards.command import InputError, run


def parser() -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once."""
    root = argparse.ArgumentParser(prog="surgvqa-card", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser("dataset", help="write the card of a data set from its manifest and report")
    verb.add_argument("folder", type=Path, metavar="DIR", help="what surgvqa-build wrote")
    verb.add_argument("--repo", metavar="ORG/NAME", help="where it will be on the Hub, for the snippet")

    verb = verbs.add_parser("model", help="write the card of a model or adapter, with its score beside blind")
    verb.add_argument("folder", type=Path, metavar="DIR", help="what surgvqa-train wrote")
    verb.add_argument(
        "--score",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="what `surgvqa-eval score --out` wrote",
    )
    verb.add_argument(
        "--parity",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="what `surgvqa-eval compare --out` wrote on the answers of two engines (predict --engine hf|vllm|openai)",
    )
    verb.add_argument("--dataset", metavar="DIR|ORG/NAME", help="the data set it was trained on")
    verb.add_argument("--repo", metavar="ORG/NAME", help="where it will be on the Hub, for the snippet")

    verb = verbs.add_parser("audit", help="search a folder for what must not be published; exit 2 on a hit")
    add = verb.add_argument
    add("folder", type=Path, metavar="DIR", help="a data set or a model")
    add(
        "--sheets",
        type=Path,
        metavar="OUT",
        help="write contact sheets of random frames for a person to look at",
    )
    add("--frames", type=int, default=3000, metavar="N", help="how many [3000]")
    add("--looked-at", type=int, metavar="N", help="record that a person looked at so many of them")
    add(
        "--hits",
        type=int,
        default=0,
        metavar="K",
        help="with --looked-at: how many showed what they must not [0]",
    )

    verb = verbs.add_parser("push", help="check, audit and publish a folder in one commit")
    verb.add_argument("folder", type=Path, metavar="DIR", help="a data set or a model")
    verb.add_argument("repo", metavar="ORG/NAME", help="the repository; made, private, where it isn't there")
    verb.add_argument("--type", choices=("dataset", "model"), help="told from the folder where not given")
    verb.add_argument("--public", action="store_true", help="make a new repository public")
    verb.add_argument(
        "--read-back",
        action="store_true",
        help="fetch every file again and compare its bytes, not only the hashes that the Hub reports",
    )
    return root


def dataset(args: argparse.Namespace) -> None:
    """Write DIR/README.md from DIR/manifest.json and DIR/report.json, and seal it."""
    from surgvqa.cards.files import manifest
    from surgvqa.cards.write.dataset import dataset_card
    from surgvqa.cards.write.instruct import instruct_card

    known = manifest.whole(args.folder)
    card = instruct_card if known["parameters"].get("source") == "instruct" else dataset_card
    text = card(known, manifest.report_of(args.folder, known), repo_id=args.repo)
    manifest.rewrite(
        args.folder, {**known, **({"repo": args.repo} if args.repo else {})}, manifest.CARD, text
    )
    print(args.folder / manifest.CARD)


def model(args: argparse.Namespace) -> None:
    """Write DIR/README.md from the model's own files and the scores."""
    from surgvqa.cards.files import manifest, sums
    from surgvqa.cards.write.model import HUB_ID, describe, model_card, parity_of

    folder_of_data = Path(args.dataset) if args.dataset and Path(args.dataset).is_dir() else None
    if args.dataset and not folder_of_data and not HUB_ID.fullmatch(args.dataset):
        raise InputError(f"--dataset {args.dataset}: neither a folder here nor the ORG/NAME of a data set")
    text = model_card(
        describe(args.folder),
        {
            path.stem: manifest.read_json(path, "run `surgvqa-eval score … --out FILE` first")
            for path in args.score
        },
        parity=[
            parity_of(manifest.read_json(path, "run `surgvqa-eval compare … --out FILE` first"), path.name)
            for path in args.parity
        ],
        data=manifest.read(folder_of_data) if folder_of_data else None,
        data_id=None if folder_of_data else args.dataset,
        repo_id=args.repo,
    )
    manifest.put(args.folder / manifest.CARD, text)
    sums.update(args.folder, manifest.CARD)
    print(args.folder / manifest.CARD)


def audit(args: argparse.Namespace) -> None:
    """Print every hit; an error where there is one."""
    from surgvqa.cards.publish.audit import audit as search
    from surgvqa.cards.publish.push import dataset_files, kind_of, model_files
    from surgvqa.cards.write import frame_audit

    files = dataset_files(args.folder) if kind_of(args.folder) == "dataset" else model_files(args.folder)
    hits = search(args.folder, files)
    for hit in hits:
        print(hit)
    if hits:
        raise InputError(f"{len(hits)} hits in {args.folder}; `push` would refuse it")
    print(f"no hit in {len(files)} files")
    if args.sheets is not None:
        written = frame_audit.sheets(args.folder, args.sheets, args.frames)
        print(
            f"{args.frames} frames on {len(written)} sheets in {args.sheets}; look at them, then --looked-at"
        )
    if args.looked_at is not None:
        frame_audit.record(args.folder, args.looked_at, args.hits)
        print(f"recorded in {args.folder / 'manifest.json'} and its card")


def push(args: argparse.Namespace) -> None:
    """Publish, and say where."""
    from surgvqa.cards.publish.push import push as publish

    commit = publish(
        args.folder, args.repo, repo_type=args.type, public=args.public, read_back=args.read_back
    )
    print(f"published {args.folder} as {args.repo}, revision {commit}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run(parser(), {"dataset": dataset, "model": model, "audit": audit, "push": push}, argv)


if __name__ == "__main__":
    sys.exit(main())
