"""Options of TRL that can't do anything in these runs: given, they are refused by name and with the reason.

An option that is overruled or ignored in silence is a run that isn't what its command line says. Every field of TRL's
SFTConfig, GRPOConfig, ModelConfig and ScriptArguments is either here or honoured; ``tests/train/steps/test_options.py`` walks over them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from typing import Any

from surgvqa.cards.command import InputError

ValueCheck = Callable[[Any], bool]
COLLATOR = "rows are encoded by our own collator"
ANSWERS = "the answers are taught, and nothing else"


def never(value: Any) -> bool:
    """No value does anything."""
    return False


def off(value: Any) -> bool:
    """Only the value that asks for nothing."""
    return value in (None, False, "", 0, 0.0)


def on(value: Any) -> bool:
    """Only what is done anyway."""
    return value is True


# Option: which values may stand although they change nothing, and why the others can't.
REFUSALS: dict[str, tuple[ValueCheck, str]] = {
    "assistant_only_loss": (on, ANSWERS),
    "completion_only_loss": (lambda value: value in (None, True), ANSWERS),
    "remove_unused_columns": (off, f"{COLLATOR}, which needs all columns"),
    "dataset_kwargs": (off, COLLATOR),
    "dataset_text_field": (never, COLLATOR),
    "dataset_num_proc": (off, COLLATOR),
    "pad_to_multiple_of": (lambda value: value in (None, "auto"), f"{COLLATOR}, which pads to the longest"),
    "truncation_mode": (never, "nothing is ever cut: a cut would fall on pixels"),
    "packing": (off, "packing and padding_free don't apply to clips; --questions-per-sequence does"),
    "padding_free": (off, "packing and padding_free don't apply to clips; --questions-per-sequence does"),
    "packing_strategy": (never, "clips aren't packed; --questions-per-sequence shares them"),
    "eval_packing": (off, "clips aren't packed; --questions-per-sequence shares them"),
    "shuffle_dataset": (off, "each epoch's order follows from --seed; see --train_sampling_strategy"),
    "eos_token": (off, "answers end as the model's chat template ends them"),
    "pad_token": (off, "padding is the model's own token"),
    "chat_template_path": (off, "the template is the model's own; change it in its folder"),
    "model_init_kwargs": (off, "give --dtype, --attn_implementation, --model_revision instead"),
    "trust_remote_code": (off, "only the families that transformers has itself are trained"),
    "router_aux_loss_coef": (off, "the loss of the answers' tokens is all that is minimised"),
    "loss_type": (
        lambda value: value == "nll",
        "the loss is the negative log-likelihood of the answers' tokens",
    ),
    "label_smoothing_factor": (off, "shared sequences and the trainer's loss know no smoothing"),
    "length_column_name": (lambda value: value == "length", "lengths are measured before step 1"),
    "label_names": (off, COLLATOR),
    "include_for_metrics": (lambda value: not value, "metrics come from answers, --eval_questions"),
    "do_train": (off, "`sft` trains; `surgvqa-eval predict` answers"),
    "do_eval": (off, "give --eval_strategy"),
    "do_predict": (off, "`sft` trains; `surgvqa-eval predict` answers"),
    "dataset_streaming": (off, "sequences are measured before step 1, which needs the whole data set"),
    "ignore_bias_buffers": (off, "no model of these families has bias buffers"),
    "lora_task_type": (lambda value: value == "CAUSAL_LM", "answers are written, not classified"),
}
PROMPTS = "answers are sampled and rewarded, and rewards read the rows' columns"
# The same of a GRPO run: TRL's GRPOTrainer samples, batches and computes the loss itself.
REFUSED_BY_GRPO: dict[str, tuple[ValueCheck, str]] = {
    **{
        name: REFUSALS[name]
        for name in (
            "trust_remote_code",
            "model_init_kwargs",
            "ignore_bias_buffers",
            "lora_task_type",
            "do_eval",
        )
    },
    "remove_unused_columns": (off, PROMPTS),
    "label_names": (off, PROMPTS),
    "label_smoothing_factor": (off, "the loss of a reinforced answer knows no smoothing"),
    "include_for_metrics": (lambda value: not value, "metrics are the rewards"),
    "length_column_name": (lambda value: value == "length", "answers have no length before they are sampled"),
    "train_sampling_strategy": (
        lambda value: getattr(value, "value", value) == "random",
        "GRPOTrainer draws each question --num_generations times in an order of its own; see --shuffle_dataset",
    ),
    "max_tool_calling_iterations": (off, "no tools are given to the model"),
    "do_train": (off, "`grpo` trains; `surgvqa-eval predict` answers"),
    "do_predict": (off, "`grpo` trains; `surgvqa-eval predict` answers"),
    "dataset_streaming": (off, "guessers are paid on all rows before step 1, which needs the whole data set"),
}
# The package that an optimiser of transformers (--optim) comes from.
OPTIMIZERS = {
    "galore": "galore_torch",
    "apollo": "apollo_torch",
    "lomo": "lomo_optim",
    "adalomo": "lomo_optim",
    "grokadamw": "grokadamw",
    "schedule_free": "schedulefree",
    "stable_adamw": "torch_optimi",
    "ademamix": "bitsandbytes",
    "bnb": "bitsandbytes",
    "8bit": "bitsandbytes",
    "ao_": "torchao",
    "4bit": "torchao",
    "anyprecision": "torchdistx",
}


def raise_if_refused(
    option_names: Collection[str],
    training: Any,
    model: Any,
    data: Any,
    refusals: Mapping[str, tuple[ValueCheck, str]] = REFUSALS,
) -> None:
    """Refuse what was given and can't be honoured.

    Args:
        option_names: names of the options on the command line or in the configuration file.
        training: options of the run, with their values.
        model: of the model.
        data: of the data.
        refusals: by this kind of run.

    Raises:
        InputError: names the option, its value and the reason.
    """
    for name in sorted(set(option_names) & set(refusals)):
        is_allowed, reason = refusals[name]
        groups = (training, model, data)
        original_values = getattr(training, "original_values", {})
        value = original_values.get(
            name, next((getattr(one, name) for one in groups if hasattr(one, name)), None)
        )
        if not is_allowed(value):
            raise InputError(f"--{name} {value}: {reason}; leave it away")


def raise_if_several(datasets: object) -> None:
    """Refuse ``--datasets`` of a GRPO run.

    Raises:
        InputError: there are some; says what to do.
    """
    if datasets:
        raise InputError(
            "--datasets: GRPO reads one data set; give it by --dataset_name, or make one of several with `surgvqa-build mix`"
        )


def raise_if_impossible(training: Any, model: Any) -> None:
    """Refuse what this machine, or this kind of run, can't do.

    Raises:
        InputError: names the option, and what to do.
    """
    import torch

    raise_if_no_optimizer(training)
    if training.activation_offloading and (training.use_cpu or not torch.cuda.is_available()):
        raise InputError(
            "--activation_offloading moves what a card remembers to the CPU; this run is on one already"
        )
    raise_if_other_attention(model.attn_implementation, training.questions_per_sequence)


def raise_if_other_attention(attention: str | None, questions_per_sequence: int) -> None:
    """Refuse an attention that shared sequences can't use.

    Raises:
        InputError: names it, and what to do.
    """
    if questions_per_sequence != 1 and attention not in (None, "sdpa"):
        raise InputError(
            f"--attn_implementation {attention}: shared sequences attend in two parts by PyTorch's sdpa; "
            "give --questions-per-sequence 1, or leave it away"
        )


def raise_if_no_optimizer(training: Any) -> None:
    """Refuse an optimiser whose package isn't installed.

    Raises:
        InputError: names the package.
    """
    optimizer = str(getattr(training.optim, "value", training.optim))
    package = next((package for part, package in OPTIMIZERS.items() if part in optimizer), None)
    if package is not None and find_spec(package) is None:
        raise InputError(
            f"--optim {optimizer} needs the package {package}, which isn't installed; give another --optim"
        )
