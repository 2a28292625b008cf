"""Identifiers of every kind in four languages are found; what surgeons and questions say is not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from surgvqa.cards.publish.audit import RULES, audit, in_text

DATES = (
    "1971-03-09", "1971-3-9", "09.03.1971", "9.3.1971", "09.03.71", "03/09/71", "3/9/1971", "19710309", "19710309101500",
    "1971_03_09", "1971.03.09", "1971 03 09", "9 March 1971", "March 9, 1971", "9. März 1971", "9. Mai 1971", "5. Okt. 2020",
    "9 mars 1971", "3 août 2020", "9 de marzo de 1971", "9 marzo 1971", "1971年3月9日", "二〇二一年三月九日", "09-MAR-71",
    "2021-Mar-09", "1971:03:09 10:15:00", "geb. 9.3.71", "scan_20210309.mp4",
)  # fmt: skip
NUMBERS = (
    "MRN 8812345", "MRN: 8812345", "Pat-Nr. 4455667", "Patientennummer 4455667", "Fallnummer: 20219933", "PID=4455667",
    "patient id 4455667", "Hospital number 99887766", "medical record no. 88776655", "NHS 485 777 3456", "病历号：0099887",
    "住院号 556677", "KVNR B987654321", "Insurance ID B987654321", "Accession No. B7654321", "accession: 77889900",
    "Serial No. 1122334", "S/N 99-8877-66", "Seriennummer 5544332", "device id 778899", "123-45-6780", "123 45 6780",
    "account 4539 1488 0343 6468", "1.2.840.10008.5.1.4.1.1.77.1.4", "2.25.1.99.3.4.5.6", "case 88123456", "IBAN DE89 3704 0044 0532 0130 00",
    "11010519491231002X", "Kennzeichen HD-XY 123", "plate HD-XY 123", "licence plate: hd-xy 123",
)  # fmt: skip
PLACES = (
    "+49 6221 56-1234", "+1 (212) 555-0147", "Tel. 06221 561234", "fax 212-555-0147", "13912345678", "77 Elm Street, Dayton",
    "Hauptstraße 12", "Boston MA 02116", "02116-4321", "D-69120 Heidelberg", "14 rue de la Paix", "南京路100号",
    "https://ris.klinik.de/7", "http://pacs/studies/7", "m.muster@klinik.de", "fe80::2ff:fe23:4567:89ab", "00-1C-44-11-3A-B8",
    "192.168.4.17", "/pacs/2020/x.mp4", "/d2/roe/x", "see|/home/roe", "../../ROE_Jane/x.mp4", "\\\\ris\\share\\x", "D:\\OP\\x.mp4",
)  # fmt: skip
KEYS = (
    "AIza" + "b" * 35, "xoxp-123456789012-abcdefghij", "ASIA" + "B" * 16, "github_pat_" + "b" * 60, "hf_" + "b" * 34,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIn0.bcdefghijkl", "Authorization: Bearer bcdefghijk", "0a1b2c3d4e" * 4,
    "api_key=abcdef123", "password: hunter22", "npm_" + "b" * 36, "https://me:secret1@host.org/x", "glpat-" + "b" * 20,
)  # fmt: skip
NAMES = (
    "Patient Anna Schmidt was positioned", "seen by Dr. Weber", "Smith, Jennifer", "Jennifer Smith", "SCHMIDT ANNA", "MÜLLER_JÜRGEN",
    "mueller^hans", "WEBER^KARL", "MÜLLER^KARL", "Herr Krause", "Frau Becker", "Prof. Dr. Wagner", "患者姓名：王芳", "王^芳", "李娜",
    "主刀 李明", "Patientenname: Krause", "Name: Jennifer Roe", "Pierre Dupont", "Maria Garcia", "born 1932", "Jahrgang 1932",
    "a 94-year-old man", "aged 91", "94 Jahre alt", "jennifer_smith",
)  # fmt: skip
ORDINARY = (
    "Is the Large Needle Driver left of the Maryland Dissector?", "The Calot Triangle is being dissected.", "Yes. No. None.",
    "Veress needle, Babcock forceps, Kelly clamp and Allis clamp.", "Kirschner, Pringle, Hartmann Pouch, Douglas pouch, Whipple.",
    "Which phase comes at 12.5 s of 1,024 s?", "fps 29.97, 1920x1080, 3/4 of it", "The first 3 phases took 91 years of practice.",
    "surgvqa 0.1.0, datasets 5.2.0, torch 2.9.10", "commit 0a1b2c3d4e0a1b2c3d4e0a1b2c3d4e0a1b2c3d4e", "sha256 " + "0a" * 32,
    "op@7731000-7736000#phase-1", "Das Instrument ist links oben.", "这是什么器械？", "高频电刀在左边", "at 10:31:05.250", "ratio 1:2:3",
    "https://arxiv.org/abs/2401.00001", "std::vector", "Phase IV, Step B, CaDIS, EndoVis 2018, Cholec80", "batch 12 of 100000",
)  # fmt: skip
PLANTED = (*DATES, *NUMBERS, *PLACES, *KEYS, *NAMES)


def hits(text: str) -> list[str]:
    return [hit.what for hit in in_text("file", "column", text, RULES)]


def test_at_least_97_of_100_planted_identifiers_are_found_in_running_text() -> None:
    """Each alone, in a sentence, and in brackets: 360 of them."""
    frames = ("{}", "The video ({}) shows the gallbladder.", "notes; {}; end")
    asked = [(planted, frame) for planted, frame in itertools.product(PLANTED, frames)]
    missed = [(planted, frame) for planted, frame in asked if not hits(frame.format(planted))]
    assert len(asked) > 350
    assert len(missed) <= 0.03 * len(asked), missed


@pytest.mark.parametrize("text", ORDINARY)
def test_what_surgeons_say_is_no_identifier(text: str) -> None:
    assert hits(text) == []


def places(folder: Path, planted: str) -> Iterator[str]:
    """A file of every kind with the words in it; each says where."""
    folder.mkdir()
    texts = {"card.md": f"# A card\n\n{planted}\n", "notes.yaml": f"a: 1  # {planted}\n", "log.jsonl": json.dumps({"said": planted}),
             "run.json": json.dumps({"arguments": {"note": planted}}), "look.ipynb": json.dumps({"cells": [{"source": [planted]}]}),
             "table.csv": f"a,b\n1,{planted}\n", "train.log": f"step 1: {planted}\n"}  # fmt: skip
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    pq.write_table(
        pa.table({"answer": ["yes", planted], "qa": [[{"q": "a"}], [{"q": planted}]]}),
        folder / "rows.parquet",
    )
    yield from (*texts, "rows.parquet")


@pytest.mark.parametrize(
    "planted", ["Jennifer Smith", "9. März 1971", "Accession No. B7654321", "Tel. 06221 561234", "李娜"]
)
def test_it_is_found_in_every_place_that_a_folder_has(tmp_path: Path, planted: str) -> None:
    files = list(places(tmp_path / "folder", planted))
    found = audit(tmp_path / "folder", files)
    assert {hit.file for hit in found} == set(files)
    assert {hit.where for hit in found if hit.file == "rows.parquet"} == {"answer", "qa.q"}
    assert not any(planted in str(hit) for hit in found), "a hit doesn't spread what it found"


def test_a_number_under_a_telling_key_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps({"info": {"MRN": 8812345, "clips": 12345678, "patient_name": "x"}})
    )
    assert {hit.where for hit in audit(tmp_path, ["a.json"])} == {"info.MRN", "info.patient_name"}


def test_words_of_real_questions_are_no_identifiers(realdata: Path) -> None:
    """False alarms stay under one in a thousand sentences."""
    texts: set[str] = set()

    def walk(value: object) -> None:
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            if isinstance(one, str):
                texts.add(one)
            walk(one)

    for path in sorted((realdata / "surgvivqa").rglob("*.jsonl")):
        walk([json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()])
    for path in sorted((realdata / "endochat_endovis17vqa").rglob("*.json*")):
        text = path.read_text("utf-8")
        walk(
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else json.loads(text)
        )
    for path in sorted((realdata / "endovis18vqa_text").rglob("*.txt")):
        texts |= {
            part for line in path.read_text("utf-8", "replace").splitlines() for part in line.split("|")
        }
    sentences = sorted(
        text for text in texts if " " in text and "\\" not in text and not text.endswith(".jpg")
    )
    assert len(sentences) > 1000
    wrong = [(text, hits(text)) for text in sentences if hits(text)]
    assert len(wrong) <= len(sentences) / 1000, wrong[:5]
