"""What the tool itself writes passes its own audit: numbers, a declared citation, data sets and cards."""

from __future__ import annotations

import json
import random
import re
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from published import seal, write_dataset
from surgvqa.builders.procedures import taxonomy
from surgvqa.cards.files import manifest
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.publish.hits import in_text
from surgvqa.cards.publish.identifiers import RULES
from surgvqa.cards.publish.push import dataset_files
from surgvqa.cards.publish.tables import in_table
from surgvqa.cards.write.model import TrainedModel, model_card

CITATION = """@article{ghamsarian2024,
  author = {Ghamsarian, Negin and
            Putzgruber-Adamitsch, Doris and Wolf, Sebastian},
  title = {Cataract-1K}, year = {2024}
}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset")


def test_no_number_is_found_inside_a_longer_one(tmp_path: Path) -> None:
    """20,000 coordinates, shares and differences with all their digits, as text and in a table's column."""
    draw = random.Random(0)
    numbers = [draw.uniform(-1, 1) * 10 ** draw.randint(-6, 3) for _ in range(20_000)]
    numbers += [409.15858135571, 432.13971127439, 0.043478260869565216, 13812345678.5, 0.13912345678]
    texts = [json.dumps({"bbox": numbers[at : at + 4], "value": numbers[at]}) for at in range(0, 20_005, 4)]
    texts += [f"{number:+.17g} points" for number in numbers if abs(number) < 1]
    texts += ["aged 63.95 years old", "x 12.345 678 9012", "[0.1234 5678 9012 3456]", "0.12345678901234567X"]
    assert {str(hit) for text in texts for hit in in_text("file", "scene", text, RULES)} == set()
    pq.write_table(pa.table({"scene": texts}), tmp_path / "t.parquet")
    assert audit(tmp_path, ["t.parquet"]) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("13812345678", "a phone number"), ("ask 13812345678.", "a phone number"), ("[13812345678,13912345678]", "a phone number"),
        ("Nr.13812345678", "a phone number"), ("电话13812345678", "a phone number"), ("123-45-6789", "a patient's identity"),
        ("(123 45 6789)", "a patient's identity"), ("11010519491231002X", "a patient's identity"), ("4111 1111 1111 1111.", "a patient's identity"),
        ("95 years old", "an age over 89"), ("+49 30 1234567", "a phone number"),
    ],
)  # fmt: skip
def test_a_whole_number_is_still_found(tmp_path: Path, text: str, what: str) -> None:
    assert what in {hit.what for hit in in_text("file", "column", text, RULES)}
    pq.write_table(pa.table({"answer": [text]}), tmp_path / "t.parquet")
    assert what in {hit.what for hit in audit(tmp_path, ["t.parquet"])}


def test_authors_are_allowed_where_the_card_prints_the_citation_and_nowhere_else(folder: Path) -> None:
    made = manifest.read(folder)
    seal(folder, source=dict(made["source"]) | {"citation": CITATION})
    assert audit(folder, dataset_files(folder)) == []
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nSeen by Sebastian Wolf, with Wolf, Sebastian.\n")
    assert {(hit.file, hit.what) for hit in audit(folder, ["README.md"])} == {
        ("README.md", "a person's name")
    }
    (folder / "notes.md").write_text(CITATION)
    assert audit(folder, ["notes.md"]), "the same words in another file"


@pytest.mark.parametrize("word", ["MRN 123456", "jane@clinic.org", "hf_" + "a" * 30, "/home/jane/x.mp4"])
def test_a_citation_hides_nothing_but_authors(folder: Path, word: str) -> None:
    made = manifest.read(folder)
    seal(folder, source=dict(made["source"]) | {"citation": CITATION + "\n" + word})
    assert audit(folder, ["README.md"])


def test_a_model_card_is_clean_and_its_numbers_are_short(tmp_path: Path) -> None:
    """An accuracy of 1 in 23 has 17 digits, which once were a Chinese citizen's number."""
    kind = {"n": 23, "accuracy": 1 / 23, "ci95": [0.0, 0.1], "chance": 1 / 7, "blind_majority": 5 / 23, "lift": -4 / 23,
            "single_class": False, "collapsed": False}  # fmt: skip
    score = {"n": 23, "rule": "choice", "accuracy": 1 / 23, "ci95": [0.0, 0.1], "macro_accuracy": 1 / 23, "blind_majority": 5 / 23,
             "errors": 0, "empty": 0, "by_kind": {"box": kind}, "notes": []}  # fmt: skip
    model = TrainedModel(
        adapter=True, config={}, budget={}, run={"train_loss": 1.7019797254491735}, processor=False
    )
    card = model_card(model, {"score.json": score})
    (tmp_path / "README.md").write_text(card)
    assert audit(tmp_path, ["README.md"]) == []
    assert "value: 0.0435\n" in card and "| 1.702 |" in card


def names_of_all_procedures() -> list[str]:
    """The names of every procedure that ships."""
    taxonomies = [taxonomy.load(name) for name in taxonomy.shipped_procedures()]
    return sorted({name for one in taxonomies for name in (*one.phases, *one.anatomy, *one.instruments)})


def test_no_name_of_a_procedure_in_a_question_or_an_answer_is_a_hit(tmp_path: Path) -> None:
    """The cystic plate at 9 o'clock once was the plate of a car."""
    draw, names = random.Random(0), names_of_all_procedures()
    folder = resources.files("surgvqa.builders.asking")
    wordings = [
        line
        for file in ("templates.yaml", "field_templates.yaml")
        for line in re.findall(r"- \"?(.*?)\"?\n", (folder / file).read_text("utf-8"))
    ]
    answers = [
        "{a} is at {n} o'clock",
        "the {a} at {n}.5 s",
        "{a}: {n}",
        "{a} covers {n} %",
        "{a} {n} {b}",
        "{a} or {b}, {n} to 1{n} s",
    ]
    texts = []
    for name in names:
        for wording in [*draw.sample(wordings, 12), *answers]:
            fill = {"a": name, "b": draw.choice(names), "n": str(draw.randint(1, 12)), "x": "bottom-left"}
            fill |= {
                "when": f"at {draw.randint(0, 90)}.5 s of the clip",
                "choices": f"A. {name}\nB. {draw.choice(names)}",
            }
            texts.append(re.sub(r"{(\w+)}", lambda match, fill=fill: fill.get(match[1], match[1]), wording))
    assert len(names) > 200 and len(texts) > 3000
    pq.write_table(pa.table({"answer": texts}), tmp_path / "t.parquet")
    assert audit(tmp_path, ["t.parquet"]) == []
    assert audit(tmp_path, ["t.parquet"], {"a plate": r"(?i:\bplate[ :=]*[A-Z]{1,3}[ -][A-Z]{0,2} ?\d{1,4})"})


def test_the_bar_moves_within_one_file(tmp_path: Path) -> None:
    table = pa.table({"question": [f"what is in view, {k}?" for k in range(400)], "answer": ["hook"] * 400})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=100)
    steps: list[int] = []
    assert list(in_table("t.parquet", tmp_path / "t.parquet", RULES, steps.append)) == []
    assert len(steps) == 8 and all(steps) and sum(steps) < (tmp_path / "t.parquet").stat().st_size
