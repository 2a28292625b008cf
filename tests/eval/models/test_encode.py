"""The encoder gives what the stock processor gives, for less, and refuses what a model must not see."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from colour_clips import dataset, row
from datasets import Dataset
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.models.budget import Budget
from surgvqa.eval.models.encode import Encoder, turns
from surgvqa.eval.models.pixels import normalise_on_device, to_float
from surgvqa.eval.models.row_frames import metadata
from surgvqa.train import tiny
from transformers import AutoProcessor, ProcessorMixin


@pytest.fixture(scope="module", params=tiny.FAMILIES)
def processor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ProcessorMixin:
    out = tmp_path_factory.mktemp("tiny") / request.param
    tiny.make(request.param, out)
    return AutoProcessor.from_pretrained(out)


def stock(processor: ProcessorMixin, clip: dict[str, Any], question: int, budget: Budget) -> dict[str, Any]:
    """What the processor makes of the same clip and question, through its own chat template and decoding."""
    _, pairs = turns(clip)
    pictures = [Image.open(io.BytesIO(image["bytes"])).convert("RGB") for image in clip["images"]]
    times = [time - clip["start_s"] for time in clip["frame_times_s"]]
    kwargs: dict[str, Any] = {"add_special_tokens": False}
    if budget.media == "images":
        media = [{"type": "image", "image": picture} for picture in pictures]
    else:
        media = [{"type": "video", "video": pictures}]
        kwargs |= {"do_sample_frames": False, "video_metadata": [[metadata(times)]]}
    conversation = [
        {"role": "user", "content": [*media, {"type": "text", "text": pairs[question][0]}]},
        {"role": "assistant", "content": pairs[question][1]},
    ]
    return processor.apply_chat_template(
        [conversation], tokenize=True, return_dict=True, return_tensors="pt", processor_kwargs=kwargs
    )


@pytest.mark.parametrize("media", ["images", "video"])
@pytest.mark.parametrize("size", [56, 100, 600])  # kept, rounded to the factor, cut to the budget
def test_equals_the_stock_processor(processor: ProcessorMixin, media: Any, size: int) -> None:
    clip = row(1, size=size)
    budget = Budget(frames=4, media=media, max_pixels=200 * 200)
    encoder = Encoder(processor, budget)
    encoded = encoder.encode(clip, [1], answered=True)
    ours = encoder.inputs(encoded.ids, [encoded], left=False)
    theirs = stock(processor, clip, 1, budget)
    assert ours["input_ids"].tolist() == theirs["input_ids"].tolist()
    assert ours["mm_token_type_ids"].tolist() == theirs["mm_token_type_ids"].tolist()
    pixels, grid = (
        ("pixel_values", "image_grid_thw") if media == "images" else ("pixel_values_videos", "video_grid_thw")
    )
    assert ours[grid].tolist() == theirs[grid].tolist()
    assert ours[pixels].dtype == torch.uint8
    floats = to_float(ours[pixels], encoder.part)
    assert (floats - theirs[pixels]).abs().max() <= 1e-6
    assert ours[pixels].nbytes * (8 if media == "images" else 4) == theirs[pixels].nbytes


def test_the_time_axis_is_the_clips_own(processor: ProcessorMixin) -> None:
    clip = row(9)  # begins at second 18; frames lie at .25, .75, 1.25 and 1.75 of the clip
    encoder = Encoder(processor, Budget(frames=4, media="video"))
    encoded = encoder.encode(clip, [0], answered=False)
    assert encoded.second_per_grid == pytest.approx(1.0)
    if "Qwen3" in type(processor).__name__:
        text = processor.tokenizer.decode(encoded.ids[0])
        assert "<0.5 seconds>" in text and "<1.5 seconds>" in text


@pytest.mark.parametrize(
    "begins", [0.0, 1.5]
)  # a cut file; a window of the source, whose clock is not the case's
def test_a_window_is_read_where_it_begins(
    processor: ProcessorMixin, make_video: Callable[..., Path], tmp_path: Path, begins: float
) -> None:
    pts = [0, 40, 100, 250, 300, 480, 700, 720, 1000, 1250, 1400, *range(1500, 4500, 40)]  # a variable rate
    make_video(tmp_path / "case2@18000-20000.mp4", pts)  # named by its clip: the name must not matter
    clip = row(9) | {"images": [], "video": "case2@18000-20000.mp4", "video_start_s": begins}
    encoder = Encoder(processor, Budget(frames=4, media="video"), tmp_path)
    frames, times = encoder.frames(clip)
    shown = [
        max(i for i, tick in enumerate(pts) if tick <= 1000 * begins + ms) for ms in (250, 750, 1250, 1750)
    ]
    assert [make_video.read(frame) for frame in frames] == shown  # type: ignore[attr-defined]
    assert times == pytest.approx([pts[i] / 1000 - begins for i in shown])
    with pytest.raises(InputError, match="has no video_start_s"):
        encoder.frames(clip | {"video_start_s": None})


def test_a_prompt_is_the_beginning_of_what_is_taught(processor: ProcessorMixin) -> None:
    encoder = Encoder(processor, Budget(frames=4))
    prompt = encoder.encode(row(0), [2], answered=False).ids[0]
    taught = encoder.encode(row(0), [2], answered=True).ids[0]
    assert taught[: len(prompt)] == prompt
    assert (
        processor.tokenizer.decode(taught[len(prompt) :]) == "It is in the center of the image.<|im_end|>\n"
    )


def test_more_frames_than_the_budget_are_chosen_evenly(processor: ProcessorMixin) -> None:
    clip = row(0, frames=8)
    frames, times = Encoder(processor, Budget(frames=4)).frames(clip)
    assert len(frames) == 4 and times == [0.375, 0.875, 1.375, 1.875]


def test_refusals(processor: ProcessorMixin, tmp_path: Path) -> None:
    encoder = Encoder(processor, Budget(frames=8))
    with pytest.raises(
        InputError, match=r"case0@0-2000 has 4 frames, the model is to see 8; build .* --frames 8"
    ):
        encoder.encode(row(0), [0], answered=True)
    encoder = Encoder(processor, Budget(frames=4), root=tmp_path)
    with pytest.raises(InputError, match="neither frames nor a video"):
        encoder.encode(row(0) | {"images": []}, [0], answered=True)
    with pytest.raises(InputError, match="lies outside"):
        encoder.encode(row(0) | {"images": [], "video": "../secret.mp4"}, [0], answered=True)
    clip = row(0)
    clip["messages"][2]["content"] = "Is <|image_pad|> red?"
    with pytest.raises(InputError, match=r"holds the control token <\|image_pad\|>"):
        encoder.encode(clip, [0, 1], answered=True)
    clip["messages"] = clip["messages"][:3]
    with pytest.raises(InputError, match="must alternate"):
        encoder.encode(clip, [0], answered=True)
    with pytest.raises(InputError, match=r"has no surgvqa\.json"):
        Budget.load(tmp_path)


def test_messages_through_parquet_keep_their_turns(tmp_path: Path) -> None:
    rows = dataset([row(0), row(1)])
    rows.to_parquet(tmp_path / "rows.parquet")
    assert turns(type(rows).from_parquet(str(tmp_path / "rows.parquet"))[1]) == turns(row(1))


def test_null_keys_of_content_blocks_are_no_pictures(processor: ProcessorMixin) -> None:
    """Arrow gives every block of a list all blocks' keys; the stock template counts `image: None` as an image."""
    clip = row(0)
    blocks = [
        {"role": message["role"], "content": [{"type": "text", "text": message["content"]}]}
        for message in clip["messages"]
    ]
    blocks[0]["content"].insert(0, {"type": "image", "image": "a.jpg"})
    blocks[0]["content"].insert(0, {"type": "video", "video": "a.mp4"})
    arrow = Dataset.from_list([{"messages": blocks}])[0]["messages"]
    assert arrow[0]["content"][2]["image"] is None  # what the stock template trips over
    encoder = Encoder(processor, Budget(frames=4))
    plain, unified = (
        encoder.encode(clip | {"messages": m}, [0, 1, 2], True) for m in (clip["messages"], arrow)
    )
    assert unified.ids == plain.ids
    assert plain.ids[0].count(encoder.pad_id) == int(plain.grid.prod(-1).sum()) // encoder.part.merge_size**2


