#!/bin/sh
# Fine-tuning on a rented card of Hugging Face Jobs; the data set and the adapter are repositories of yours on the Hub:
#   pip wheel --no-deps --wheel-dir dist .        # in a clone of surgvqa: the job installs what you have
#   sh $(surgvqa-train configs hf_jobs.sh) ORG/DATA ORG/ADAPTER Qwen/Qwen2.5-VL-7B-Instruct [option …]
# The adapter goes to a private repository. HF_TOKEN is passed as a secret, never as text. FLAVOR (default a10g-large,
# 24 GB) and TIMEOUT (default 8h) may be set; `hf jobs hardware` lists what there is and what it costs.
# Tried on: `hf jobs run --dry-run` (tests/test_configs.py). No job was ever sent.
set -eu
[ "$#" -ge 3 ] || { echo "usage: hf_jobs.sh ORG/DATA ORG/ADAPTER MODEL [option …]" >&2; exit 2; }
data=$1 adapter=$2 model=$3
shift 3
set -- --config sft_24gb.yaml --model_name_or_path "$model" --dataset_name "$data" --output_dir /tmp/run \
    --push_to_hub true --hub_model_id "$adapter" --hub_private_repo true --report_to none "$@"
# shellcheck disable=SC2016  # "$@" is the job's
exec hf jobs run ${DRY_RUN:+--dry-run} --flavor "${FLAVOR:-a10g-large}" --timeout "${TIMEOUT:-8h}" --secrets HF_TOKEN \
    --volume "${WHEELS:-./dist}:/dist" python:3.12 \
    sh -c 'pip install "$(ls /dist/surgvqa-*.whl)[train]" && exec surgvqa-train sft "$@"' job "$@"
