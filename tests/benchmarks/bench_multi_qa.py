"""A clip's questions in one sequence against one row per question: CPU time of a training step.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_multi_qa.py [ROUNDS]

Qwen2.5-VL scaled down to 5 M + 31 M weights in the 7B's proportions, with the 7B's token counts: 8 frames of
392 x 392 as a video (784 tokens), about 65 of system, 40 of question and 15 of answer. Frozen vision tower, LoRA
r 8, float32. Batches are made before the clock runs; A B A B, medians of the rounds' ratios. Bars: K=9 4.8, K=3 2.2.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.models.pixels import normalise_on_device
from surgvqa.train.clips.collate import pack, pad_rows
from surgvqa.train.clips.shared_prefix import SharedPrefix
from surgvqa.train.steps.labels import IGNORE, assistant_labels
from surgvqa.train.steps.options import LORA_TARGETS
from surgvqa.train.tiny import Size, configuration, processor
from transformers import AutoModelForImageTextToText

SIZE = Size(512, 10, 256, 3, 14, 1e6, (4, 6, 6), 0.02, (56 * 56, 392 * 392))
BARS = {3: 2.2, 9: 4.8}
SYSTEM = "You are a helpful assistant. What the image of the surgical video shows is the operation. " * 3
QUESTION = (
    "Which instruments are in view in the {} of the image, and what is the phase of the operation? " * 2
)
ANSWER = "The instruments are the spatula and the forceps in the {} of the image."
PLACES = ("left", "right", "center", "top", "bottom", "upper", "lower", "middle", "view")


def batches(encoder: Encoder, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same clip and questions as rows, and as one sequence."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 392, 392, 3), dtype=np.uint8)
    messages = [{"role": "system", "content": SYSTEM}]
    for place in PLACES[:count]:
        messages.append({"role": "user", "content": QUESTION.replace("{}", place)})
        messages.append({"role": "assistant", "content": ANSWER.format(place)})
    row = {"clip_id": "bench", "messages": messages}
    clip = encoder.encode_frames(row, range(count), True, noise, [0.3 + 0.6 * i for i in range(8)])
    labels = [assistant_labels(ids, encoder.tokenizer) for ids in clip.ids]
    rows = encoder.inputs(clip.ids, [clip] * count, left=False)
    rows["labels"] = pad_rows(labels, IGNORE, rows["input_ids"].shape[1])
    packed = pack(clip.ids, labels)
    shared = encoder.inputs([packed.ids], [clip], left=False)
    shared["labels"] = torch.tensor([packed.labels])
    shared["question_index"] = torch.tensor([packed.questions])
    return rows, shared


def step(model: Any, batch: dict[str, Any], optimizer: torch.optim.Optimizer) -> tuple[float, float]:
    """CPU seconds and loss of forward, backward and update, through the inner model as TRL's trainer goes."""
    batch = dict(batch)
    start = time.process_time()
    labels = batch.pop("labels")[:, 1:]
    hidden = model.base_model.model.model(**batch, use_cache=False).last_hidden_state[:, :-1]
    logits = model.base_model.model.lm_head(hidden[labels != IGNORE])
    loss = torch.nn.functional.cross_entropy(logits, labels[labels != IGNORE])
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return time.process_time() - start, float(loss.detach())


def main(rounds: int = 5) -> int:
    """Measure; 1 if a bar is missed."""
    torch.set_num_threads(1)
    parts = processor("qwen2_5_vl", SIZE)
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(configuration("qwen2_5_vl", SIZE, parts.tokenizer))
    normalise_on_device(model, parts)
    SharedPrefix(model)
    taught = get_peft_model(model, LoraConfig(r=8, target_modules=LORA_TARGETS))
    encoder = Encoder(parts, Budget(8, "video", 56 * 56, 392 * 392))
    optimizer = torch.optim.AdamW([p for p in taught.parameters() if p.requires_grad], lr=0.0)
    missed = 0
    for count, bar in BARS.items():
        rows, shared = batches(encoder, count)
        tokens = [int((batch["attention_mask"]).sum()) for batch in (rows, shared)]
        times: list[tuple[float, float]] = []
        for _ in range(rounds):
            (alone, loss), (together, same) = (step(taught, batch, optimizer) for batch in (rows, shared))
            assert abs(same - loss) <= 1e-5 * loss, (loss, same)
            times.append((alone, together))
            print(f"K={count}: {alone:.2f} s against {together:.2f} s", file=sys.stderr, flush=True)
        ratio = statistics.median(a / b for a, b in times)
        spread = f"{min(a / b for a, b in times):.2f}-{max(a / b for a, b in times):.2f}"
        middle = [statistics.median(column) for column in zip(*times, strict=True)]
        print(
            f"K={count}: {tokens[0]} tokens as rows {middle[0]:.2f} s, {tokens[1]} shared {middle[1]:.2f} s, "
            f"ratio {ratio:.2f} ({spread}, n={rounds}), bar {bar}",
            flush=True,
        )
        missed += ratio < bar
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
