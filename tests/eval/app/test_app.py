"""What the app's page is told, without a browser: searches, time line, films, and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from building import build
from starlette.testclient import TestClient
from surgvqa.cards.command import InputError
from surgvqa.eval.app import demo, listener, stored_answers, tracks
from surgvqa.eval.app.asking import Asker
from surgvqa.eval.app.clips import Clips, ShortClip
from surgvqa.eval.app.service import AppInputs, ClipRequest, Service, Strip
from surgvqa.eval.app.web import application
from surgvqa.eval.data.predictions import Prediction, to_line
from surgvqa.eval.settings.pages import Demo

RENDER = {"render_cases": 3, "phase_seconds": 5.0, "size": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    options = RENDER
    build("synthetic", folder / "cases", folder / "data", source_options=options, workers=0, frames=4)
    build("synthetic", folder / "cases", folder / "cut", source_options=options, workers=0, media="clips")
    service = Service(AppInputs(data=[str(folder / "data")]))
    questions = list(service.clips("data").split().questions.values())
    for name, wrong in (("first", 0), ("second", 1)):  # each is wrong on every other question
        rows = [
            Prediction(**{**vars_of(one), "prediction": one.short_answer if place % 2 == wrong else "zebra"})
            for place, one in enumerate(questions)
        ]
        (folder / f"{name}.jsonl").write_text("".join(to_line(row) + "\n" for row in rows))
    return folder


def vars_of(one: Prediction) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


class Parrot:
    """A model that answers everything with one text."""

    def ask(self, name: str, row: Any, question: str, root: Any, **_: Any) -> Any:
        broken = "other" in name
        return SimpleNamespace(
            text="" if broken else "zebra",
            seconds=0.25,
            confidence=0.5,
            error=f"{name} is broken" if broken else None,
        )

    def space(self, name: str, row: Any) -> None:
        return None

    def hears(self, name: str) -> bool:
        return False


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    for name in ("model", "other"):
        (folder / name).mkdir(exist_ok=True)
    opened = AppInputs(
        data=[str(folder / "data"), str(folder / "cut")],
        models=[str(folder / "model"), str(folder / "other")],
        predictions=[folder / "first.jsonl", folder / "second.jsonl"],
    )
    service = Service(opened)
    asker = Asker(service, lambda: Parrot())  # type: ignore[arg-type,return-value]
    app = application(service, asker, listener.hosts_of("127.0.0.1"), None)
    yield TestClient(app, base_url="http://127.0.0.1")


def found(client: TestClient, **words: Any) -> dict[str, Any]:
    answer = client.get("/api/clips", params={"data": "data", "count": 200, **words})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_clips_are_searched_by_case_kind_answer_wrong_answers_and_disagreement(
    client: TestClient, folder: Path
) -> None:
    split = Service(AppInputs(data=[str(folder / "data")])).clips("data").split()
    assert found(client)["total"] == len(split.clips) > 5
    case = split.cases[0]
    assert {one["case"] for one in found(client, case=case)["clips"]} == {case}
    having = {clip.clip_id for clip in split.clips if any(one.kind == "entered" for one in clip.questions)}
    assert {one["clip"] for one in found(client, kind="entered")["clips"]} == having
    answer = split.clips[0].questions[0].short_answer
    told = {one["clip"] for one in found(client, answer=answer.upper())["clips"]}
    assert told == {
        clip.clip_id for clip in split.clips if any(answer in one.short_answer for one in clip.questions)
    }
    ours = {"a": "first.jsonl", "b": "second.jsonl"}
    wrong = {
        clip.clip_id: [q for q in clip.questions if list(split.questions).index(q.qa_id) % 2]
        for clip in split.clips
    }
    for line in found(client, **ours)["clips"]:
        assert line["a"]["wrong"] == len(wrong[line["clip"]]), "zebra is nobody's answer"
    kind = split.kinds[0]
    of_kind = {clip for clip, own in wrong.items() if any(one.kind == kind for one in own)}
    assert {one["clip"] for one in found(client, show="a", kind=kind, **ours)["clips"]} == of_kind
    assert found(client, show="apart", **ours)["total"] == sum(bool(c.questions) for c in split.clips)
    assert found(client, show="apart", a="first.jsonl", b="first.jsonl")["total"] == 0
    assert found(client, show="b")["total"] == 0, "nobody has answered"
    for words, reason in (
        ({"show": "b"}, "nobody is chosen as B"),
        ({"show": "apart", "a": "model", "b": "first.jsonl"}, "A, model, was asked nothing yet; press Ask"),
        (
            {"show": "apart", "a": "first.jsonl", "b": "first.jsonl"},
            "A and B agree wherever both have answered",
        ),
        (
            {"show": "b", "b": "first.jsonl", "split": "train"},
            "B, first.jsonl, answers no question of this split",
        ),
        ({"answer": "no such answer"}, "no clip fits this search"),
        ({}, ""),
    ):
        assert found(client, **words)["reason"] == reason


def test_a_question_says_where_its_evidence_is_and_the_app_begins_with_boxes(
    client: TestClient, folder: Path
) -> None:
    split = Service(AppInputs(data=[str(folder / "data")])).clips("data").split()
    first = client.get("/api/facts", params={"data": "data"}).json()["first"]
    shown = client.get("/api/clip", params={"data": "data", "clip": first}).json()
    assert any(one["marks"] for one in shown["annotated"])
    evidence = {qa["question"]: sorted(qa["evidence_s"]) for qa in split.row(first)["qa"]}
    assert {one["question"]: one["evidence_s"] for one in shown["questions"]} == evidence
    assert any(evidence.values())


def test_a_part_of_the_strip_is_around_the_clip_that_is_shown(client: TestClient) -> None:
    every = [one["clip"] for one in found(client)["clips"]]
    part = found(client, clip=every[5], count=4)
    assert part["at"] == 5 and every[5] in [one["clip"] for one in part["clips"]]
    assert [one["clip"] for one in found(client, first=2, count=3)["clips"]] == every[2:5]
    assert found(client, clip=every[5], kind="nothing")["at"] == -1


def test_the_time_line_shows_moments_as_they_are_annotated() -> None:
    def clip(start: float, end: float, phase: str | None) -> ShortClip:
        return ShortClip(
            clip_id=f"c@{start}",
            case_id="c",
            phase=phase,
            start_s=start,
            end_s=end,
            last_s=end,
            place=0,
            questions=(),
        )

    scene = {
        "time_s": 4.0,
        "nodes": [{"name": "clip_applier", "type": "instrument"}, {"name": "liver", "type": "anatomy"}],
        "events": ["entered: clip_applier", "phase: a -> b"],
    }
    clips = [
        (clip(0, 5, "port_placement"), json.dumps(scene)),
        (clip(5, 10, "port_placement"), None),
        (clip(12, 15, "port_placement"), None),  # nobody knows what was between
        (clip(15, 20, None), None),
        (clip(20, 25, "idle"), None),
    ]
    line = tracks.time_line("c", clips)
    assert [track["name"] for track in line["tracks"]] == ["phases", "clip applier", "events"]
    spans = [(one["label"], one["start_s"], one["end_s"]) for one in line["tracks"][0]["stretches"]]
    assert spans == [
        ("port placement", 5, 5),
        ("port placement", 10, 10),
        ("port placement", 15, 15),
        ("no phase", 25, 25),
    ], "of a clip the phase of its last moment is known"
    assert line["tracks"][1]["stretches"] == [
        {"start_s": 4.0, "end_s": 4.0, "label": "clip applier", "clip": "c@0"}
    ]
    assert [one["label"] for one in line["tracks"][2]["stretches"]] == ["entered: clip applier"]


@pytest.mark.parametrize("data", ["data", "cut"])
def test_a_film_has_a_frame_for_each_of_its_times(client: TestClient, data: str) -> None:
    first = found(client, data=data)["clips"][0]["clip"]
    page = client.get("/api/clip", params={"data": data, "clip": first}).json()
    assert all(page["start_s"] <= time <= page["end_s"] for time in page["times"])
    film = client.get("/media/film", params={"data": data, "clip": first})
    with av.open(io.BytesIO(film.content)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == len(page["times"])
    assert frames[-1].time == pytest.approx((len(frames) - 1) * page["pace_s"], abs=0.01)
    assert frames[0].width == page["width"]
    frame = client.get("/media/frame", params={"data": data, "clip": first, "index": 1})
    assert frame.headers["content-type"].startswith("image/")


def test_boxes_lie_on_the_frame_nearest_to_their_moment(client: TestClient, folder: Path) -> None:
    seen = 0
    for line in found(client)["clips"]:
        page = client.get("/api/clip", params={"data": "data", "clip": line["clip"]}).json()
        for one in page["annotated"]:
            nearest = min(page["times"], key=lambda time: abs(time - one["time_s"]))
            assert page["times"][one["index"]] == nearest
            assert all(0 <= side <= 1 for mark in one["marks"] for side in mark["box"])
            assert all("_" not in mark["label"] for mark in one["marks"])
            seen += len(one["marks"])
    assert seen > 5


def test_a_guess_that_learned_from_what_is_shown_says_so(client: TestClient, folder: Path) -> None:
    first = found(client)["clips"][0]["clip"]
    question = client.get("/api/clip", params={"data": "data", "clip": first}).json()["questions"][0][
        "question"
    ]
    known = client.get("/api/known", params={"data": "data", "clip": first, "question": question}).json()
    assert known["blind_note"] is None
    clips = Clips(str(folder / "data"))
    del clips.dataset["train"]
    assert clips.guess_note is not None and clips.splits[0] in clips.guess_note


def test_an_answer_is_judged_and_found_at_once(client: TestClient) -> None:
    who = {"a": "model", "data": "data"}
    first = found(client)["clips"][0]["clip"]
    question = client.get("/api/clip", params={**who, "clip": first}).json()["questions"][0]["question"]
    words = {**who, "clip": first, "question": question}
    known = client.get("/api/known", params=words).json()
    assert known["a"] is None and known["truth"] and known["blind"]
    asked = client.post(
        "/api/ask", params={**who, "clip": first, "answerer": "model"}, json={"question": question}
    ).json()
    assert (asked["text"], asked["right"], asked["error"]) == ("zebra", False, None)
    assert [one["clip"] for one in found(client, **who, show="a")["clips"]] == [first]
    assert client.get("/api/known", params=words).json()["a"]["text"] == "zebra"
    own = client.post(
        "/api/ask", params={**who, "clip": first, "answerer": "model"}, json={"question": "Why?"}
    ).json()
    assert own["right"] is None, "nobody annotated it"


def test_a_mistake_is_one_sentence_without_a_place_on_the_disk(client: TestClient, folder: Path) -> None:
    first = found(client)["clips"][0]["clip"]
    ask = {"data": "data", "clip": first, "answerer": "other"}
    broken = client.post("/api/ask", params=ask, json={"question": "What?"}).json()
    assert broken["error"] == "other is broken", "the folder's own place is hidden"
    for path, said in (
        ("/api/clips?data=/etc", "only the data sets"),
        (f"/api/clips?data={folder}/data", "only the data sets"),
        ("/api/clips?data=data&a=/etc/passwd", "only the models"),
        ("/api/clips?data=data&split=tset", "no split tset; did you mean test"),
        ("/api/clips?data=data&show=x", "known are all, a, b, apart"),
        ("/api/clips?data=data&first=x", "expected a whole number"),
        ("/api/clips?data=data&first=--5", "expected a whole number"),
        (
            f"/api/clips?data=data&first={'9' * 5000}",
            "first is '99999999999999999999', expected a whole number",
        ),
        ("/api/clip?data=data&clip=nowhere", "no clip nowhere"),
        (f"/api/at?data=data&clip={first}&seconds=nan", "expected a number"),
    ):
        answer = client.get(path)
        assert answer.status_code == 400 and said in answer.json()["error"], (path, answer.text)
        assert str(folder) not in answer.text
    long = b'{"question": "' + b"why " * 1000 + b'"}'
    for body in (b"", b"[]", b"\xff", b"[" * 100_000, b'"question"', long):
        assert client.post("/api/ask", params=ask, content=body).status_code == 400
    deaf = client.post("/api/ask-aloud", params=ask, content=b"not a sound" * 9)
    assert "not a sound file" in deaf.json()["error"]
    assert client.get("/page/../listener.py").status_code == 404


def test_pages_bring_their_policy_and_other_sites_get_nothing(client: TestClient) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", ""), "nothing comes from elsewhere"
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/media/frame", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_clip_of_another_split_is_said_to_be_there(client: TestClient) -> None:
    elsewhere = found(client, split="train")["clips"][0]["clip"]
    answer = client.get("/api/clip", params={"data": "data", "split": "test", "clip": elsewhere})
    assert answer.status_code == 400
    assert (
        answer.json()["error"] == f"clip {elsewhere} is in split train, not in this one; choose train above"
    )


def test_a_data_set_without_pictures_shows_what_it_has(folder: Path) -> None:
    build("synthetic", folder / "cases", folder / "bare", source_options=RENDER, workers=0, media="none")
    service = Service(AppInputs(data=[str(folder / "bare")]))
    request = ClipRequest(data="bare")
    line = service.find(request, Strip())["clips"][0]
    assert line["pictures"] is False
    annotated = 0
    for clip in service.clips("bare").split().clips:
        page = service.clip(ClipRequest(data="bare", clip=clip.clip_id))
        assert page["questions"] and not page["pictures"]
        assert [page["times"][one["index"]] for one in page["annotated"]] == [
            one["time_s"] for one in page["annotated"]
        ]
        annotated += len(page["annotated"])
        assert page["width"] == (64 if page["annotated"] else 16)
    assert annotated > 5


def test_a_moment_leads_to_its_clip(client: TestClient) -> None:
    line = found(client)["clips"][3]
    middle = (line["start_s"] + line["end_s"]) / 2
    first = next(one for one in found(client, case=line["case"])["clips"])
    words = {"data": "data", "clip": first["clip"], "seconds": middle}
    assert client.get("/api/at", params=words).json() == {"clip": line["clip"]}


def test_too_many_questions_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("surgvqa.eval.app.web.MOST_WAITING", 0)
    monkeypatch.setattr("surgvqa.eval.app.web.MOST_UPLOADED", 10)
    service = Service(AppInputs(data=[str(folder / "data")]))
    app = application(service, Asker(service, Parrot), listener.hosts_of("127.0.0.1"), None)  # type: ignore[arg-type]
    client = TestClient(app, base_url="http://127.0.0.1")
    assert "are waiting already" in client.post("/api/hear", content=b"x").json()["error"]
    monkeypatch.setattr("surgvqa.eval.app.web.MOST_WAITING", 1)
    assert "over 0 MB" in client.post("/api/hear", content=b"x" * 11).json()["error"]
    assert "not a sound file" in client.post("/api/hear", content=b"x" * 9).json()["error"]


def test_a_password_is_asked_for(folder: Path) -> None:
    service = Service(AppInputs(data=[str(folder / "data")]))
    app = application(service, Asker(service, Parrot), listener.hosts_of("127.0.0.1"), "open sesame")  # type: ignore[arg-type]
    client = TestClient(app, base_url="http://127.0.0.1")
    assert client.get("/").status_code == 401
    assert client.get("/api/start", auth=("surgvqa", "wrong")).status_code == 401
    assert client.get("/", headers={"authorization": "Basic ="}).status_code == 401
    assert client.get("/", auth=("surgvqa", "open sesame")).status_code == 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data": ("nowhere",)}, "there is no such folder, and a name on the Hub is ORG/NAME"),
        ({"data": (".",)}, "holds no Parquet file"),
        ({"data": ("org/name",), "predictions": (Path("none.jsonl"),)}, "there is no file none.jsonl"),
        ({}, "`make demo` makes one"),
    ],
)
def test_a_wrong_start_is_refused_before_anything_heavy(
    options: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        demo.refuse_mistakes(Demo(**options))


def test_a_port_that_is_taken_is_said() -> None:
    with demo.bound("127.0.0.1", 0) as door, pytest.raises(InputError, match="give another --port"):
        demo.bound("127.0.0.1", door.getsockname()[1])


def test_a_file_without_answers_is_refused(tmp_path: Path) -> None:
    row = Prediction("q", "c", "c", "phase", "", "?", "a", "a")
    (tmp_path / "none.jsonl").write_text(to_line(row) + "\n")
    with pytest.raises(InputError, match="column prediction is empty"):
        stored_answers.read_answers(tmp_path / "none.jsonl")
