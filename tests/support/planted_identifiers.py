"""Identifiers drawn by Faker from seeds, in four languages, and files of every kind to hide one in each."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from faker import Faker

LOCALES = {
    "en": ("en_US", "en_GB"),
    "de": ("de_DE", "de_AT"),
    "fr": ("fr_FR", "fr_CA"),
    "zh": ("zh_CN", "zh_TW"),
}
SAID = {  # how a name comes up
    "en": (
        "Patient: {}",
        "operated by {}",
        "Dr. {}",
        "{}",
        "The video of {} was reviewed.",
        "Contributor: {}",
    ),
    "de": (
        "Patientin {}",
        "operiert von {}",
        "Dr. med. {}",
        "{}",
        "Das Video von {} wurde gesichtet.",
        "Herr {}",
    ),
    "fr": ("Patient : {}", "opéré par {}", "Mme {}", "{}", "La vidéo de {} est annotée.", "Dr {}"),
    "zh": ("患者{}", "主刀医生{}", "姓名：{}", "{}", "{}医生审阅了录像。", "患者姓名 {}"),
}
MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "de": [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
}
DATES: tuple[Callable[[int, int, int], str], ...] = (
    lambda y, m, d: f"{y}-{m:02d}-{d:02d}",
    lambda y, m, d: f"{d:02d}.{m:02d}.{y}",
    lambda y, m, d: f"{d}.{m}.{y}",
    lambda y, m, d: f"{m:02d}/{d:02d}/{y}",
    lambda y, m, d: f"{y}{m:02d}{d:02d}",
    lambda y, m, d: f"{y}/{m:02d}/{d:02d}",
    lambda y, m, d: f"{d} {MONTHS['en'][m - 1]} {y}",
    lambda y, m, d: f"{MONTHS['en'][m - 1][:3]} {d}, {y}",
    lambda y, m, d: f"{d}. {MONTHS['de'][m - 1]} {y}",
    lambda y, m, d: f"{d} {MONTHS['fr'][m - 1]} {y}",
    lambda y, m, d: f"{y}年{m}月{d}日",
    lambda y, m, d: f"{d:02d}-{MONTHS['en'][m - 1][:3].upper()}-{y}",
)


def identifiers(seed: int, names: int = 30, others: int = 9) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): ``names`` of each language, ``others`` of each form of every other kind."""
    draw = random.Random(seed)
    fakers = {language: [Faker(locale) for locale in locales] for language, locales in LOCALES.items()}
    for fake in (one for found in fakers.values() for one in found):
        fake.seed_instance(draw.randrange(2**32))
    for language, found in fakers.items():
        for number in range(names):
            fake = found[number % 2]
            first, last = fake.first_name(), fake.last_name()
            name = (
                last + first
                if language == "zh"
                else draw.choice((f"{first} {last}", f"{first} {last}", f"{last}, {first}"))
            )
            yield f"name {language}", SAID[language][number % 6].format(name)
    for number, form in enumerate(DATES):
        for _ in range(others // 3 + 1):
            yield (
                f"date {number + 1}",
                form(draw.randint(1930, 2026), draw.randint(1, 12), draw.randint(1, 28)),
            )
    for _ in range(others):
        yield from numbers(draw)
        for language, found in fakers.items():
            fake = draw.choice(found)
            said = {"en": "phone", "de": "Telefon", "fr": "Tél.", "zh": "电话"}[language]
            yield f"phone {language}", f"{said} {fake.phone_number()}"
            yield f"address {language}", fake.street_address().replace("\n", ", ")
        yield "e-mail", draw.choice(fakers["de"]).email()
        yield "iban", fakers["de"][0].iban()
        yield "address of a machine", fakers["en"][0].ipv4()


def numbers(draw: random.Random) -> Iterator[tuple[str, str]]:
    """Yield hospital, accession and device numbers, UIDs, paths and keys."""

    def digits(count: int) -> str:
        return "".join(draw.choices("0123456789", k=count))

    letters = "".join(draw.choices("abcdefghijkmnpqrstuvwxyz", k=36))
    yield (
        "hospital number",
        draw.choice(
            ("MRN {}", "Patient ID: {}", "Pat.-Nr. {}", "Fallnummer {}", "IPP {}", "病历号 {}", "住院号：{}")
        ).format(digits(8)),
    )
    yield (
        "accession number",
        draw.choice(("Accession No. {}", "accession number: {}", "ACC# A{}", "检查号 {}")).format(digits(8)),
    )
    yield (
        "device number",
        draw.choice(
            ("Serial No. {}", "S/N {}", "Seriennummer {}", "Device ID {}", "n° de série {}", "设备编号 {}")
        ).format(digits(7)),
    )
    yield (
        "DICOM UID",
        f"1.2.{draw.randint(100, 999)}.{digits(6)}.1.{draw.randint(1, 9)}.{draw.randint(1, 99)}.1{digits(9)}",
    )
    yield (
        "path",
        draw.choice(
            (
                "/data/klinik/{}/op.mp4",
                "C:\\\\Users\\\\{}\\\\op.mp4",
                "/home/{}/video",
                "\\\\\\\\pacs\\\\{}\\\\x",
            )
        ).format(letters[:6]),
    )
    yield "key", draw.choice(("hf_{}", "sk-{}", "Bearer {}", "password={}")).format(letters[:30])


def hidden(folder: Path, place: str, text: str) -> str:
    """Write a file of a kind of ``PLACES`` with the text in it; returns its name."""
    name, content = PLACES[place](text)
    if isinstance(content, pa.Table):
        pq.write_table(content, folder / name)
    else:
        (folder / name).write_text(content, "utf-8")
    return name


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


PLACES: dict[str, Callable[[str], tuple[str, str | pa.Table]]] = {
    "COCO info": lambda t: ("coco.json", _json({"info": {"description": t}, "images": [], "categories": [{"name": "grasper"}]})),
    "LabelMe path": lambda t: ("labelme.json", _json({"imagePath": f"frames/{t}/0001.jpg", "shapes": [{"label": "grasper"}]})),
    "YAML comment": lambda t: ("procedure.yaml", f"name: cataract # {t}\nphases: [incision]\n"),
    "answer of a teacher": lambda t: ("answers.jsonl", _json({"answer": f"The grasper holds the tissue. {t}"}) + "\n"),
    "prediction": lambda t: ("predictions.jsonl", _json({"qa_id": "q1", "prediction": t}) + "\n"),
    "card": lambda t: ("README.md", f"# Data\n\nEyes of one hospital. {t}\n"),
    "notebook": lambda t: ("look.ipynb", json.dumps({"cells": [{"source": ["import datasets\n", f"# {t}"], "outputs": []}]})),
    "training arguments": lambda t: ("training_args.json", _json({"learning_rate": 1e-4, "run_name": t})),
    "log of trackio": lambda t: ("trackio.jsonl", _json({"step": 1, "loss": 0.5, "run": t}) + "\n"),
    "commit message": lambda t: ("COMMIT.txt", f"Add the second centre\n\n{t}\n"),
    "table": lambda t: ("phases.csv", f'case,note\n1,"{t}"\n'),
    "column": lambda t: ("rows.parquet", pa.table({"qa": [[{"question": "Which phase?", "answer": t}]]})),
    "training log": lambda t: ("train.log", f"step 1: {t}\n"),
    "web page": lambda t: ("report.html", f"<p>{t}</p>\n"),
}  # fmt: skip
