"""Identifiers that Faker draws, which know nothing of our lists, are found in every kind of file that is published."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from surgvqa.cards.publish.audit import audit
from surgvqa.cards.write.dataset import AUDIT_MISSES, privacy

pytest.importorskip("faker", reason="needs pip install 'surgvqa[dev]'")
from planted_identifiers import PLACES, hidden, identifiers

SEEDS = (1, 2)


def test_a_file_without_an_identifier_is_clean(tmp_path: Path) -> None:
    """Else every planted one would be found for nothing."""
    for place in PLACES:
        name = hidden(tmp_path, place, "grasper")
        assert audit(tmp_path, [name]) == [], place


def test_at_least_97_of_100_are_found_and_nine_of_ten_of_every_kind(tmp_path: Path) -> None:
    """642 identifiers: names, dates, phones and addresses in four languages, numbers, UIDs, paths, keys."""
    asked: Counter[str] = Counter()
    missed: defaultdict[str, list[str]] = defaultdict(list)
    places = list(PLACES)
    for seed in SEEDS:
        for number, (kind, text) in enumerate(identifiers(seed)):
            asked[kind] += 1
            if not audit(tmp_path, [hidden(tmp_path, places[number % len(places)], text)]):
                missed[kind].append(text)
    assert sum(asked.values()) > 600
    assert sum(map(len, missed.values())) <= 0.03 * sum(asked.values()), dict(missed)
    assert {kind: texts for kind, texts in missed.items() if len(texts) > 0.1 * asked[kind] + 1} == {}


@pytest.mark.parametrize(
    "text",
    [
        "Allis Clamp, Babcock Forceps, Kelly Clamp, Allis Tissue Forceps, Foley Catheter, Veress Needle and Trocar.",
        "Calot Triangle and Hartmann Pouch; the Apache License; Creative Commons; the Medical University of Vienna.",
        "12 Large Clips, 3 Needle Drivers, 8 mm Port, Room for Improvement, Unit Tests, Phase 3 Step 2.",
        "During 12 s, Monitoring 3 of 5, Suturing 2, Bring 4, String 5, Transferring 3.",
        "麻醉医生在左边。手术医生使用电钩。住院医生在场。主任医生在场。外科医生使用高频电刀。", "高频电刀切开胆囊，然后使用钛夹。",
        "Qwen Team, Vision Transformer, Adam Optimizer, Gaussian Splatting, Grace Hopper GPU, Claude Code.",
    ],
)  # fmt: skip
def test_terms_beside_a_name_are_no_person(tmp_path: Path, text: str) -> None:
    assert [str(hit) for hit in audit(tmp_path, [hidden(tmp_path, "card", text)])] == []


def test_card_and_security_list_the_same_that_the_audit_misses() -> None:
    """One list, on the card beside what the audit searches."""
    security = " ".join((Path(__file__).parents[2] / "SECURITY.md").read_text("utf-8").split())
    assert f"It misses {AUDIT_MISSES}." in security
    assert AUDIT_MISSES in privacy(None)
