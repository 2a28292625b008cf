"""Cards say what was measured, stay valid whatever a label holds, and tell nothing of the machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_cards import card_faults, front_matter
from huggingface_hub import parse_eval_result_entries
from markdown_it import MarkdownIt
from published import report, seal, write_dataset
from surgvqa.cards.__main__ import main
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest, sums
from surgvqa.cards.publish import audit, push
from surgvqa.cards.write.dataset import dataset_card
from surgvqa.cards.write.model import describe, model_card

NASTY = (
    "a|b", "<script>alert(1)</script>", "x\n\n# Heading\n", "red\x1b[31m", "`code` ``` fence", "[a](javascript:b)",
    "---\nlicense: mit\n---", "!!python/object:os.system", "{{ 7 * 7 }}", "{% raw %}", "*b* _i_ ~~s~~ $x$ &amp; \\",
    "\u202egnp.exe", "<img src=x onerror=alert(1)>", "https://evil.example/x", "| - | - |", "</td>", "",
)  # fmt: skip


def kind(n: int = 8, accuracy: float = 0.75, **changes: Any) -> dict[str, Any]:
    return {
        "n": n, "accuracy": accuracy, "ci95": [0.6, 0.9], "chance": 0.5, "blind_majority": 0.5,
        "lift": accuracy - 0.5, "single_class": False, "collapsed": False,
    } | changes  # fmt: skip


def score(**kinds: dict[str, Any]) -> dict[str, Any]:
    return {
        "n": 40, "accuracy": 0.7, "rule": "exact", "accuracy_by_rule": {"exact": 0.7}, "macro_accuracy": 0.65,
        "blind_majority": 0.4, "ci95": [0.55, 0.82], "errors": 1, "empty": 2, "notes": ["one site"], "by_kind": kinds or {"phase": kind()},
    }  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Any]:
    return seal(write_dataset(tmp_path / "dataset"))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "lora_dropout": 0.0, "target_modules": ["q_proj"],
              "base_model_name_or_path": "Qwen/Qwen2.5-VL-3B-Instruct"}  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "surgvqa.json").write_text(json.dumps({"frames": 8, "media": "images", "max_pixels": 50176}))
    run = {"num_train_epochs": 3, "epoch": 0.4444444444444444, "train_batch_size": 2, "global_step": 40, "log_history": [{"loss": 2.0}, {"train_loss": 0.0625}],
           "best_model_checkpoint": "/home/jane/out/checkpoint-40"}  # fmt: skip
    (folder / "trainer_state.json").write_text(json.dumps(run))
    return folder


def html(card: str) -> str:
    return (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL))
    )


def tables(card: str) -> list[list[int]]:
    """Per table of a card the number of cells of each row."""
    return [
        [len(re.findall(r"<t[dh]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
        for table in re.findall(r"<table>.*?</table>", html(card), re.DOTALL)
    ]


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_card_of_a_data_set_says_what_was_measured(made: dict[str, Any]) -> None:
    card = dataset_card(made, report(), "clinic/cases")
    assert not card_faults(card, "dataset")
    assert "| `train` | 2 | 4 | 4 |" in section(card, "Splits")
    assert "| `phase` | 8 | 2 | 2 | `incision` | 50.0 % | 50.0 % |" in section(card, "Questions")
    assert "| `train/test` | 0 | 0 | 0 | 0 |" in section(card, "Leaks between the splits")
    assert "Nothing was left out." in section(card, "Left out")
    assert "agreement 0.98" in section(card, "Measured on the input")
    assert "--clip-seconds 5.0 --frames 2 --seed 0" in section(card, "How it was made")
    assert 'load_dataset("clinic/cases", "clips", split="train")' in section(card, "Load it")
    assert "@misc{invented" in section(card, "Citation")
    assert "have not been audited" in section(card, "Privacy")
    data = front_matter(card)
    assert data["configs"][0].pop("description").startswith("content ")
    assert data["configs"][0] == {
        "config_name": "clips", "default": True,
        "data_files": [{"split": s, "path": f"clips/{s}-*.parquet"} for s in ("train", "validation", "test")],
    }  # fmt: skip
    assert data["size_categories"] == ["n<1K"]


def test_no_section_and_no_cell_is_empty(made: dict[str, Any], adapter: Path) -> None:
    for card in (dataset_card(made, report()), model_card(describe(adapter), {"test": score()}, data=made)):
        for part in card.split("\n## ")[1:]:
            assert len(part.splitlines()) > 2 and part.split("\n", 1)[1].strip(), part
        assert "None" not in card and "Undefined" not in card


def test_drops_are_counted_by_cause_and_name_nobody(made: dict[str, Any]) -> None:
    made["dropped"] = [
        {"item": f"DOE_John_{n}", "cause": f"clip ends at {n}.5 s, beyond /data/DOE_John/{n}.mp4"}
        for n in range(30)
    ] + [{"item": "x", "cause": "a byte-equal copy"}]
    card = dataset_card(made, report())
    assert "| 30 | clip ends at 0.5 s, beyond FILE |" in card
    assert "| 1 | a byte-equal copy |" in card and "31 items" in card
    assert "DOE" not in card and "/data" not in card


def test_a_kind_with_one_answer_is_called_out(made: dict[str, Any]) -> None:
    told = report()
    told["kinds"]["entered"] = told["kinds"]["phase"] | {"answers": {"no": 3}, "single_class": True}
    told["warnings"] = ["entered: one answer only"]
    card = dataset_card(made, told)
    assert "measure nothing: `entered`" in card and "- entered: one answer only" in section(card, "Questions")


def test_the_audited_bound(made: dict[str, Any]) -> None:
    card = dataset_card(made | {"privacy": {"frames": 3000, "hits": 0}}, report())
    assert "0 hits in 3000 frames audited; at most 0.1 % of all frames (95 %)" in section(card, "Privacy")
    assert "do not publish" in dataset_card(made | {"privacy": {"frames": 3000, "hits": 2}}, report())


@pytest.mark.parametrize("text", NASTY)
def test_no_label_escapes_its_place_in_a_data_sets_card(made: dict[str, Any], text: str) -> None:
    clean = dataset_card(made, report())
    told = report()
    told["kinds"] = {text: told["kinds"]["phase"] | {"majority_answer": text}}
    told["leaks"]["pairs"] = {text: told["leaks"]["pairs"]["train/test"]}
    told["notes"], told["warnings"], told["blind_on"] = [text], [text], text
    made["source"] = dict.fromkeys(made["source"], text) | {"homepage": text.replace("https:", "ftp:")}
    made["parameters"] |= {"clip_seconds": text}
    made["dropped"] = [{"item": text, "cause": text}]
    card = dataset_card(made, told)
    assert_harmless(card)
    assert not card_faults(card, "dataset")
    assert set(front_matter(card)) - {"license_name", "license_link"} == set(front_matter(clean)) - {
        "license_name"
    }
    assert re.findall("^## .*", card, re.MULTILINE)[:5] == re.findall("^## .*", clean, re.MULTILINE)[:5]
    assert html(card).count("<h1>") == 1 and html(card).count("<h2>") == html(clean).count("<h2>")


@pytest.mark.parametrize("text", NASTY)
def test_no_label_escapes_its_place_in_a_models_card(made: dict[str, Any], adapter: Path, text: str) -> None:
    model = describe(adapter)
    model.run.update({"note": text, text or "x": "y"})
    model.budget.update({"media": text, text or "x": "y"})
    model.config.update({"peft_type": text, "target_modules": [text], "base_model_name_or_path": text})
    made["source"] = dict.fromkeys(made["source"], text)
    card = model_card(model, {text or "x": score(**{text or "x": kind()}), "other": score()}, data=made)
    assert_harmless(card)
    assert not card_faults(card, "model")


def assert_harmless(card: str) -> None:
    assert not [char for char in card if not char.isprintable() and char != "\n"]
    page = html(card)
    assert not re.search(r"<(script|img)|</td>\s*</td>|javascript:[^<]*\"|href=\"https://evil", page), page
    for cells in tables(card):
        assert len(set(cells)) == 1, "a label made a cell of its own"


@pytest.mark.parametrize(
    ("licence", "known"),
    [("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"), ("CC_BY 4.0", "cc-by-4.0"), ("Apache-2.0", "apache-2.0")],
)
def test_a_licence_the_hub_knows(made: dict[str, Any], licence: str, known: str) -> None:
    made["source"]["licence"] = licence
    assert front_matter(dataset_card(made, report()))["license"] == known


def test_the_card_says_by_whom_the_cases_were_split(made: dict[str, Any]) -> None:
    figures = report()
    figures["notes"] = [*figures["notes"], "split: as the source splits its cases, by the authors' fold 0"]
    card = dataset_card(made, figures)
    assert "Split: as the source splits its cases, by the authors' fold 0." in section(card, "Splits")
    assert "fold 0" not in section(card, "Measured on the input")


def test_what_was_not_compared_is_no_zero(made: dict[str, Any]) -> None:
    figures = report()
    figures["leaks"] = figures["leaks"] | {"frames_compared": 0}
    leaks = section(dataset_card(made, figures), "Leaks between the splits")
    assert "| `train/test` | 0 | 0 | 0 | – |" in leaks and "no frame was compared by its look" in leaks


def test_a_licence_the_hub_does_not_know_is_named(made: dict[str, Any]) -> None:
    made["source"]["licence"] = "Hospital data use agreement (2026)"
    data = front_matter(dataset_card(made, report()))
    assert data["license"] == "other" and data["license_name"] == "hospital-data-use-agreement-2026"
    assert data["license_link"] == "https://example.org/cases"


def test_a_report_of_another_version_is_refused(made: dict[str, Any]) -> None:
    for missing in ("leaks", "kinds", "blind_on"):
        with pytest.raises(InputError, match=f"lacks .*{missing}"):
            dataset_card(made, {name: value for name, value in report().items() if name != missing})


def test_the_card_of_a_model_puts_blind_beside_every_number(made: dict[str, Any], adapter: Path) -> None:
    found = score(
        phase=kind(20, 0.9),
        entered=kind(20, 0.5, single_class=True, blind_majority=1.0, lift=-0.5, ci95=None),
    )
    card = model_card(
        describe(adapter), {"score": found}, data=made, data_id="clinic/cases", repo_id="clinic/adapter"
    )
    assert not card_faults(card, "model")
    assert "| `phase` | 20 | 90.0 % | 60.0 % to 90.0 % | 50.0 % | 50.0 % | +40.0 |  |" in card
    assert "| `entered` | 20 | 50.0 % | – | 50.0 % | 100.0 % | -50.0 | one answer only |" in card
    assert "accuracy **70.0 %**" in card and "blind 40.0 %" in card and "1 errors, 2 empty" in card
    assert (
        "| frames | 8 |" in card and "| max pixels | 50176 |" in card and "| `train_loss` | 0.0625 |" in card
    )
    assert 'PeftModel.from_pretrained(base, "clinic/adapter")' in card and "(CC BY 4.0)" in card
    data = front_matter(card)
    assert data["base_model"] == "Qwen/Qwen2.5-VL-3B-Instruct" and data["datasets"] == ["clinic/cases"]
    metrics = {m["name"]: m["value"] for r in data["model-index"][0]["results"] for m in r["metrics"]}
    assert metrics["accuracy"] == 0.7 and metrics["accuracy of the blind majority"] == 0.4
    assert metrics["accuracy on phase"] == 0.9


def test_a_models_card_tells_nothing_of_the_machine(adapter: Path, tmp_path: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": str(tmp_path / "b")})
    )
    card = model_card(describe(adapter), {})
    assert not card_faults(card, "model")
    assert str(tmp_path) not in card and "/home" not in card and "jane" not in card
    assert "base_model" not in front_matter(card)
    assert "Not evaluated" in card


def test_a_folder_that_looks_like_a_name_of_the_hub_is_none(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "demo/base"})
    )
    monkeypatch.chdir(tmp_path)
    assert front_matter(model_card(describe(adapter), {}))["base_model"] == "demo/base"
    (tmp_path / "demo/base").mkdir(parents=True)
    card = model_card(describe(adapter), {})
    assert "base_model" not in front_matter(card) and "huggingface.co/demo" not in card
    assert 'AutoModelForImageTextToText.from_pretrained("base")' in card and "BASE_MODEL" not in card


def test_a_models_card_says_what_was_done_and_fills_its_names(adapter: Path) -> None:
    """Epochs that were run, not those that were asked for; what the trainer's log leaves out; no NAME of ours."""
    facts = {"learning_rate": 0.002, "lr_scheduler": "cosine", "seed": 7, "batch_per_step": 16}
    (adapter / "surgvqa_training.json").write_text(json.dumps(facts))
    card = model_card(describe(adapter), {"score": score()})
    for row in ("| `epochs` | 0.444 |", "| `steps` | 40 |", "| `learning_rate` | 0.002 |", "| `seed` | 7 |", "| `batch_per_step` | 16 |"):  # fmt: skip
        assert row in card
    assert "num_train_epochs" not in card and not re.search(r"\bNAME\b|ORG/|BASE_MODEL", card)
    assert 'PeftModel.from_pretrained(base, "adapter")' in card
    assert front_matter(card)["model-index"][0]["name"] == "Surgical VQA adapter"
    named = model_card(describe(adapter), {"score": score()}, repo_id="clinic/eyes")
    assert front_matter(named)["model-index"][0]["name"] == "eyes" and '"clinic/eyes"' in named


