"""Checks before step 1: what would train silently on nothing, found while it costs a second.

    surgvqa-train doctor --config sft_lora.yaml --model_name_or_path M --dataset_name D --output_dir O

Every training run begins with them. What a batch holds is looked at here; what the model makes of it, in
``surgvqa.train.clips.model_checks``.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TextIO

from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import end_tokens
from surgvqa.eval.chat.thoughts import split
from surgvqa.eval.data.row_media import name
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.encode import turns
from surgvqa.eval.models.pixels import evenly
from surgvqa.eval.models.precision import describe_bfloat16, native_bfloat16
from surgvqa.eval.models.processor_encoder import ProcessorEncoder
from surgvqa.train.clips import model_checks
from surgvqa.train.clips.lora_targets import coverage, without_adapter
from surgvqa.train.clips.prepare import PreparedRun
from surgvqa.train.clips.sequences import is_sharded
from surgvqa.train.clips.video_times import frame_times, wrongly_told
from surgvqa.train.steps.labels import IGNORE
from torch import Tensor

MARKS = {True: "✓", False: "✗", None: "·"}
ON_ONE_CARD = (
    "run `surgvqa-train doctor` with the same options on one card, or with a smaller model of the family"
)
SAMPLE_SIZE = 8  # sequences whose labels and times are read, evenly over the data set


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    name: str
    good: bool | None  # None: doesn't apply, or a warning
    finding: str
    advice: str = ""


def examine(run: PreparedRun, out: TextIO | None = None) -> list[Check]:
    """Run every check and print the table, to stderr by default.

    Raises:
        InputError: one of them failed.
    """
    checks: list[Check] = []
    for group in GROUPS:  # what a later group finds means nothing where an earlier one fails
        has_failed = any(line.good is False for line in checks)
        if is_sharded(run.options) and group is GROUPS[-1]:
            checks.append(Check("model", None, "sharded over cards: not looked at", ON_ONE_CARD))
            continue
        for check in group:
            if has_failed:
                checks.append(Check(title(check), None, "not looked at"))
                continue
            try:
                checks.append(check(run))
            except (InputError, ValueError) as error:
                checks.append(Check(title(check), False, str(error).splitlines()[0]))
    if run.trainer.is_world_process_zero():
        for line in checks:
            print(f"{MARKS[line.good]} {line.name:17} {line.finding}", file=out or sys.stderr)
            if line.advice:
                print(f"{'':19} → {line.advice}", file=out or sys.stderr)
    if wrong := [line for line in checks if line.good is False]:
        raise InputError(
            "before step 1: "
            + "; ".join(f"{line.name}: {line.finding} ({line.advice or 'see above'})" for line in wrong)
        )
    return checks


def title(check: Callable[[PreparedRun], Check]) -> str:
    """Return a check's name in the table."""
    return check.__name__.replace("_", " ")


def sample_batches(run: PreparedRun) -> Iterator[tuple[Row, dict[str, Tensor]]]:
    """Yield some units, each with its batch."""
    for index in sorted(set(evenly(len(run.units), min(SAMPLE_SIZE, len(run.units))))):
        unit = run.units[index]
        yield unit, run.trainer.data_collator([unit])


def answers_taught(labels: list[list[int]]) -> list[list[int]]:
    """Return the runs of taught tokens, in their order.

    >>> answers_taught([[-100, 5, 6, -100, 7], [8, -100]])
    [[5, 6], [7], [8]]
    """
    runs: list[list[int]] = []
    for row in labels:
        before = IGNORE
        for label in row:
            if label != IGNORE:
                if before == IGNORE:
                    runs.append([])
                runs[-1].append(label)
            before = label
    return runs


def labels(run: PreparedRun) -> Check:
    """Check that what is taught decodes to the answers, exactly, each with the end of its turn."""
    decode, count = run.encoder.tokenizer.decode, 0
    for unit, batch in sample_batches(run):
        row = run.rows[unit["row"]]
        replies = [split(turns(row)[1][number][1]) for number in unit["questions"]]
        answers = [run.encoder.marks.write(reply, run.options.thoughts == "teach") for reply in replies]
        taught_texts = [decode(ids) for ids in answers_taught(batch["labels"].tolist())]
        answers = [unicodedata.normalize("NFC", text) for text in answers]
        if taught_texts != answers:
            first = next(
                (i for i, pair in enumerate(zip(taught_texts, answers, strict=False)) if len(set(pair)) > 1),
                0,
            )
            taught_text, right = (
                texts[first] if first < len(texts) else None for texts in (taught_texts, answers)
            )
            finding = f"{name(row)} teaches {taught_text!r} where the answer is {right!r}"
            return Check("labels", False, finding, "is the chat template the model's own?")
        count += len(answers)
    return Check("labels", True, f"{count} answers read back exactly, nothing else is taught")


