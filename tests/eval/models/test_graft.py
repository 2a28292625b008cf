"""The graft: the sound reaches the model, in every family, through saving, LoRA and batches of unequal length."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from surgvqa.cards.command import InputError
from surgvqa.eval.models.audio_graft import (
    AUDIO_PAD,
    from_base,
    insert_sound,
    listen,
    load_ears,
    save_ears,
    token_count,
)
from surgvqa.train.steps.options import LORA_TARGETS
from surgvqa.train.tiny import FAMILIES, make
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

RATE = 16000


def tiny_whisper(folder: Path) -> Path:
    """Random weights, a window of two seconds."""
    torch.manual_seed(1)
    shape = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    rest = {"decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "vocab_size": 64}
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = WhisperConfig(**shape, **rest, **tokens, num_mel_bins=16, max_source_positions=100)
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=16, chunk_length=2).save_pretrained(folder)
    return folder


def tone(hertz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32) / 2


class Made(NamedTuple):
    base: Path
    model: Any
    processor: Any
    ears: WhisperFeatureExtractor


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(request.param)
    make(request.param, folder / "base")
    torch.manual_seed(0)
    model, processor, ears = from_base(str(folder / "base"), str(tiny_whisper(folder / "whisper")), pool=5)
    return Made(folder / "base", model.eval(), processor, ears)


def batch(made: Made, sounds: list[np.ndarray], pictures: bool = True) -> dict[str, torch.Tensor]:
    """One question per sound; unequal lengths are padded on the left."""
    from PIL import Image

    tokenizer = made.processor.tokenizer
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (56, 56, 3), dtype=np.uint8))
    rows, pixels, grids = [], [], []
    for sound in sounds:
        content: list[dict[str, Any]] = [{"type": "text", "text": "Answer."}]
        if pictures:
            content.insert(0, {"type": "image", "image": picture})
        told = made.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt",
        )  # fmt: skip
        count = token_count(len(sound), made.model.config.audio_pool)
        rows.append(insert_sound(told["input_ids"][0].tolist(), count, tokenizer))
        if pictures:
            pixels.append(told["pixel_values"])
            grids.append(told["image_grid_thw"])
    width = max(map(len, rows))
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    out = {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": (ids == image).int()}
    if pictures:
        out |= {"pixel_values": torch.cat(pixels), "image_grid_thw": torch.cat(grids)}
    return out | listen(made.ears, sounds)


def test_the_base_answers_as_before_without_sound(made: Made) -> None:
    base = AutoModelForImageTextToText.from_pretrained(made.base).eval()
    silent = {
        k: v for k, v in batch(made, [tone(300, 1)]).items() if k not in ("input_features", "audio_frames")
    }
    keep = silent["input_ids"][0] != made.model.config.audio_token_id
    for key in ("input_ids", "attention_mask", "mm_token_type_ids"):
        silent[key] = silent[key][:, keep]
    with torch.no_grad():
        expected, found = base(**silent).logits, made.model(**silent).logits
    assert torch.allclose(found[..., : expected.shape[-1]], expected, atol=1e-5)


def test_another_sound_is_another_answer_also_past_the_outer_forward(made: Made) -> None:
    one, other = batch(made, [tone(300, 1)]), batch(made, [tone(900, 1)])
    with torch.no_grad():
        first, second = (made.model(**inputs).logits for inputs in (one, other))
        inner = made.model.lm_head(made.model.model(**one).last_hidden_state)
    assert (first - second).abs().max() > 1e-4
    assert torch.allclose(first, inner, atol=1e-6), "TRL calls the inner model"


def test_padding_after_a_sound_is_no_token(made: Made) -> None:
    assert token_count(RATE, 5) == 10 and token_count(2 * RATE, 5) == 20
    inputs = batch(made, [tone(300, 1)])
    assert int((inputs["input_ids"] == made.model.config.audio_token_id).sum()) == 10
    assert (
        made.model.model.get_audio_features(inputs["input_features"], inputs["audio_frames"]).shape[0] == 10
    )


def test_a_batch_of_unequal_sounds_says_what_each_says_alone(made: Made) -> None:
    sounds = [tone(300, 0.5), tone(900, 1.5), tone(500, 1.0)]
    options = {"max_new_tokens": 6, "do_sample": False}
    together = made.model.generate(**batch(made, sounds), **options)[:, -6:]
    for index, sound in enumerate(sounds):
        inputs = batch(made, [sound])
        alone = made.model.generate(**inputs, **options)[:, inputs["input_ids"].shape[1] :]
        assert torch.equal(together[index, : alone.shape[1]], alone[0])
        with torch.no_grad():
            whole = made.model(**batch(made, sounds)).logits[index, -1]
            single = made.model(**inputs).logits[0, -1]
        assert torch.allclose(whole, single, atol=2e-4)
    assert (
        made.model.generate(
            **batch(made, [sounds[0]]), num_return_sequences=2, do_sample=True, max_new_tokens=2
        ).shape[0]
        == 2
    )


def test_saved_and_loaded_by_auto_classes_it_is_the_same(made: Made, tmp_path: Path) -> None:
    made.model.save_pretrained(tmp_path)
    made.processor.save_pretrained(tmp_path)
    save_ears(made.ears, tmp_path)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    processor, ears = AutoProcessor.from_pretrained(tmp_path), load_ears(tmp_path)
    assert type(model) is type(made.model) and type(model.model) is type(made.model.model)
    assert processor.tokenizer.convert_tokens_to_ids(AUDIO_PAD) == model.config.audio_token_id
    again = Made(made.base, model, processor, ears)
    inputs = batch(again, [tone(300, 1)])
    with torch.no_grad():
        assert torch.equal(model(**inputs).logits, made.model(**inputs).logits)


def test_lora_and_the_projector_learn_while_the_ears_stay_frozen(made: Made, tmp_path: Path) -> None:
    model, _, _ = from_base(str(made.base), str(made.base.parent / "whisper"), pool=5)
    peft: Any = get_peft_model(
        model, LoraConfig(r=4, target_modules=LORA_TARGETS, modules_to_save=["audio_projector"])
    )
    peft.train()
    before = {name: value.clone() for name, value in peft.named_parameters()}
    inputs = batch(made, [tone(300, 1), tone(900, 1)])
    optimiser = torch.optim.AdamW([p for p in peft.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(3):
        peft(
            **inputs, labels=inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
        ).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    moved = {name for name, value in peft.named_parameters() if not torch.equal(value, before[name])}
    assert any("audio_projector" in name for name in moved) and any("lora_B" in name for name in moved)
    assert not any("audio_tower" in name or "visual" in name for name in moved)
    assert all(("lora_" in name) or ("modules_to_save" in name) for name in moved)
    peft.eval().save_pretrained(tmp_path)
    torch.manual_seed(5)
    again, _, _ = from_base(str(made.base), str(made.base.parent / "whisper"), pool=5)
    loaded = PeftModel.from_pretrained(again, tmp_path).eval()
    with torch.no_grad():
        assert torch.allclose(loaded(**inputs).logits, peft(**inputs).logits, atol=1e-5)


def test_pads_without_sound_or_of_another_number_are_an_error(made: Made) -> None:
    inputs = batch(made, [tone(300, 1)])
    with pytest.raises(ValueError, match="no sound"), torch.no_grad():
        made.model(**{k: v for k, v in inputs.items() if k not in ("input_features", "audio_frames")})
    inputs["audio_frames"] = torch.tensor([25])
    with pytest.raises(ValueError, match=r"10 .*5 tokens of sound"), torch.no_grad():
        made.model(**inputs)
    with pytest.raises(InputError, match="up to 2 s"):
        listen(made.ears, [tone(300, 3)])
    with pytest.raises(InputError):
        listen(made.ears, [np.zeros(0, np.float32)])


def test_what_is_no_qwen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot graft"):
        from_base(str(tmp_path), str(tmp_path))