def test_a_models_card_says_of_how_many_questions_its_accuracy_is(adapter: Path) -> None:
    card = model_card(describe(adapter), {"score": score() | {"n": 250, "n_headline": 244}})
    assert "244 of 250 questions count, the others are of kinds with one answer only." in card


def test_the_commands_write_the_cards(made: dict[str, Any], adapter: Path, tmp_path: Path) -> None:
    dataset, scores = tmp_path / "dataset", tmp_path / "score.json"
    scores.write_text(json.dumps(score()))
    (dataset / "README.md").unlink()
    assert main(["dataset", str(dataset), "--repo", "clinic/cases"]) == 0
    assert (dataset / "README.md").read_text() == dataset_card(made, report(), "clinic/cases")
    assert main(["model", str(adapter), "--score", str(scores), "--dataset", str(dataset)]) == 0
    assert "accuracy **70.0 %**" in (adapter / "README.md").read_text()


def test_scores_are_files_of_the_hub_with_the_blind_floor_beside(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = tmp_path / "held out.json"
    scores.write_text(json.dumps(score()))
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    sums.write(adapter)
    words = ["model", str(adapter), "--score", str(scores), "--benchmark"]
    assert main([*words, "clinic/cases", "--task", "choice"]) == 0
    name = ".eval_results/held-out.yaml"
    (entry,) = parse_eval_result_entries(yaml.safe_load((adapter / name).read_text()))  # the Hub's own reader
    assert (entry.dataset_id, entry.task_id, entry.value) == ("clinic/cases", "choice", 70.0)
    assert f"blind floor {100 * score()['blind_majority']:.1f} " in (entry.notes or "")
    assert name in push.model_files(adapter) and not sums.faults(adapter)
    assert not audit.audit(adapter, [name])
    (adapter / name).write_text("- value: 99.0\n")
    assert [one for one in sums.faults(adapter) if name in one]  # an edited result shows
    assert main([*words, "cases"]) == 2
    assert "ORG/NAME of a data set" in capsys.readouterr().err
    assert main(["model", str(adapter), "--benchmark", "clinic/cases"]) == 2
    assert "needs --score" in capsys.readouterr().err


def compared(a: str = "hf", b: str = "vllm", split: str = "test") -> dict[str, Any]:
    """What `surgvqa-eval compare` leaves, as far as the card reads it."""
    runs = {
        "a": {"engine": a, "split": "test", "control": "none"},
        "b": {"engine": b, "split": split, "control": "none"},
    }
    answers = {"n": 4006, "differ": 3, "verdict_differs": 1, "by_kind": {"phase": 2, "entered": 1}}
    return {"runs": runs, "answers": answers, "difference": 0.0}


def test_the_card_says_how_many_answers_differ_between_engines(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "parity.json").write_text(json.dumps(compared()))
    assert main(["model", str(adapter), "--parity", str(tmp_path / "parity.json")]) == 0
    card = (adapter / "README.md").read_text()
    assert "| `hf` and `vllm` | 4006 | 3 | 1 | `entered` 1, `phase` 2 |" in card
    assert not card_faults(card, "model")
    equal = compared()
    equal["answers"] |= {"differ": 0, "verdict_differs": 0, "by_kind": {}}
    (tmp_path / "parity.json").write_text(json.dumps(equal))
    assert main(["model", str(adapter), "--parity", str(tmp_path / "parity.json")]) == 0
    assert "| `hf` and `vllm` | 4006 | 0 | 0 | – |" in (adapter / "README.md").read_text()


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "parity.json doesn't say which engines answered; give what `surgvqa-eval compare A B --out`"),
        (compared(b="hf"), "parity.json compares hf with itself"),
        (compared(split="validation"), "compares runs on other questions"),
    ],
)
def test_a_comparison_that_is_none_of_engines(
    figures: dict[str, Any], said: str, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parity.json").write_text(json.dumps(figures))
    assert main(["model", str(adapter), "--parity", str(tmp_path / "parity.json")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["dataset", "nowhere"], "nowhere: no such folder"),
        (["dataset", "."], "manifest.json: no such file"),
        (["model", "."], "is no model"),
        (["model", "adapter", "--score", "none.json"], "surgvqa-eval score"),
        (["model", "adapter", "--score", "bad.json"], "lacks 'by_kind'"),
        (["model", "adapter", "--dataset", "not here"], "neither a folder"),
        (["push", ".", "clinic/x"], "neither a data set"),
        (["audit", "."], "neither a data set"),
    ],
)
def test_mistakes_are_one_clear_line(
    argv: list[str],
    said: str,
    adapter: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (adapter.parent / "bad.json").write_text("{}")
    monkeypatch.chdir(adapter.parent)
    assert main(argv) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.count("\n") == 1


def test_training_and_the_verb_find_a_data_sets_manifest_the_same_way(
    made: dict[str, Any], tmp_path: Path
) -> None:
    """A folder with a manifest is that data set, a name is the Hub's, a folder without one is an error of the verb."""
    assert manifest.of_name("org/name") == (None, "org/name")
    assert (
        manifest.of_name("nowhere") == manifest.of_name("") == manifest.of_name(str(tmp_path)) == (None, None)
    )
    data, data_id = manifest.of_name(str(tmp_path / "dataset"))
    assert (data and data["source"], data_id) == (made["source"], None)
