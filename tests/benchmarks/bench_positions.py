"""Do a language model's rotary frequencies tell rows and columns? Attention logits of random heads over a clip's tokens.

    python tests/benchmarks/bench_positions.py

For a query in the text and one key that stands at every token of a frame in turn, both drawn at random: how much a
head's logit changes with the row, and with the column, beside how much it varies from key to key. 1 means that where a
token lies weighs as much as what it is; 0 that the head can't tell. Runs each family's own rotary code on the stock
frequencies of the real configurations and on those of our tiny models. Nothing is trained, no weight is loaded.
"""

from __future__ import annotations

import torch
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen2_5
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLTextConfig
from transformers.models.qwen3_vl import modeling_qwen3_vl as qwen3
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLTextConfig

# name, family, size of a head, theta, sections for time, height, width (half a head in all)
KINDS = (
    ("Qwen2.5-VL 3B, 7B (as configured)", "2.5", 128, 1e6, (16, 24, 24)),
    ("Qwen3-VL 4B, 8B (as configured)", "3", 128, 5e6, (24, 20, 20)),
    ("tiny, size test", "2.5", 32, 1e4, (4, 6, 6)),
    ("tiny, theta 2, rows and columns first", "2.5", 32, 2.0, (2, 7, 7)),
)
GRIDS = {
    "84 x 70 px": (5, 6),
    "224 px": (8, 8),
    "392 px": (14, 14),
}  # tokens of a frame, patches of 14 merged 2 x 2
HEADS = 512


def logits(
    family: str, size: int, theta: float, sections: tuple[int, ...], grid: tuple[int, int]
) -> torch.Tensor:
    """(heads, rows, columns): a random key's logit at every token of a frame, for a random query after it."""
    rows, columns = grid
    rope = {"rope_type": "default", "rope_theta": theta, "mrope_section": list(sections)}
    places = [
        torch.zeros(rows * columns),
        torch.arange(rows).repeat_interleave(columns),
        torch.arange(columns).repeat(rows),
    ]
    after = torch.tensor([max(grid) + 10])  # where the query stands
    positions = torch.stack([torch.cat([one.long(), after]) for one in places])[:, None]
    draw = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, HEADS, 1, size, generator=draw) for _ in range(2))
    shared = {"hidden_size": 4 * size, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": size}
    if family == "3":
        interleaved = Qwen3VLTextConfig(**shared, rope_parameters={**rope, "mrope_interleaved": True})
        turns = qwen3.Qwen3VLTextRotaryEmbedding(interleaved)(query, positions)
    else:
        config = Qwen2_5_VLTextConfig(**shared, rope_parameters=rope)
        turns = qwen2_5.Qwen2_5_VLRotaryEmbedding(config)(query, positions)
    count = rows * columns + 1
    queries, keys = (one.expand(-1, -1, count, -1) for one in (query, key))
    turned_query, turned_key = (qwen3 if family == "3" else qwen2_5).apply_rotary_pos_emb(
        queries, keys, *turns
    )
    found = (turned_query[0, :, -1:] * turned_key[0, :, :-1]).sum(-1) / size**0.5
    return found.view(HEADS, rows, columns)


def told(found: torch.Tensor) -> tuple[float, float]:
    """The standard deviations along rows and along columns as parts of that from head to head."""
    between = found.mean((1, 2)).std() + 1e-9
    return (
        float(found.mean(2).std(1).square().mean().sqrt() / between),
        float(found.mean(1).std(1).square().mean().sqrt() / between),
    )


def main() -> None:
    """Print the table."""
    print("| configuration | " + " | ".join(f"{name}: rows, columns" for name in GRIDS) + " |")
    print("|---|" + "---|" * len(GRIDS))
    for name, family, size, theta, sections in KINDS:
        cells = [
            "{:.3f}, {:.3f}".format(*told(logits(family, size, theta, sections, grid)))
            for grid in GRIDS.values()
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
