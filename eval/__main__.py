"""``surgvqa-eval``: predict, score, and everything that shows what a score is worth."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from surgvqa.cards.command import InputError, run


def parser() -> argparse.ArgumentParser:
    """The command line; light, so that ``--help`` answers at once."""
    root = argparse.ArgumentParser(prog="surgvqa-eval", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    _predict_arguments(verbs.add_parser("predict", help="ask a model every question of a split; resumable"))
    _score_arguments(verbs.add_parser("score", help="accuracy beside chance and a blind guess"))
    _compare_arguments(verbs.add_parser("compare", help="two predictions files, paired, by case"))
    _probes_arguments(verbs.add_parser("probes", help="a data set's clips with the sanity suite's questions"))
    _pointing_arguments(
        verbs.add_parser("pointing", help="where is it: points, boxes and positions, beside guessers")
    )
    _segmentation_arguments(verbs.add_parser("segmentation", help="masks: Dice, the three IoUs, boundaries"))
    _baselines_arguments(verbs.add_parser("baselines", help="what is scored without looking at the video"))
    _necessity_arguments(
        verbs.add_parser("necessity", help="does it listen? exit 1 if it answers as well with wrong sound")
    )
    _leaks_arguments(verbs.add_parser("leaks", help="what splits share; exit 1 where they share anything"))
    _audit_arguments(
        verbs.add_parser("audit-benchmark", help="what gives the answers of question files away")
    )
    _report_arguments(verbs.add_parser("report", help="one page on predictions, or on a data set"))
    _lmms_arguments(verbs.add_parser("lmms", help="a task file, so that lmms-eval runs a data set"))
    _demo_arguments(verbs.add_parser("demo", help="an app: look at clips, ask models, by text or voice"))
    return root


def _demo_arguments(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
    add("--data", nargs="+", default=[], metavar="DIR", help="data sets to choose from [demo/dataset]")
    add("--model", nargs="+", default=[], metavar="DIR", help="models to choose from [demo/adapter]")
    add("--score", type=Path, metavar="FILE.json", help="a score to show by kind [demo/score.json]")
    add(
        "--recogniser",
        metavar="MODEL",
        help="speech recogniser for models that read, openai/whisper-small, say",
    )
    add(
        "--allow",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="clients may name what lies below, too",
    )
    add(
        "--allow-host",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names that the app goes by behind a proxy",
    )
    add("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), help="address [127.0.0.1]")
    add("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")), help="port [7860]")
    add("--dtype", default="auto", help="auto, float32 or bfloat16")
    add("--device", help="cuda or cpu (default: cuda where there is one)")


def _probes_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("data", type=Path, help="a folder that surgvqa-build wrote")
    verb.add_argument("--out", required=True, type=Path, help="folder of the probes, for predict and score")
    verb.add_argument("--split", default="test", help="whose clips are asked (default: test)")
    verb.add_argument("--phrasings", type=int, default=3, help="other wordings of each question (default: 3)")
    verb.add_argument(
        "--taxonomy", metavar="NAME", help="procedure with the safety gates (default: the data's)"
    )
    verb.add_argument("--seed", type=int, default=0)


def _pointing_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "file", type=Path, help="predictions on the config pointing: JSONL, qa_id being its row_id"
    )
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    verb.add_argument("--split", default="test", help="the split that was asked (default: test)")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    verb.add_argument("--seed", type=int, default=0)


def _segmentation_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, help="predictions on the config segmentation: JSONL of masks")
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    verb.add_argument("--split", default="test", help="the split that was predicted (default: test)")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    verb.add_argument("--seed", type=int, default=0)


def _predict_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("data", help="clips: a folder that surgvqa-build wrote, or a Hub name")
    verb.add_argument(
        "--model",
        required=True,
        action="append",
        help="base model or adapter: folder or Hub name; repeat it for --ensemble",
    )
    verb.add_argument(
        "--ensemble", metavar="HOW", help="vote: what most of the models say; each one's answers stay beside"
    )
    verb.add_argument(
        "--out", required=True, type=Path, help="JSONL, a line per question; an old one goes on"
    )
    verb.add_argument("--split", default="test", help="default test")
    verb.add_argument(
        "--config", default="clips", help="config of the data set: clips (default), pointing, spoken"
    )
    verb.add_argument(
        "--control",
        default="none",
        help="none, no-pixels (grey frames), shuffled-frames, wrong-video (another case's): what pixels are worth; "
        "for --config spoken swapped-audio, silence, text-and-audio",
    )
    verb.add_argument("--batch-size", type=int, default=32, help="questions at a time (default 32)")
    verb.add_argument(
        "--max-new-tokens", type=int, default=0, help="longest answer (default 64; 256 on config pointing)"
    )
    verb.add_argument("--frames", type=int, help="frames of a clip; an adapter knows its own")
    verb.add_argument("--media", choices=["images", "video"], help="frames one by one, or as one video")
    verb.add_argument("--max-pixels", type=int, help="most pixels of a frame")
    verb.add_argument("--min-pixels", type=int, help="least pixels of a frame")
    verb.add_argument("--video-root", help="where `video` paths start (default: the data set's folder)")
    verb.add_argument("--base", help="the adapter's base model, where it has moved")
    verb.add_argument(
        "--engine", default="hf", help="hf (transformers, default), vllm, or openai: a server at --url"
    )
    verb.add_argument("--url", help="of --engine openai: http://127.0.0.1:8000/v1, serving --model's folder")
    verb.add_argument("--dtype", default="auto", help="auto, float32 or bfloat16")
    verb.add_argument("--device", help="cuda or cpu (default: cuda where there is one)")
    verb.add_argument("--seed", type=int, default=0, help="of the controls (default 0)")
    live = verb.add_argument_group("a running video in place of a data set")
    live.add_argument("--stream", action="store_true", help="the first argument is a video file or a camera")
    live.add_argument("--ask", action="append", default=[], metavar="TEXT", help="a question; repeatable")
    live.add_argument("--ask-aloud", type=Path, metavar="FILE", help="a spoken one, for a model that hears")
    live.add_argument("--window", type=float, default=5.0, metavar="S", help="seconds it sees (default 5)")
    live.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="from answer to answer (default 2)"
    )


LIVE = ("stream", "ask", "ask_aloud", "window", "every")


def _score_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, help="predictions: JSONL, JSON, CSV, an Inspect log")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    verb.add_argument("--taxonomy", metavar="NAME", help="the procedure whose terms answers should use")
    _truth_arguments(verb)


def _compare_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("a", type=Path, help="predictions of A")
    verb.add_argument("b", type=Path, help="predictions of B; differences are B - A")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    _truth_arguments(verb)


def _truth_arguments(verb: argparse.ArgumentParser) -> None:
    """What `score` and `compare` share: the rule, the columns, and where the right answers are."""
    verb.add_argument(
        "--rule", help="exact, word, substring or choice; default choice where choices are known"
    )
    verb.add_argument(
        "--columns",
        default="",
        metavar="FIELD=COLUMN,…",
        help="our fields in your file: kind=question_type,…",
    )
    verb.add_argument("--data", metavar="DIR", help="the data set: its questions are the denominator")
    verb.add_argument("--split", default="test", help="the data set's split that was asked (default: test)")
    verb.add_argument(
        "--train", metavar="DIR", help="training questions for the blind guess (default: --data's)"
    )
    verb.add_argument(
        "--data-columns", default="", metavar="FIELD=COLUMN,…", help="as --columns, for --data, --train"
    )
    verb.add_argument("--seed", type=int, default=0)


def predict(args: argparse.Namespace) -> None:
    """Ask a model, or several."""
    if args.stream:
        if len(args.model) > 1 or args.ensemble:
            raise InputError("--stream asks one model; leave --ensemble and the other --model away")
        from surgvqa.eval.app.live_stream import Live, stream

        shared = ("out", "frames", "base", "dtype", "device")
        stream(
            Live(
                source=args.data,
                model=args.model[0],
                questions=tuple(args.ask),
                sound=args.ask_aloud,
                window_s=args.window,
                every_s=args.every,
                max_new_tokens=args.max_new_tokens or 64,
                **{name: getattr(args, name) for name in shared},
            )
        )
        return
    if args.ask or args.ask_aloud:
        raise InputError("--ask and --ask-aloud go with --stream; a data set brings its own questions")
    from surgvqa.eval.answers import ensemble
    from surgvqa.eval.answers.predict import Run

    ours = {
        key: value for key, value in vars(args).items() if key not in ("verb", "ensemble", "model", *LIVE)
    }
    ensemble.run(Run(model=args.model[0], **ours), args.model, args.ensemble)


def demo(args: argparse.Namespace) -> None:
    """Serve the app."""
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError:
        raise InputError("the app needs Gradio: pip install 'surgvqa[demo]'") from None
    from surgvqa.eval.app.demo import serve

    serve(args)


def score(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_score

    run_score.score(args)


def compare(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_score

    run_score.compare(args)


def probes(args: argparse.Namespace) -> None:
    """Write the probes and say how many there are."""
    from surgvqa.eval.controls.probe_set import probe_set

    counts = probe_set(args.data, args.out, args.split, args.phrasings, args.taxonomy, args.seed)
    print(f"{args.out}: " + ", ".join(f"{number} {group}" for group, number in counts.items()))


def pointing(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_pointing

    run_pointing.pointing(args)


def segmentation(args: argparse.Namespace) -> None:
    """Print the table and write the figures."""
    from surgvqa.eval.commands import run_segmentation

    run_segmentation.segmentation(args)


def _baselines_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("data", metavar="DIR", help="a data set: trained on its train, scored on its test")
    verb.add_argument(
        "model", nargs="?", type=Path, metavar="FILE", help="a model's predictions, beside them"
    )
    verb.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="predictions of `predict --control NAME`; may be repeated",
    )
    verb.add_argument("--rule", help="as for score")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    verb.add_argument("--save", type=Path, metavar="FOLDER", help="write each baseline's predictions")


def baselines(args: argparse.Namespace) -> None:
    """Score what doesn't look."""
    from surgvqa.eval.commands import run_baselines

    run_baselines.run(
        args.data,
        args.model,
        args.control,
        rule=args.rule,
        seed=args.seed,
        out=args.out,
        save=args.save,
    )


