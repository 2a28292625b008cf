"""The inner parts of transformers, TRL and PyTorch that we use, in one list: none of them is promised to stay.

``tests/eval/models/test_sharing.py`` looks every one up, so that a new release that lacks one fails there, with its name. What a
forward would swallow in silence (it ends in ``**kwargs``), such as the old word for a cache, is asked of its signature.
"""

from __future__ import annotations

import inspect
from typing import Any

# Module and name, as `getattr` finds it; what we do with it.
INTERFACES = {
    "transformers.cache_utils:LinearAttentionLayer.reorder_cache": "lend a clip's state to each of its questions",
    "transformers.cache_utils:DynamicLayer.reorder_cache": "lend a clip's keys and values to each of its questions",
    "transformers.integrations.sdpa_attention:sdpa_attention_forward": "attention of packed sequences",
    "transformers.masking_utils:sdpa_mask": "no mask where the layout says what sees what",
    "transformers.trainer_pt_utils:get_length_grouped_indices": "sequences of like length together",
    "transformers.models.qwen3_5.modeling_qwen3_5:Qwen3_5GatedDeltaNet.forward": "states branched per question",
    "transformers.models.qwen3_5.modeling_qwen3_5:Qwen3_5Model.get_rope_index": "positions of a clip's tokens",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl:Qwen2_5_VLModel.get_rope_index": "the same",
    "transformers.models.qwen3_vl.processing_qwen3_vl:Qwen3VLProcessor.replace_video_token": "a video's times in its text",
    "transformers:Trainer._get_num_items_in_batch": "kinds of questions have weights",
    "trl:GRPOTrainer._generate_and_score_completions": "which questions have an advantage before step 1",
    "trl:SFTTrainer._metrics": "the doctor leaves no trace in a run's figures",
    "trl:SFTTrainer._total_train_tokens": "the same",
    "torch.optim:Muon.step": "Muon's own step where bfloat16 is native",
}


def cache_word(inner: Any) -> str:
    """Return the name that a model's forward has for its cache: ``cache``, or ``past_key_values`` before transformers 5.24."""
    parameters = inspect.signature(type(inner).forward).parameters
    return "cache" if "cache" in parameters else "past_key_values"


def cache_of(inner: Any, output: Any) -> Any:
    """Return the cache that a forward filled."""
    return getattr(output, cache_word(inner))
