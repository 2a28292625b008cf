"""LLaVA, ShareGPT and Qwen messages: the way there and back, and an honest list where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from surgvqa.builders.__main__ import main
from surgvqa.builders.instruct import llava
from surgvqa.builders.pipeline.verify import verify
from surgvqa.cards.command import InputError


def said(*turns: tuple[str, str], **keys) -> dict:
    return {**keys, "conversations": [{"from": role, "value": value} for role, value in turns]}


ONE = said(
    ("human", "<image>\nWhich phase?"), ("gpt", "Incision."), ("human", "Which tools?"), ("gpt", "A knife."),
    id="7", image="frames/1.jpg",
)  # fmt: skip
DOCUMENT = said(
    ("human", "<image>\nWhich phase?"), ("assistant", "Dissection."),
    image="frames/00012345.jpg", meta={"video_id": "case_042", "timestamp_s": 615.2, "tools": ["grasper"]},
)  # fmt: skip
ODD = [
    ONE,
    DOCUMENT,
    {"conversations": ONE["conversations"], "id": 7, "image": "frames/1.jpg"},  # keys in another order, a number
    said(("human", "Which phase?"), ("gpt", "Incision."), image="left_frames\\seq1.jpg", main_tag="x"),
    said(("human", "Which phase?"), ("gpt", "Incision.")),
    said(("human", "Hi"), ("gpt", "Hello"), id=None, image=None),
    said(("system", "Be brief."), ("user", "<image><image>Same?"), ("assistant", "No."), image=["a", "b"]),
    said(("human", "Compare <image> with <image>."), ("gpt", "Alike."), image=["a", "b"]),
    said(("human", "Which phase?\n<image>"), ("gpt", "Incision."), image="a"),
    said(("human", "<image>\nThis?"), ("gpt", "A."), ("human", "<image>\nAnd this?"), ("gpt", "B."), image=["a", "b"]),
    said(("human", " <image>\n\n Which?"), ("gpt", "Incision."), image=["a"]),
    {"id": "x", "conversations": [{"from": "human", "value": "Hi", "weight": 0}, {"from": "gpt", "value": "é"}]},
    said(("gpt", "I begin."), ("human", "<image>\nGo on."), image="a"),
]  # fmt: skip


@pytest.mark.parametrize("sample", ODD, ids=range(len(ODD)))
def test_there_and_back_is_the_same_text(sample):
    row, _ = llava.to_row(sample, "it")
    assert json.dumps(llava.to_sample(row)) == json.dumps(sample)
    assert not any("<image>" in message["content"] for message in row["messages"])
    assert {message["role"] for message in row["messages"]} <= {"user", "assistant", "system"}


def test_what_a_row_can_say_is_in_its_columns_alone():
    row, lost = llava.to_row(ONE, "it")
    assert row["llava"] is None and lost == ()
    assert row["id"] == "7" and row["image_names"] == ["frames/1.jpg"]
    assert row["messages"][0] == {"role": "user", "content": "Which phase?"}


def test_a_picture_inside_a_text_is_named_in_it_and_said_to_be_moved():
    row, lost = llava.to_row(ODD[7], "it")
    assert row["messages"][0]["content"] == "Compare image 1 with image 2."
    assert lost == (
        "turn 0: picture 1 stands at character 8 of the text",
        "turn 0: picture 2 stands at character 21 of the text",
    )


def test_an_edited_row_keeps_its_edit():
    row, _ = llava.to_row(ODD[3], "it")
    row["messages"][0]["content"] = "What now?"
    assert llava.to_sample(row)["conversations"][0]["value"].endswith("What now?")


@pytest.mark.parametrize(
    ("sample", "cause"),
    [
        ({}, "sample 3: no 'conversations'"),
        ([], "sample 3: no 'conversations'"),
        (said(), "sample 3: no 'conversations'"),
        (said(("robot", "Hi")), "turn 0 is from 'robot'; known: assistant, gpt, human"),
        ({"conversations": [{"from": "human"}]}, "turn 0 has no text"),
        (said(("human", "<image><image>"), image="a"), "2 <image> for 1 pictures"),
        (said(("human", "<image>Hi")), "1 <image> for 0 pictures"),
        (said(("human", "Hi"), image={"bytes": 1}), "'image' is dict"),
        (
            said(("human", "<video>\nHi"), video="a.mp4"),
            "sample 3: 'video', <video>: only pictures are imported",
        ),
        (said(("human", "Hi"), image="a", audios=["a.wav"]), "'audios': only pictures"),
    ],
)
def test_what_is_no_sample_is_refused_by_name(sample, cause):
    with pytest.raises(InputError, match=cause.replace("(", r"\(")):
        llava.to_row(sample, "sample 3")


texts = st.text(st.sampled_from("ab \n<>é"), max_size=12)
values = st.lists(st.one_of(texts, st.just("<image>"), st.just("<image>\n")), max_size=4).map("".join)
extras = st.dictionaries(
    st.sampled_from(["id", "meta", "tag", "weight"]),
    st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), texts, st.lists(texts), st.booleans()),
)


@st.composite
def samples(draw):
    turns = draw(st.lists(st.tuples(st.sampled_from(sorted(llava.ROLES)), values), min_size=1, max_size=4))
    count = sum(value.count("<image>") for _, value in turns)
    keys = draw(extras)
    if count or draw(st.booleans()):
        names = [f"p\\{i}.jpg" for i in range(count or draw(st.integers(1, 3)))]
        keys["image"] = names[0] if len(names) == 1 and draw(st.booleans()) else names
    return dict(draw(st.permutations(list(said(*turns, **keys).items()))))


@given(samples())
@settings(max_examples=300, deadline=None)
def test_any_sample_comes_back_or_is_said_to_be_changed(sample):
    row, _ = llava.to_row(sample, "it")
    stored = json.loads(json.dumps(row))
    assert json.dumps(llava.to_sample(stored)) == json.dumps(sample)
    for there, back in ((llava.to_sharegpt, llava.from_sharegpt), (llava.to_qwen, llava.from_qwen)):
        other, lost = there(sample)
        again, also_lost = back(json.loads(json.dumps(other)))
        if not lost and not also_lost:
            assert again == sample


def test_sharegpt_and_qwen_say_a_plain_sample_whole():
    plain = {key: value for key, value in ONE.items() if key != "id"}
    for there, back in ((llava.to_sharegpt, llava.from_sharegpt), (llava.to_qwen, llava.from_qwen)):
        other, lost = there(plain)
        assert lost == () and back(other) == (plain, ())
    assert llava.to_qwen(ONE).losses == ("the key 'id'",)
    assert "the role name 'assistant'" in llava.to_sharegpt(DOCUMENT).losses
    interleaved, lost = llava.to_qwen(ODD[7])
    assert lost == ()
    assert [block["type"] for block in interleaved["messages"][0]["content"]] == ["text", "image"] * 2 + [
        "text"
    ]


def test_all_conversations_of_endochat_come_back(realdata: Path):
    path = realdata / "endochat_endovis17vqa" / "endovis_single_phrase.json"
    found = json.loads(path.read_text("utf-8"))
    assert len(found) == 3849
    for number, sample in enumerate(found):
        row, lost = llava.to_row(sample, f"sample {number}")
        assert lost == () and json.dumps(llava.to_sample(row)) == json.dumps(sample)
        assert llava.to_qwen(sample).losses[:1] == (
            "that the pictures have no placeholder: one each now leads the first question",
        )


def rows_of(out: Path) -> list[dict]:
    return [row for path in sorted((out / "instruct").iterdir()) for row in pq.read_table(path).to_pylist()]


def test_a_file_goes_to_a_data_set_and_out_again(tmp_path: Path):
    samples = [{"id": f"s{n}"} | ONE | {"image": f"case{n}\\frame.png"} for n in range(6)]
    samples = [{**one, "id": f"s{n}"} for n, one in enumerate(samples)] + [ODD[4]]
    for number in range(6):
        (tmp_path / f"case{number}").mkdir()
        Image.new("RGB", (40, 30), (number * 40, 0, 0)).save(tmp_path / f"case{number}" / "frame.png")
    path = tmp_path / "data.json"
    path.write_text(json.dumps(samples))
    out = tmp_path / "out"
    assert main(["import", str(path), "--out", str(out)]) == 0
    verify(out)
    found = rows_of(out)
    assert [row["verdict"] for row in found] == ["unchecked"] * 7
    assert [len(row["images"]) for row in found] == [1] * 6 + [0]
    assert "Nothing in them was checked" in (out / "README.md").read_text()
    assert main(["export", str(out), "--out", str(tmp_path / "llava")]) == 0
    assert json.loads((tmp_path / "llava" / "train.json").read_text()) == samples
    assert (tmp_path / "llava" / "case3" / "frame.png").is_file()
    assert main(["export", str(out), "--as", "qwen", "--out", str(tmp_path / "qwen")]) == 0
    assert "messages" in json.loads((tmp_path / "qwen" / "train.json").read_text())[0]
    assert main(["import", str(path), "--out", str(tmp_path / "split"), "--case", r"case\d"]) == 2, (
        "ODD[4] has none"
    )
    path.write_text(json.dumps(samples[:6]))
    assert main(["import", str(path), "--out", str(tmp_path / "split"), "--case", r"case\d"]) == 0
    assert len(list((tmp_path / "split" / "instruct").iterdir())) == 3


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({**ONE, "image": "../secret.png"}, "lies outside"),
        ({**ONE, "image": "gone.png"}, "no picture"),
        ({"messages": [{"role": "user"}]}, "sample 0: no messages"),
        ({"text": "x"}, "sample 0: no 'conversations'"),
    ],
)
def test_a_bad_file_is_one_line(sample, said: str, tmp_path: Path, capsys):
    path = tmp_path / "in" / "data.json"
    path.parent.mkdir()
    path.write_text(json.dumps([sample]))
    assert main(["import", str(path), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_endochat_goes_through_a_data_set_and_comes_back(realdata: Path, tmp_path: Path):
    path = realdata / "endochat_endovis17vqa" / "endovis_single_phrase.json"
    out = tmp_path / "out"
    command = ["import", str(path), "--out", str(out), "--media", "none", "--case", r"\d\d-VQA.*?(seq_?\d+)"]
    assert main(command) == 0
    assert main(["export", str(out), "--out", str(tmp_path / "llava")]) == 0
    found = [
        one for file in (tmp_path / "llava").glob("*.json") for one in json.loads(file.read_text("utf-8"))
    ]
    assert len(found) == 3849
    sent = json.loads(path.read_text("utf-8"))
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, sent))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "video", "video": "a.mp4"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
    ],
)
def test_a_question_about_what_is_no_picture_is_refused_with_its_sample(tmp_path: Path, capsys, block: dict):
    content = [block, {"type": "text", "text": "Which phase?"}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "access"}]
    (tmp_path / "a.json").write_text(json.dumps([{"messages": messages}]))
    assert main(["import", str(tmp_path / "a.json"), "--out", str(tmp_path / "out"), "--media", "none"]) == 2
    assert f"a.json: sample 0: turn 0 has a block of type '{block['type']}'" in capsys.readouterr().err
