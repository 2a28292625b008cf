"""A vision-language model one can read from top to bottom: a ViT, a causal decoder, and three ways to join them.

    picture --ViT--> (n, patches, width) --join--> decoder --> next word

- ``prefix`` (LLaVA): every patch, projected, stands before the text like a word;
- ``queries`` (BLIP-2): a few learned queries look at the patches, and what they found stands before the text;
- ``cross`` (Flamingo): the text stands alone; between its layers it looks at the patches, through gates. Flamingo's
  begin shut, so that a trained language model isn't disturbed; here is none, and ours begin half open.

It is a ``PreTrainedModel``: ``save_pretrained``, ``from_pretrained``, ``push_to_hub`` and ``generate`` are
transformers' own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

JOINS = ("prefix", "queries", "cross")
IGNORE_INDEX = -100  # a label that isn't taught


class ScratchConfig(PretrainedConfig):  # type: ignore[misc]
    """Sizes; the defaults have 40 million parameters."""

    model_type = "surgvqa_scratch"

    join: str = "prefix"
    image_size: int = 224
    patch: int = 16
    width: int = 512
    heads: int = 8
    vision_layers: int = 6
    text_layers: int = 6
    queries: int = 16
    vocab_size: int = 2048
    length: int = 256
    dropout: float = 0.0

    def __post_init__(self, **rest: Any) -> None:
        if self.join not in JOINS:
            raise ValueError(f"join {self.join!r}: one of {', '.join(JOINS)}")
        self.num_hidden_layers = self.text_layers  # transformers' generate() asks for it
        super().__post_init__(**rest)


def spread(width: int) -> float:
    """Return the standard deviation of random weights: 0.07 at width 128.

    The usual 0.02 is for widths of a thousand; a narrow model that starts with it takes far longer to look at anything.
    """
    return 0.8 * float(width) ** -0.5


class Attention(nn.Module):
    """Multi-head attention of ``x`` to ``context``, or to itself; to what came before only where ``causal``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.keep = False  # whether to remember `seen`
        self.attention_map: Tensor | None = None  # (n, heads, of x, of context): what was looked at

    def forward(self, x: Tensor, context: Tensor | None = None, causal: bool = False) -> Tensor:
        """(n, tokens, width)."""
        context = x if context is None else context
        n, tokens, width = x.shape
        query = self.query(x).view(n, tokens, self.heads, -1).transpose(1, 2)
        key, value = (
            self.key_value(context).view(n, context.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        if self.keep:
            scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
            if causal:
                ahead = torch.ones(tokens, tokens, dtype=torch.bool, device=x.device).triu(1)
                scores = scores.masked_fill(ahead, float("-inf"))
            self.attention_map = scores.softmax(-1).detach()
        per_head = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
        out: Tensor = self.out(per_head.transpose(1, 2).reshape(n, tokens, width))
        return out


class Block(nn.Module):
    """A transformer layer, normalised before its two halves."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.before_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor, context: Tensor | None = None, causal: bool = False) -> Tensor:
        """(n, tokens, width)."""
        x = x + self.attention(self.before_attention(x), context, causal)
        out: Tensor = x + self.mlp(self.before_mlp(x))
        return out


class ViT(nn.Module):
    """Patches of a picture that have looked at each other.

    The patches come from a stack of strided convolutions, not from one: from scratch and with few pictures that
    learns far sooner (Xiao et al. 2021, "Early convolutions help transformers see better").
    """

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__()
        steps = config.patch.bit_length() - 1
        if 2**steps != config.patch or config.image_size % config.patch:
            raise ValueError(
                f"patch {config.patch}: a power of 2 that divides image_size {config.image_size}"
            )
        widths = [3, *(max(16, config.width >> (steps - 1 - step)) for step in range(steps))]
        stem: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            stem += [nn.Conv2d(narrow, wide, 3, 2, 1), nn.GroupNorm(8, wide), nn.GELU()]
        self.stem = nn.Sequential(*stem, nn.Conv2d(widths[-1], config.width, 1))
        self.side = config.image_size // config.patch
        self.place = nn.Parameter(torch.randn(1, self.side**2, config.width) * spread(config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.dropout) for _ in range(config.vision_layers)
        )
        self.norm = nn.LayerNorm(config.width)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) in 0-1 to (n, patches, width)."""
        x = self.stem((pixels - 0.5) / 0.25).flatten(2).transpose(1, 2) + self.place
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.norm(x)
        return out


class Prefix(nn.Module):
    """LLaVA's join: two linear layers, a word per patch."""

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """(n, patches, width)."""
        out: Tensor = self.project(patches)
        return out


class Queries(nn.Module):
    """BLIP-2's join: learned queries look at the patches; as many words as queries."""

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, config.queries, config.width) * spread(config.width))
        self.look = Block(config.width, config.heads)

    def forward(self, patches: Tensor) -> Tensor:
        """(n, queries, width)."""
        out: Tensor = self.look(self.queries.expand(len(patches), -1, -1), patches)
        return out