def stop_token(run: PreparedRun) -> Check:
    """Every answer ends with a token that generation stops at, and padding is another one."""
    tokenizer = run.encoder.tokenizer
    ends = set(end_tokens(run.trainer.accelerator.unwrap_model(run.trainer.model), run.encoder))
    last = {ids[-1] for _, batch in sample_batches(run) for ids in answers_taught(batch["labels"].tolist())}
    end = run.encoder.marks.closing
    closing = tokenizer.convert_tokens_to_ids(end)
    words = tokenizer.convert_ids_to_tokens(sorted(last))
    if last != {closing} or not last <= ends:
        advice = f"answers must end with {end}; a model that never learns to stop talks until it is cut"
        return Check("stop token", False, f"answers end with {', '.join(words) or 'nothing'}", advice)
    if tokenizer.pad_token_id == closing:
        advice = "give the tokenizer a pad token of its own, <|endoftext|>"
        return Check("stop token", False, f"padding is {end} too", advice)
    return Check("stop token", True, f"every answer ends with {words[0]}, where generation stops")


def token_budget(run: PreparedRun) -> Check:
    """No sequence is longer than it may be, and every piece of image has its place in the text."""
    longest = max(run.units["longest"])
    advice = "lower --max_pixels or --frames, or raise --max_length; nothing may be cut"
    if longest > run.limit:
        return Check("token budget", False, f"longest sequence {longest} of {run.limit} tokens", advice)
    if isinstance(run.encoder, ProcessorEncoder):  # the model itself refuses places without a piece
        places = max(
            int((batch["input_ids"] == run.encoder.pad_id).sum()) for _, batch in sample_batches(run)
        )
        if run.budget.frames and not places:
            return Check(
                "token budget", False, "no place for an image in the text", "is it the right processor?"
            )
        return Check(
            "token budget", True, f"longest {longest} of {run.limit} tokens, {places} of image, none cut"
        )
    patches_per_token = run.encoder.part.merge_size**2
    for unit, batch in sample_batches(run):
        places = int((batch["input_ids"] == run.encoder.pad_id).sum())
        grids = [batch[key] for key in ("image_grid_thw", "video_grid_thw") if key in batch]
        pieces = sum(int(grid.prod(-1).sum()) for grid in grids) // patches_per_token
        if places != pieces or (run.budget.frames and not pieces):
            where = name(run.rows[unit["row"]])
            finding = f"{where} has {places} places for {pieces} pieces of image"
            return Check("token budget", False, finding, "something cut the text or dropped the pixels")
    finding = f"longest {longest} of {run.limit} tokens, {pieces} of image, none cut"
    grid_sizes = {(int(columns), int(rows)) for grid in grids for _, rows, columns in grid}
    sizes = ", ".join(
        "{}x{}".format(*(run.encoder.part.patch_size * side for side in one)) for one in sorted(grid_sizes)
    )
    return Check("token budget", True, f"{finding}, frames seen at {sizes} pixels" if sizes else finding)


def time_axis(run: PreparedRun) -> Check:
    """Check that the model is told the frames' own times: their order, and for a video their distance."""
    if not run.budget.frames:
        return Check("time axis", None, "text only")
    steps = []
    for unit, batch in sample_batches(run):
        row = run.rows[unit["row"]]
        times = frame_times(row, run.budget.frames)
        if any(b <= a for a, b in pairwise(times)):
            return Check("time axis", False, f"{name(row)}: frames not in order of time", "build it again")
        if run.budget.media == "video":
            steps.append(run.encoder.part.temporal_patch_size * (times[-1] - times[0]) / (len(times) - 1))
            if wrong := wrongly_told(run, batch, times, steps[-1]):
                advice = "clip-relative metadata is lost on the way"
                return Check("time axis", False, f"{name(row)}: {wrong}", advice)
        if isinstance(run.encoder, ProcessorEncoder):
            continue  # its positions count tokens, and time is the frames' order
        if wrong := model_checks.positions_collapse(run, batch):
            advice = "frames lie too close for the model's clock: fewer --frames, or --media images"
            return Check("time axis", False, f"{name(row)}: {wrong}", advice)
    if run.budget.media == "images":
        return Check("time axis", True, f"{run.budget.frames} frames in their order")
    finding = f"{run.budget.frames} frames as a video, {min(steps):.2f}-{max(steps):.2f} s between steps"
    if run.trainer.model.config.model_type in ("qwen2_vl", "qwen2_5_vl"):
        advice = "vLLM counts positions after a video otherwise than transformers: serve with --media images"
        return Check("time axis", True, finding, advice)
    return Check("time axis", True, finding)


def dtypes(run: PreparedRun) -> Check:
    """Nothing but the language model is quantised, and what learns can hold small steps."""
    summary = model_checks.dtype_summary(run.trainer.model)
    text = ", ".join(f"{part} {' + '.join(sorted(kinds))}" for part, kinds in summary.items())
    for part in ("vision", "projector"):
        if bad := sorted(summary.get(part, set()) - {"float32", "bfloat16"}):
            advice = 'llm_int8_skip_modules must say "model.visual", or the tower sees nothing'
            return Check("dtypes", False, f"{part} in {', '.join(bad)}", advice)
    if "float16" in summary["trained"]:
        return Check("dtypes", False, f"{text}", "float16 loses small steps: --dtype bfloat16 or float32")
    if run.model_options.load_in_4bit and "4 bit" not in summary["language"]:
        return Check("dtypes", False, text, "--load_in_4bit did nothing; is bitsandbytes installed?")
    return Check("dtypes", True, text)


