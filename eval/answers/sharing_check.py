"""Check that a model answers a question behind a shared clip as it answers the question alone.

The forwards of transformers end in ``**kwargs``: a release that gives the cache another name would take ours without a
word, and every question would be answered without its clip. So the first clip of a run is looked at both ways.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from peft import PeftModel
from surgvqa.cards.command import InputError
from surgvqa.eval.answers.hf_engine import Questions, answer_batch, common_length, look_at
from surgvqa.eval.models.encode import EncodedClip, Encoder
from transformers import PreTrainedModel

# Of the state's length. Measured on the tiny families (tests/eval/answers/test_sharing_check.py): at most 1.4e-6 in float32 and 0.004
# in bfloat16; without the clip 1.3 and more, 0.18 and more where three of four layers keep a state (Qwen3.5).
MOST = 0.1


def refuse_other_answers(model: PreTrainedModel, encoder: Encoder, clip: EncodedClip) -> None:
    """Refuse a model whose state after a question differs with the clip shared.

    Raises:
        InputError: the states lie farther apart than ``MOST``.
    """
    if (apart := distance(model, encoder, clip)) > MOST:
        raise InputError(
            f"transformers {transformers.__version__} answers a question behind a shared clip otherwise than alone (states "
            f"{apart:.2f} apart, at most {MOST:g}): its cache isn't the one that surgvqa knows. Install the version of "
            "constraints.txt, or ask with --engine vllm or openai"
        )


@torch.inference_mode()
def distance(model: PreTrainedModel, encoder: Encoder, clip: EncodedClip) -> float:
    """Return how far the states after a clip's first question lie apart, shared and alone, over their length."""
    outer: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    ids = clip.ids[0]
    common = common_length(clip.ids, encoder.sound_id)
    _, alone = look_at(outer.model, encoder, [ids], [clip])
    memory, _ = look_at(outer.model, encoder, [ids[:common]], [clip])
    states: list[torch.Tensor] = []
    questions = Questions(memory=memory, owners=[0], rests=[ids[common:]], sound_inputs={})
    answer_batch(outer, encoder, questions, 1, states=states)
    return float((states[0] - alone).float().norm() / alone.float().norm())
