"""Publishing over real HTTP with the real client, and loading what was published, as a stranger would."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from hub import TOKEN, Fault, Hub
from huggingface_hub import DatasetCard, HfApi, ModelCard
from published import seal, write_dataset
from surgvqa.builders.__main__ import main as build_main
from surgvqa.cards.__main__ import main
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest
from surgvqa.cards.publish import push as publishing
from surgvqa.cards.publish.push import HUB_FILE, push

REPO = "clinic/cases"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real waiting between tries, ours or the client's."""
    monkeypatch.setattr(publishing, "FIRST_WAIT_S", 0.01)
    impatient = SimpleNamespace(**vars(time) | {"sleep": lambda seconds: None})
    monkeypatch.setattr("huggingface_hub.utils._http.time", impatient)


def stranger(hub: Hub, home: Path, code: str) -> str:
    """What a fresh Python process prints that knows nothing but the address of the Hub."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=hub.environment(str(home)) | {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_published_data_set_loads_by_its_name(hub: Hub, folder: Path, tmp_path: Path) -> None:
    assert main(["push", str(folder), REPO]) == 0
    code = f"""
import json
from datasets import load_dataset, get_dataset_config_names
clips = load_dataset("{REPO}", "clips")
qa = load_dataset("{REPO}", "qa", split="test")
first = next(iter(load_dataset("{REPO}", "clips", split="train", streaming=True)))
print(json.dumps({{
    "configs": sorted(get_dataset_config_names("{REPO}")),
    "rows": {{name: len(split) for name, split in clips.items()}},
    "cases": sorted(set(clips["train"]["case_id"])),
    "picture": [clips["test"][0]["images"][0].size, clips["test"][0]["images"][0].getpixel((3, 3))],
    "messages": clips["test"][0]["messages"],
    "qa": [qa.column_names, len(qa), qa[0]["choices"]],
    "default": load_dataset("{REPO}", split="test").column_names == clips["test"].column_names,
    "streamed": first["clip_id"],
}}))
"""
    seen = json.loads(stranger(hub, tmp_path / "stranger", code).splitlines()[-1])
    assert seen["configs"] == ["clips", "qa"]
    assert seen["rows"] == {"train": 4, "validation": 2, "test": 2}
    assert seen["cases"] == ["a", "b"]
    assert seen["picture"][0] == [32, 24]
    assert seen["messages"][1] == {"role": "assistant", "content": "This is incision."}
    assert seen["qa"][1:] == [2, ["incision", "irrigation"]]
    assert "images" not in seen["qa"][0]
    assert seen["default"] and seen["streamed"] == "a@0-5000"


def test_one_commit_holds_exactly_the_folder(hub: Hub, folder: Path) -> None:
    made = push(folder, REPO)
    repo = hub.repo(REPO)
    assert [commit.title for commit in repo.history()] == ["surgvqa: dataset of 9 files", "initial commit"]
    assert repo.head.oid == made
    for name, blob in repo.head.tree.items():
        if name != ".gitattributes":
            assert blob.content == (folder / name).read_bytes()
    assert set(repo.head.tree) - {".gitattributes"} == {
        str(p.relative_to(folder)) for p in folder.rglob("*.*")
    }
    assert repo.private, "a new repository of surgical video is private until its owner says otherwise"


def test_the_same_folder_again_sends_nothing(hub: Hub, folder: Path) -> None:
    first = push(folder, REPO)
    hub.requests.clear()
    assert push(folder, REPO) == first
    assert not hub.sent("PUT", "/lfs/") and not hub.sent("POST", "/commit/")


def test_shards_of_an_earlier_build_are_gone_in_the_same_commit(hub: Hub, folder: Path) -> None:
    """`clips/train-*.parquet` would otherwise load rows of both builds."""
    push(folder, REPO)
    old, new = folder / "qa/train-00000-of-00001.parquet", folder / "qa/train-00000-of-00002.parquet"
    old.rename(new)
    seal(folder)
    push(folder, REPO)
    assert len(hub.repo(REPO).history()) == 3
    names = set(hub.repo(REPO).head.tree)
    assert "qa/train-00000-of-00002.parquet" in names and "qa/train-00000-of-00001.parquet" not in names


@pytest.mark.slow  # a minute: a thousand and more files over HTTP
def test_more_files_than_a_request_or_a_page_takes_in_one_commit(hub: Hub, folder: Path) -> None:
    names = [f"qa/test-{number:05d}-of-00600.parquet" for number in range(600)]
    for name in names:
        shutil.copyfile(folder / "qa/test-00000-of-00001.parquet", folder / name)
    seal(folder)
    hub.page_size = 250
    push(folder, REPO)
    assert set(names) <= set(hub.repo(REPO).head.tree)
    assert len(hub.sent("POST", "/commit/")) == 1


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda d: (d / "qa/test-00000-of-00001.parquet").write_bytes(b"x"), "1 bytes, should be"),
        (lambda d: flip(d / "qa/test-00000-of-00001.parquet"), "SHA-256"),
        (lambda d: (d / "qa/test-00000-of-00001.parquet").unlink(), "listed, but not there"),
        (lambda d: (d / "notes.txt").write_text("x"), "notes.txt: there, but not listed"),
        (lambda d: relink(d / "qa/test-00000-of-00001.parquet"), "a link"),
        (lambda d: (d / "manifest.json").write_text("{"), "not valid JSON"),
    ],
)
def test_a_folder_that_is_not_its_manifest_is_refused(hub: Hub, folder: Path, harm, said: str) -> None:  # type: ignore[no-untyped-def]
    harm(folder)
    with pytest.raises(InputError, match=said):
        push(folder, REPO, repo_type="dataset")
    assert not hub.requests, "nothing is sent before the folder is checked"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def relink(path: Path) -> None:
    path.rename(path.parents[2] / "elsewhere")
    path.symlink_to(path.parents[2] / "elsewhere")


def test_a_file_outside_the_folder_is_refused(hub: Hub, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.parquet").write_bytes(b"x")
    made = json.loads((folder / "manifest.json").read_text())
    made["files"]["../secret.parquet"] = {"sha256": "0", "bytes": 1}
    (folder / "manifest.json").write_text(manifest.dump(manifest.with_seal(made)))
    with pytest.raises(InputError, match="leaves the folder"):
        push(folder, REPO)


def test_somebody_elses_commit_is_not_overwritten(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    flip_card(folder)
    theirs = hub.repo(REPO)
    real = hub.preupload

    def meanwhile(*arguments):  # type: ignore[no-untyped-def]
        theirs.commit("main", "theirs", "", dict(theirs.head.tree))
        return real(*arguments)

    hub.preupload = meanwhile  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"changed while .* push again"):
        push(folder, REPO)
    assert theirs.head.title == "theirs"


def flip_card(folder: Path) -> None:
    reseal(folder, (folder / "README.md").read_text() + "\nMore.\n")


def reseal(folder: Path, card: str) -> None:
    manifest.rewrite(folder, manifest.whole(folder), manifest.CARD, card)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("manifest.json", '"seed": 0', '"seed": 1', "is damaged"),
        ("manifest.json", '"CC BY 4.0"', '"CC0"', "is damaged"),
        ("report.json", '"qa": 4', '"qa": 9', r"report\.json: its SHA-256"),
        ("README.md", "cc-by-4.0", "cc0-1.0", r"README\.md: its SHA-256"),
    ],
)
def test_an_edited_seal_report_or_card_is_not_published(
    hub: Hub, folder: Path, name: str, old: str, new: str, said: str
) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(InputError, match=said):
        push(folder, REPO)
    assert not hub.repos


def test_a_card_that_was_written_again_is_published_and_an_edited_report_makes_no_card(
    hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "README.md").write_text("mine")
    assert main(["dataset", str(folder), "--repo", REPO]) == 0
    push(folder, REPO)
    report = folder / "report.json"
    report.write_text(report.read_text().replace('"blind_majority": ', '"blind_majority": 0'))
    assert main(["dataset", str(folder)]) == 2
    assert "report.json: its SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "path", "how", "options"),
    [
        ("PUT", "/lfs/", 500, {"times": 2}),
        ("PUT", "/lfs/", "cut", {"times": 1, "skip": 2}),
        ("PUT", "/lfs/", "lost", {"times": 1}),
        ("POST", "/preupload/", 429, {"headers": {"Retry-After": "1"}}),
        ("POST", "/objects/batch", 503, {}),
        ("POST", "/commit/", 500, {"times": 2}),
        ("POST", "/commit/", "cut", {}),
        ("POST", "/commit/", "lost", {}),
        ("POST", "/validate-yaml", "cut", {}),
        ("GET", "/tree/", 502, {}),
        ("GET", "/tree/", "halve", {}),
        ("POST", "/repos/create", 429, {}),
        ("GET", f"/api/datasets/{REPO}$", 500, {}),
    ],
)
def test_a_passing_fault_costs_nothing_but_a_try(hub: Hub, folder: Path, method, path, how, options) -> None:  # type: ignore[no-untyped-def]
    fault = hub.fail(method, path, how, **options)
    made = push(folder, REPO)
    assert fault.times == 0, "the fault never came"
    repo = hub.repo(REPO)
    assert repo.head.oid == made
    assert len(repo.history()) == 2, "one commit, also where the answer to it was lost"


def test_after_a_broken_push_what_arrived_is_not_sent_again(hub: Hub, folder: Path) -> None:
    hub.fail("POST", "/commit/", 500, times=100)
    with pytest.raises(InputError, match="was left as it was"):
        push(folder, REPO)
    assert [commit.title for commit in hub.repo(REPO).history()] == ["initial commit"]
    assert len(hub.sent("PUT", "/lfs/")) == 6
    hub.faults.clear()
    hub.requests.clear()
    push(folder, REPO)
    assert not hub.sent("PUT", "/lfs/")


@pytest.mark.slow
def test_wherever_the_line_breaks_for_good_the_head_is_whole(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second version is being sent and the line dies after request 1, 2, 3 …: the head is the first or the second
    version, never a mixture, and another try sends only what has not arrived.
    """

    def shown() -> dict[str, bytes]:
        return {name: blob.content for name, blob in hub.repo(REPO).head.tree.items() if name != HUB_FILE}

    def files() -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}

    monkeypatch.setattr(publishing, "TRIES", 2)
    push(folder, REPO)
    first = files()
    for name in ("qa/train-00000-of-00001.parquet", "clips/test-00000-of-00001.parquet"):
        path = folder / name
        pq.write_table(pq.read_table(path), path, compression="gzip")  # the same rows in other bytes
    seal(folder)
    second = files()
    start = copy.deepcopy(hub.repos)
    real, after = hub.fault_for, 0
    while True:
        hub.repos = copy.deepcopy(start)
        seen = iter(range(10_000))
        monkeypatch.setattr(
            hub, "fault_for", lambda method, path, s=seen, k=after: Fault(method, path, "cut") if next(s) >= k else None
        )  # fmt: skip
        try:
            made = push(folder, REPO)
        except InputError as error:
            assert "was left as it was" in str(error), error
            made = None
        arrived = {name for repo in hub.repos.values() for name in repo.objects}
        assert shown() in (first, second), f"after {after} requests the head is neither"
        assert len(hub.repo(REPO).history()) <= 3
        monkeypatch.setattr(hub, "fault_for", real)
        hub.requests.clear()
        again = push(folder, REPO)
        assert shown() == second and hub.repo(REPO).head.oid == again
        assert len(hub.repo(REPO).history()) == 3, "one commit, however often it was tried"
        sent = {path.rsplit("/", 1)[-1] for _, path, _ in hub.sent("PUT", "/lfs/")}
        assert not sent & arrived, "what arrived is not sent again"
        if made is not None:
            break
        after += 1
    assert after >= 8, "every request of a push was the last one once"