def precision(run: PreparedRun) -> Check:
    """Nothing computes in a bfloat16 that the device has to emulate."""
    device = run.options.device
    kinds = {"bfloat16"} if run.options.bf16 else set()
    kinds = kinds.union(*model_checks.dtype_summary(run.trainer.model).values())
    if "bfloat16" in kinds and not native_bfloat16(device):
        finding = f"{describe_bfloat16(device)}, and this run asks for it"
        return Check("precision", None, finding, "--dtype float32 --bf16 false")
    return Check("precision", True, describe_bfloat16(device))


def learns(run: PreparedRun) -> Check:
    """Check that what learns is what was asked for, and nothing else."""
    counts, wrong = model_checks.what_learns(run)
    text = ", ".join(f"{part} {count:,}" for part, count in counts.items()) or "nothing"
    if wrong:
        advice = "see --projector_learning_rate, --vision_learning_rate"
        return Check("what learns", False, f"{wrong}; found {text}", advice)
    if not run.model_options.use_peft:
        return Check("learns", True, f"{text} weights")
    have, count = coverage(run.trainer.model)
    rest = ", ".join(without_adapter(run.trainer.model))
    text = (
        f"{text} weights; an adapter on {have} of {count} linear layers of the language model, none on {rest}"
    )
    good = have == count or run.own_targets
    advice = (
        "experts are weights, not layers: --lora_target_parameters adds them" if "experts" in rest else ""
    )
    return Check("learns", good, text, advice if good else "give --lora_target_modules all-linear")


def pixels(run: PreparedRun) -> Check:
    """Other pixels give another loss."""
    if not run.budget.frames:
        return Check("pixels", None, "text only (--frames 0)")
    first, noise, change = model_checks.swap_pixels(run.trainer, run.units)
    if not change > 10 * noise:
        finding = f"swapping the pixels of two clips leaves the loss at {first:.6f}"
        return Check(
            "pixels", False, finding, "they don't reach the model: grey frames, or dropped on the way"
        )
    return Check("pixels", True, f"swapped, they change the loss by {change / first:.1e}")


def sound(run: PreparedRun) -> Check:
    """Another recording gives another loss."""
    if run.encoder.ears is None:
        return Check("sound", None, "questions are text")
    first, noise, change = model_checks.swap_sounds(run.trainer, run.units)
    if not change > 10 * noise:
        finding = f"swapping the recordings of two questions leaves the loss at {first:.6f}"
        return Check("sound", False, finding, "the model doesn't hear them: silence, or lost on the way")
    return Check("sound", True, f"swapped, recordings change the loss by {change / first:.1e}")


def shared_sequences(run: PreparedRun) -> Check:
    """Return a clip's questions behind one copy of it cost what they cost alone."""
    if run.options.questions_per_sequence == 1:
        return Check("shared sequences", None, "one row per question")
    together, alone, tolerance = model_checks.shared_against_alone(run)
    off = abs(together - alone) / abs(alone)
    if not off <= tolerance:
        finding = f"loss {together:.6f} in one sequence, {alone:.6f} alone"
        return Check("shared sequences", False, finding, "--questions-per-sequence 1, and please report it")
    return Check("shared sequences", True, f"same loss as one row per question (off by {off:.0e})")


def gradients(run: PreparedRun) -> Check:
    """Every module that learns gets a gradient, and nothing frozen does."""
    live, dead, frozen_names = model_checks.gradients(run)
    if dead:
        advice = "with --gradient_checkpointing: --gradient_checkpointing_kwargs '{\"use_reentrant\": false}'"
        return Check(
            "gradients", False, f"none for {dead[0]} and {len(dead) - 1} more of {live + len(dead)}", advice
        )
    if frozen_names:
        return Check("gradients", False, f"{frozen_names[0]} is frozen and gets one", "something hooks it")
    return Check("gradients", True, f"all of {live} modules that learn, and no frozen one")


def adapter(run: PreparedRun) -> Check:
    """Return the adapter's weights change what the model says."""
    if not run.model_options.use_peft:
        return Check("adapter", None, "none: the weights themselves are trained")
    change = model_checks.adapter_change(run)
    if not change > 0:
        return Check(
            "adapter", False, "on or off, the loss is the same", "is --lora_alpha 0? are the targets right?"
        )
    return Check("adapter", True, f"disturbed, it changes the loss by {change:.1e}; off, it doesn't")


GROUPS = (
    (labels, stop_token, token_budget),
    (time_axis, dtypes, precision, learns),
    (pixels, sound, shared_sequences, gradients, adapter),
)
