"""Every option of TRL's classes is honoured or refused by name: none is overruled in silence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from surgvqa.cards.command import InputError
from surgvqa.train.pointing import grpo_options
from surgvqa.train.steps.config_files import option_names
from surgvqa.train.steps.options import DataOptions, TrainingOptions, parse
from surgvqa.train.steps.refused_options import REFUSALS, REFUSED_BY_GRPO, raise_if_impossible
from trl import GRPOConfig, ModelConfig, ScriptArguments, SFTConfig

# What TRL and transformers do by themselves in our runs: the trainer's loop, optimiser, logging, saving, the hub,
# several processes, the loading of a model, its adapter and quantisation, and where the rows come from.
TEXT = """
    output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate lr_scheduler_type
    lr_scheduler_kwargs warmup_steps warmup_ratio optim optim_args weight_decay adam_beta1 adam_beta2 adam_epsilon
    optim_target_modules gradient_accumulation_steps average_tokens_across_devices max_grad_norm bf16 fp16
    bf16_full_eval fp16_full_eval tf32 activation_checkpointing activation_checkpointing_kwargs gradient_checkpointing
    gradient_checkpointing_kwargs torch_compile torch_compile_backend torch_compile_mode use_liger_kernel
    liger_kernel_config use_cache neftune_noise_alpha torch_empty_cache_steps auto_find_batch_size logging_strategy
    logging_steps logging_first_step log_on_each_node logging_nan_inf_filter include_num_input_tokens_seen log_level
    log_level_replica disable_tqdm report_to run_name project trackio_space_id trackio_bucket_id
    trackio_static_space_id eval_strategy eval_steps eval_delay per_device_eval_batch_size prediction_loss_only
    eval_on_start eval_do_concat_batches eval_use_gather_object eval_accumulation_steps batch_eval_metrics
    save_only_model save_strategy save_steps save_on_each_node save_total_limit enable_jit_checkpoint push_to_hub
    hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision load_best_model_at_end
    metric_for_best_model greater_is_better ignore_data_skip restore_callback_states_from_checkpoint full_determinism
    seed data_seed use_cpu accelerator_config parallelism_config dataloader_drop_last dataloader_num_workers
    dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order train_sampling_strategy ddp_find_unused_parameters
    ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout fsdp fsdp_config deepspeed debug
    skip_memory_metrics resume_from_checkpoint local_rank max_length activation_offloading
    model_name_or_path model_revision dtype attn_implementation use_peft lora_r lora_alpha lora_dropout
    lora_target_modules lora_target_parameters lora_modules_to_save use_rslora use_dora load_in_8bit load_in_4bit
    bnb_4bit_quant_type use_bnb_nested_quant bnb_4bit_quant_storage
    dataset_name dataset_config dataset_train_split dataset_test_split
"""
HONOURED = set(TEXT.split())
# What TRL's GRPOTrainer does by itself beside that: sampling, batches of answers, the loss and its parts, vLLM.
GRPO_TEXT = """
    num_generations num_generations_eval num_iterations steps_per_generation generation_batch_size max_completion_length
    temperature top_p top_k min_p repetition_penalty generation_kwargs chat_template_kwargs cache_implementation
    use_transformers_paged use_transformers_continuous_batching transformers_continuous_batching_config
    use_vllm vllm_mode vllm_model_impl vllm_enable_sleep_mode vllm_structured_outputs_regex vllm_server_base_url
    vllm_server_host vllm_server_port vllm_server_timeout vllm_group_port vllm_gpu_memory_utilization
    vllm_max_model_length vllm_tensor_parallel_size vllm_importance_sampling_correction
    vllm_importance_sampling_mode vllm_importance_sampling_cap vllm_importance_sampling_clip_min
    vllm_importance_sampling_clip_max beta delta epsilon epsilon_high importance_sampling_level reward_weights
    multi_objective_aggregation scale_rewards loss_type mask_truncated_completions sync_ref_model
    ref_model_mixup_alpha ref_model_sync_steps top_entropy_quantile off_policy_mask_threshold use_bias_correction_kl
    entropy_coef entropy_coef_delta entropy_coef_max entropy_coef_min entropy_target use_adaptive_entropy
    sapo_temperature_neg sapo_temperature_pos vespo_k_neg vespo_k_pos vespo_lambda_neg vespo_lambda_pos
    disable_dropout cast_lm_head_to_fp32 ds3_gather_for_generation shuffle_dataset pad_to_multiple_of
    log_completions log_completions_hub_repo log_multimodal log_unique_prompts num_completions_to_print
    router_aux_loss_coef