def test_a_silent_server_is_given_up(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "SILENCE_S", 0.3)
    hub.fail("PUT", "/lfs/", "stall", seconds=2.0)
    push(folder, REPO)
    assert len(hub.sent("PUT", "/lfs/")) == 7


def test_a_hub_that_lies_about_what_it_holds_is_found_out(hub: Hub, folder: Path) -> None:
    real = hub.tree

    def lying(*arguments):  # type: ignore[no-untyped-def]
        answer = real(*arguments)
        answer.body = answer.body.replace(
            next(blob.lfs for blob in hub.repo(REPO).head.tree.values() if blob.lfs).encode(), b"0" * 64
        ) if len(hub.repo(REPO).history()) > 1 else answer.body  # fmt: skip
        return answer

    hub.tree = lying  # type: ignore[method-assign]
    with pytest.raises(InputError, match="has other bytes"):
        push(folder, REPO)


SPOILT = "clips/train-00000-of-00001.parquet"


def spoil_store(hub: Hub, folder: Path) -> None:
    """The next push stores one file with a wrong bit, and the Hub reports the hash of what was sent."""
    name = hashlib.sha256((folder / SPOILT).read_bytes()).hexdigest()
    hub.fail("PUT", f"/lfs/.*{name}", "corrupt")


def test_a_store_that_spoils_bytes_under_their_right_hash(
    hub: Hub, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its API gives no sign of it: who loads it finds out by the manifest."""
    spoil_store(hub, folder)
    push(folder, REPO)
    assert hub.faults[0].times == 0
    there = hub.repo(REPO).head.tree[SPOILT]
    assert there.lfs == hashlib.sha256((folder / SPOILT).read_bytes()).hexdigest()
    code = f"from huggingface_hub import snapshot_download; snapshot_download({REPO!r}, repo_type='dataset', local_dir={str(tmp_path / 'copy')!r})"
    stranger(hub, tmp_path / "stranger", code)
    assert build_main(["verify", str(tmp_path / "copy")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"1 file damaged: {SPOILT}: its SHA-256 is not the one" in said


def test_reading_back_finds_a_store_that_spoils_bytes(
    hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil_store(hub, folder)
    assert main(["push", str(folder), REPO, "--read-back"]) == 2
    assert (
        f"hands out other bytes than were sent, under their right hashes: {SPOILT} has"
        in (capsys.readouterr().err.splitlines()[-1])
    )


@pytest.mark.parametrize("how", ["cut", "halve", 503])
def test_reading_back_outlives_a_broken_line(hub: Hub, folder: Path, how: str | int) -> None:
    fault = hub.fail("GET", "/resolve/.*parquet", how)
    assert push(folder, REPO, read_back=True) == hub.repo(REPO).head.oid
    assert fault.times == 0


def test_what_cannot_be_read_back_is_published_all_the_same(hub: Hub, folder: Path) -> None:
    hub.fail("GET", "/resolve/.*parquet", 503, times=1000)
    with pytest.raises(InputError, match=f"{REPO} is published at .* but could not be read back"):
        push(folder, REPO, read_back=True)


def test_a_broken_line_of_the_client_that_sends_chunks_is_one_line(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It raises Python's own ConnectionError, not one of the HTTP library's."""

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("Network error: HTTP status client error (401 Unauthorized)")

    monkeypatch.setattr(HfApi, "preupload_lfs_files", broken)
    assert main(["push", str(folder), REPO]) == 2
    error = capsys.readouterr().err
    assert "401 Unauthorized" in error and "push again" in error and "Traceback" not in error


@pytest.mark.parametrize("repo", ["cases", "a/b/c", "clinic/ca ses", "clinic/..", "/cases"])
def test_a_name_that_is_no_repository(hub: Hub, folder: Path, repo: str) -> None:
    with pytest.raises(InputError, match="is no repository"):
        push(folder, repo)


def test_without_or_with_a_wrong_token(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="may not write"):
        push(folder, REPO, token="hf_wrong")
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent")
    with pytest.raises(InputError, match="HF_TOKEN"):
        push(folder, REPO)


def test_name_and_token_are_looked_at_before_the_search(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search of a real data set takes half a minute, and then there was no token."""

    def search(folder: Path, files: list[str]) -> list[str]:
        raise AssertionError("searched first")

    monkeypatch.setattr(publishing, "audit", search)
    with pytest.raises(InputError, match="is no repository"):
        push(folder, "no name")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(InputError, match="no token"):
        push(folder, REPO)


def test_a_dry_run_lists_what_a_push_sends_and_sends_nothing(
    hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert main(["push", str(folder), REPO, "--dry-run", "--public"]) == 0
    *rows, last = capsys.readouterr().out.splitlines()
    assert not hub.repos, "nothing was made"
    listed = {row.split("  ")[-1]: int(row.split(" bytes")[0].replace(",", "")) for row in rows}
    assert listed == {name: (folder / name).stat().st_size for name in publishing.files_of(folder)}
    assert f"{len(rows)} files, {sum(listed.values()):,} bytes" in last and "public" in last
    assert "private" not in last
    (folder / manifest.CARD).write_text("/home/anna/cases")
    assert main(["push", str(folder), REPO, "--dry-run"]) == 2, "a dry run refuses what a push refuses"


def test_an_error_is_one_line_without_the_token(
    hub: Hub, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fail("POST", "/commit/", 400, times=9)
    assert main(["push", str(folder), REPO]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("surgvqa-card: clinic/cases was left as it was: ")
    assert "Traceback" not in said and TOKEN not in said


def test_cards_are_valid_for_the_hub(hub: Hub, folder: Path) -> None:
    push(folder, REPO)
    card = DatasetCard.load(REPO)
    card.validate()
    assert card.data.license == "cc-by-4.0"
    assert [config["config_name"] for config in card.data.configs] == ["clips", "qa"]
    assert HfApi().dataset_info(REPO).card_data.pretty_name == "Invented VQA"


def test_the_hub_of_the_tests_refuses_a_bad_card(hub: Hub, folder: Path) -> None:
    path = folder / "README.md"
    reseal(folder, path.read_text().replace("license: cc-by-4.0", "license: free for all"))
    with pytest.raises(InputError, match="license"):
        push(folder, REPO)
    assert len(hub.repo(REPO).history()) == 1


def make_adapter(folder: Path, base: Path) -> list[float]:
    """A LoRA adapter with weights that matter on a tiny random model; returns its scores for five tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 64}
    plain = Qwen2ForCausalLM(Qwen2Config(**size, num_attention_heads=2, num_key_value_heads=2))
    plain.save_pretrained(base)
    lora = LoraConfig(
        r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    model = get_peft_model(plain, lora).eval()
    model.save_pretrained(folder, save_embedding_layers=False)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "Qwen/Qwen2-tiny"})
    )
    (folder / "training_args.bin").write_bytes(b"a pickle")
    (folder / "checkpoint-1").mkdir()
    (folder / "checkpoint-1/optimizer.pt").write_bytes(b"a pickle")
    with torch.no_grad():
        return model(torch.arange(5)[None]).logits[0, -1, :5].tolist()