class Gate(nn.Module):
    """Flamingo's join, one between two layers of the decoder: the text looks at the patches."""

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__()
        self.norm, self.look = nn.LayerNorm(config.width), Attention(config.width, config.heads)
        self.open = nn.Parameter(
            torch.full((1,), 0.5)
        )  # shut, no gradient would reach the ViT for many steps

    def forward(self, x: Tensor, patches: Tensor) -> Tensor:
        """(n, words, width)."""
        out: Tensor = x + self.open.tanh() * self.look(self.norm(x), patches)
        return out


class ScratchModel(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Picture and text in, the next word out."""

    config_class = ScratchConfig
    main_input_name = "input_ids"
    _supports_sdpa = True
    _tied_weights_keys: ClassVar[dict[str, str]] = {"head.weight": "words.weight"}

    def __init__(self, config: ScratchConfig) -> None:
        super().__init__(config)
        self.vision = ViT(config)
        self.words = nn.Embedding(config.vocab_size, config.width)
        self.place = nn.Parameter(torch.randn(1, config.length, config.width) * spread(config.width))
        self.before: Prefix | Queries | None = None
        self.gates = nn.ModuleList()
        if config.join == "prefix":
            self.before = Prefix(config)
        elif config.join == "queries":
            self.before = Queries(config)
        else:
            self.gates.extend(Gate(config) for _ in range(config.text_layers))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.dropout) for _ in range(config.text_layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=spread(self.config.width))
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """Return the words' vectors, which are the head's rows too."""
        return self.words

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.head

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        labels: Tensor | None = None,
        patches: Tensor | None = None,
        **rest: Any,  # of generate(): there is no cache, and texts of one batch are equally long
    ) -> CausalLMOutput:
        """Logits (n, words, vocabulary) for every word of ``input_ids`` (n, words), none for what stands before them.

        Args:
            input_ids: texts, padded on the right.
            pixel_values: (n, 3, size, size) in 0-1.
            labels: as ``input_ids``, -100 where nothing is taught; with them the loss.
            patches: what ``vision`` made of ``pixel_values``, in their place: generate() needn't look anew for every word.
            rest: what else transformers' generate() gives.
        """
        if patches is None:
            patches = self.vision(pixel_values)
        x = self.words(input_ids) + self.place[:, : input_ids.shape[1]]
        first = 0
        if self.before is not None:
            prefix = self.before(patches)
            first, x = prefix.shape[1], torch.cat([prefix, x], 1)
        for number, block in enumerate(self.blocks):
            if len(self.gates):
                x = self.gates[number](x, patches)
            x = block(x, causal=True)
        logits = self.head(self.norm(x[:, first:]))
        loss = None
        if labels is not None:
            flat_logits = logits[:, :-1].float().flatten(0, 1)
            loss = functional.cross_entropy(flat_logits, labels[:, 1:].flatten(), ignore_index=IGNORE_INDEX)
        return CausalLMOutput(loss=loss, logits=logits)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        patches: Tensor | None = None,
        **rest: Any,
    ) -> dict[str, Tensor | None]:
        """Return the whole text again for every word."""
        return {"input_ids": input_ids, "pixel_values": pixel_values, "patches": patches}

    @torch.no_grad()
    def looked_at(self, input_ids: Tensor, pixel_values: Tensor) -> Tensor:
        """(words, side, side): how much each word of one text looked at each patch, mean over heads and layers."""
        every = {name: one for name, one in self.named_modules() if isinstance(one, Attention)}
        kind = "gates." if len(self.gates) else "blocks."
        for one in every.values():
            one.keep = True
        self(input_ids, pixel_values)
        attention_by_layer = {
            name: one.attention_map.mean(1)[0] for name, one in every.items() if one.attention_map is not None
        }
        for one in every.values():
            one.keep, one.attention_map = False, None
        attention = torch.stack(
            [share for name, share in attention_by_layer.items() if name.startswith(kind)]
        ).mean(0)
        if self.before is not None:
            attention = attention[-input_ids.shape[1] :, : -input_ids.shape[1]]
        if isinstance(self.before, Queries):
            attention = attention @ attention_by_layer["before.look.attention"]
        side = self.vision.side
        return attention.reshape(-1, side, side)