def test_frames_of_several_sizes_and_kinds(processor: ProcessorMixin) -> None:
    clip = row(0)
    encoder = Encoder(processor, Budget(frames=4))
    before, _ = encoder.frames(clip)
    file = io.BytesIO()
    Image.fromarray(before[2]).save(file, "PNG")
    clip["images"][2] = {"bytes": file.getvalue(), "path": None}
    assert (encoder.frames(clip)[0] == before).all()
    clip["images"][3] = row(0, size=84)["images"][3]
    with pytest.raises(InputError, match="has frames of several sizes"):
        encoder.frames(clip)
    clip["images"][3] = {"bytes": before[3][:20].tobytes(), "path": None}
    with pytest.raises((OSError, ValueError)):
        encoder.frames(clip)
    clip["images"] = row(0)["images"]
    clip["images"][1] = {"bytes": clip["images"][1]["bytes"][:-400], "path": None}  # cut off
    with pytest.raises((OSError, ValueError), match=r"[Pp]remature|truncated"):
        encoder.frames(clip)


def test_the_budget_comes_back(tmp_path: Path) -> None:
    budget = Budget(8, "video", 3136, 100000)
    budget.save(tmp_path)
    assert Budget.load(tmp_path) == budget


def test_float_pixels_pass_unchanged(processor: ProcessorMixin) -> None:
    class Inner(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
            return pixel_values

    class Outer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Inner()

    outer = Outer()
    normalise_on_device(outer, processor)  # type: ignore[arg-type]
    floats = torch.rand(2, 3)
    assert outer.model(pixel_values=floats) is floats


def test_an_answer_may_hold_the_tokens_of_places_and_nothing_else_may(processor: ProcessorMixin) -> None:
    encoder = Encoder(processor, Budget(frames=1))
    clip, box = (
        row(0, questions=1),
        "<|object_ref_start|>hook<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",
    )
    clip["messages"][1]["content"] = box
    taught = encoder.encode(clip, [0], answered=True).ids[0]
    assert encoder.tokenizer.convert_tokens_to_ids("<|box_start|>") in taught
    assert encoder.tokenizer.decode(taught).endswith(f"{box}<|im_end|>\n")
    for place, text in ((0, box), (1, "<|vision_start|>")):
        wrong = row(0, questions=1)
        wrong["messages"][place]["content"] = text
        with pytest.raises(InputError, match="holds the control token"):
            encoder.encode(wrong, [0], answered=True)