@pytest.mark.slow  # a training, and two processes that load models
def test_a_published_adapter_gives_the_same_answers(hub: Hub, tmp_path: Path) -> None:
    adapter, base = tmp_path / "adapter", tmp_path / "base"
    before = make_adapter(adapter, base)
    assert main(["model", str(adapter)]) == 0
    assert main(["push", str(adapter), "clinic/adapter"]) == 0
    there = hub.repo("clinic/adapter", "model").head.tree
    assert set(there) == {".gitattributes", "README.md", "adapter_config.json", "adapter_model.safetensors"}
    ModelCard.load("clinic/adapter").validate()
    code = f"""
import json, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
plain = AutoModelForCausalLM.from_pretrained({str(base)!r})
model = PeftModel.from_pretrained(plain, "clinic/adapter").eval()
with torch.no_grad():
    print(json.dumps(model(torch.arange(5)[None]).logits[0, -1, :5].tolist()))
"""
    after = json.loads(stranger(hub, tmp_path / "stranger", code).splitlines()[-1])
    assert after == pytest.approx(before, abs=1e-6)
    assert before != pytest.approx([0.0] * 5, abs=1e-4)


def test_weights_that_can_run_code_are_not_published(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InputError, match="no weights as"):
        push(tmp_path, "clinic/model")
    assert not hub.requests


def test_a_base_model_named_by_its_place_is_refused(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/home/jane/base"}))
    (tmp_path / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    with pytest.raises(
        InputError, match=r"adapter_config.json \(base_model_name_or_path\): a path of a disk"
    ):
        push(tmp_path, "clinic/model")