"""
GRPO_HONOURED = HONOURED | set(GRPO_TEXT.split())
ASKED = {  # a value of each refused option that asks for something
    "assistant_only_loss": "false",
    "completion_only_loss": "false",
    "dataset_kwargs": '{"add_special_tokens": false}',
    "dataset_text_field": "text",
    "dataset_num_proc": "2",
    "pad_to_multiple_of": "8",
    "truncation_mode": "keep_start",
    "packing_strategy": "bfd",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|im_end|>",
    "chat_template_path": "nowhere.jinja",
    "model_init_kwargs": '{"dtype": "bfloat16"}',
    "router_aux_loss_coef": "0.1",
    "loss_type": "dft",
    "label_smoothing_factor": "0.1",
    "length_column_name": "tokens",
    "label_names": "labels",
    "include_for_metrics": "inputs",
    "lora_task_type": "SEQ_CLS",
}


def line(tmp_path: Path, *options: str) -> list[str]:
    return [
        *("--model_name_or_path", "M", "--dataset_name", "D", "--output_dir", str(tmp_path)),
        *("--use_cpu", "true", *options),
    ]


def test_every_field_is_in_one_list() -> None:
    known = {one.name for cls in (SFTConfig, ModelConfig, ScriptArguments) for one in fields(cls)}
    assert not HONOURED & set(REFUSALS)
    assert not known - HONOURED - set(REFUSALS), "new options: does a run honour them?"
    ours = {one.name for cls in (TrainingOptions, DataOptions) for one in fields(cls)} - known
    assert not ours & (HONOURED | set(REFUSALS))


def test_every_field_of_a_grpo_run_is_in_one_list() -> None:
    known = {one.name for cls in (GRPOConfig, ModelConfig, ScriptArguments) for one in fields(cls)}
    honoured = GRPO_HONOURED - set(REFUSED_BY_GRPO)
    assert not known - honoured - set(REFUSED_BY_GRPO), "new options: does a run honour them?"
    assert set(REFUSED_BY_GRPO) <= known
    assert set(GRPO_TEXT.split()) <= known, "these are gone"


@pytest.mark.parametrize("name", sorted(REFUSED_BY_GRPO))
def test_what_a_grpo_run_cannot_honour_is_refused(name: str, tmp_path: Path) -> None:
    asked = ASKED | {"train_sampling_strategy": "group_by_length", "max_tool_calling_iterations": "2"}
    with pytest.raises(InputError, match=f"--{name} .*leave it away"):
        grpo_options.parse(line(tmp_path, f"--{name}", asked.get(name, "true")))


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_what_cannot_be_honoured_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"--{name} .*leave it away"):
        parse(line(tmp_path, f"--{name}", ASKED.get(name, "true")))


def test_what_is_done_anyway_may_be_said(tmp_path: Path) -> None:
    options = ("--assistant_only_loss", "true", "--remove_unused_columns", "false", "--packing", "false")
    _, training, _ = parse(line(tmp_path, *options, "--loss_type", "nll"))
    assert training.remove_unused_columns is False


def test_a_configuration_file_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("label_smoothing_factor: 0.1\n")
    assert "label_smoothing_factor" in option_names(["--config", str(file)])
    with pytest.raises(InputError, match=r"--label_smoothing_factor 0\.1: .*leave it away"):
        parse(line(tmp_path, "--config", str(file)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--activation_offloading", "true"), "--activation_offloading moves"),
        (("--attn_implementation", "eager"), "--attn_implementation eager: shared sequences"),
        (("--optim", "galore_adamw", "--optim_target_modules", "q_proj"), "--optim galore_adamw needs"),
    ],
)
def test_what_this_machine_cannot_do_is_refused(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        parse(line(tmp_path, *options))


def test_another_kernel_is_honoured_with_one_row_per_question(tmp_path: Path) -> None:
    _, training, model = parse(
        line(tmp_path, "--attn_implementation", "eager", "--questions-per-sequence", "1")
    )
    raise_if_impossible(training, model)
    assert model.attn_implementation == "eager"