def _necessity_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("file", type=Path, help="predictions of `predict --config spoken`")
    verb.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="predictions of `predict --control NAME`: swapped-audio, silence, text-and-audio; may be repeated",
    )
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write every figure as JSON")
    _truth_arguments(verb)


def necessity(args: argparse.Namespace) -> None:
    """Compare with runs on other sounds; exit code 1 where the model doesn't listen."""
    from surgvqa.eval.controls import necessity as listening

    if not listening.run(args):
        raise SystemExit(1)


def _leaks_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("data", nargs="+", metavar="DIR", help="one or two data sets: a folder or org/name")
    verb.add_argument("--config", help="default: clips, or the only one")
    verb.add_argument("--columns", default="", metavar="case_id=NAME,…", help="our names for its columns")
    verb.add_argument("--out", type=Path, metavar="FILE.json", help="write all that was found as JSON")


def leaks(args: argparse.Namespace) -> None:
    """Compare splits; exit code 1 where something leaks."""
    from surgvqa.eval.controls import leaks as finding

    if not finding.run(args.data, args.config, args.columns, args.out):
        raise SystemExit(1)


def _audit_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="questions of any layout that score reads"
    )
    verb.add_argument("--columns", default="", metavar="kind=NAME,…", help="our names for its columns")
    verb.add_argument(
        "--out", type=Path, metavar="PAGE.html", help="write a page, and its numbers as JSON beside it"
    )


def audit_benchmark(args: argparse.Namespace) -> None:
    """Audit files of questions."""
    from surgvqa.eval.commands import run_benchmark_audit

    run_benchmark_audit.run(args.files, args.columns, args.out)


def _report_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("what", metavar="FILE|DIR", help="predictions, or a data set: a folder or org/name")
    verb.add_argument("--out", type=Path, required=True, metavar="PAGE.html", help="the JSON lies beside it")
    verb.add_argument("--title", help="of the page")
    verb.add_argument(
        "--baselines", type=Path, metavar="FILE.json", help="what `baselines --out` wrote, shown beside"
    )
    verb.add_argument(
        "--necessity",
        type=Path,
        metavar="FILE.json",
        help="what `necessity --out` wrote: what the sound is worth",
    )
    verb.add_argument("--taxonomy", metavar="NAME", help="as for score")
    _truth_arguments(verb)


def report(args: argparse.Namespace) -> None:
    """Write a page and its numbers."""
    from surgvqa.eval.reports import report as pages

    pages.report(args)


def _lmms_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("data", metavar="DIR", help="a data set of ours: a folder or org/name")
    verb.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for the harness's --include_path"
    )
    verb.add_argument("--name", help="of the task (default: surgvqa_ and the folder's name)")
    verb.add_argument("--split", default="test")
    verb.add_argument("--rule", help="as for score")


def lmms(args: argparse.Namespace) -> None:
    """Write a task file and its functions."""
    from surgvqa.eval.commands import lmms as task

    task.write(args.data, args.out, args.name, args.split, args.rule)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    verbs = {
        "predict": predict,
        "score": score,
        "compare": compare,
        "probes": probes,
        "pointing": pointing,
        "segmentation": segmentation,
        "demo": demo,
        "baselines": baselines,
        "necessity": necessity,
        "audit-benchmark": audit_benchmark,
        "leaks": leaks,
        "report": report,
        "lmms": lmms,
    }
    return run(parser(), verbs, argv)


if __name__ == "__main__":
    sys.exit(main())
