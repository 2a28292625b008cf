"""Procedure files: every spelling met in real data is known, every mistake names its line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from surgvqa.builders.procedures.taxonomy import UnknownLabel, load, parse, shipped_procedures
from surgvqa.cards.command import InputError

GOOD = """\
procedure: made-up
phases:
  - name: first
    synonyms: [One]
    instruments: [Knife]
  - second
instruments:
  - knife
anatomy: [eye]
events: [done]
safety_gates:
  - name: gate
    before: Second
    event: done
    conditions: [it holds]
"""


def test_a_good_file_is_read():
    taxonomy = parse(GOOD, "f.yaml")
    assert taxonomy.phases == ("first", "second") and taxonomy.used_in == {"first": ("knife",)}
    assert taxonomy.gates[0].before == "second" and taxonomy.gates[0].conditions == ("it holds",)
    assert taxonomy.canonical("phase", "ONE") == "first"
    assert taxonomy.canonical("phase", "Idle") == "idle"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("  - second", "  - [second", 6, "not YAML"),
        ("  - second", "  - First", 6, "'First' already stands for the phase 'first'"),
        ("  - second", "  - one", 6, "'one' already stands for the phase 'first'"),
        ("  - second", "  - Idle", 6, "meaning of its own"),
        ("  - second", "  -", 6, "expected a text"),
        ("  - second", "  - synonyms: [x]", 6, "no 'name'"),
        ("    synonyms: [One]", "    synonym: [One]", 4, "did you mean synonyms?"),
        ("    synonyms: [One]", "    synonyms: One", 4, "expected a list"),
        ("    instruments: [Knife]", "    instruments: [knive]", 5, "did you mean knife?"),
        ("anatomy: [eye]", "anatomy: [knife]", 8, "among the anatomy already"),
        ("    before: Second", "    before: third", 13, "unknown phase 'third'"),
        ("    event: done", "    event: dnoe", 14, "did you mean done?"),
        ("    conditions: [it holds]", "    conditions: []", 15, "conditions: expected at least one"),
        ("    conditions: [it holds]", "", 12, "no 'conditions'"),
        ("anatomy: [eye]", "anatomy: [eye]\nanatomy: [ear]", 10, "twice"),
    ],
)
def test_a_mistake_names_its_line(old: str, new: str, line: int, message: str):
    with pytest.raises(InputError) as caught:
        parse(GOOD.replace(old, new, 1), "f.yaml")
    assert str(caught.value).startswith("f.yaml") and f"line {line}: " in str(caught.value)
    assert message in str(caught.value)


def test_every_mistake_is_named_at_once():
    text = (
        GOOD.replace("second", "First", 1).replace("[Knife]", "[knive]").replace("event: done", "evnt: done")
    )
    with pytest.raises(InputError) as caught:  # keys and types first: what they mean can't be known before
        parse(text, "f.yaml")
    assert "unknown key 'evnt': did you mean event?" in str(caught.value)
    with pytest.raises(InputError) as caught:
        parse(text.replace("evnt", "event").replace("before: Second", "before: third"), "f.yaml")
    said = str(caught.value)
    assert said.startswith("f.yaml: 3 faults: line 5: ") and "line 6: 'First'" in said and "line 13: " in said
    with pytest.raises(InputError) as caught:
        parse(
            GOOD.replace("anatomy:", "anatomie:").replace("title", "x").replace("[done]", "{a: b}"), "f.yaml"
        )
    assert "2 faults: line 9: unknown key 'anatomie'" in str(caught.value) and "line 10: events" in str(
        caught.value
    )


def test_aliases_of_aliases_are_no_bomb():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(InputError, match="more than 100000 values"):
        parse("\n".join(lines), "f.yaml")


@pytest.mark.parametrize("text", ["", "[]", "procedure: x", "phases: [a]", "procedure: x\nphases: []"])
def test_a_file_without_the_least_is_refused(text: str):
    with pytest.raises(InputError, match=r"f\.yaml"):
        parse(text, "f.yaml")


def test_yaml_tags_run_nothing(tmp_path: Path):
    mark = tmp_path / "ran"
    text = f"procedure: !!python/object/apply:pathlib.Path.touch [{mark}]\nphases: [a]\n"
    with pytest.raises(InputError, match="line 1"):
        parse(text, "f.yaml")
    assert not mark.exists()


def test_an_unknown_label_names_the_nearest():
    with pytest.raises(UnknownLabel, match=r"unknown phase 'Capsulorexis': did you mean capsulorhexis\?"):
        load("cataract").canonical("phase", "Capsulorexis")
    with pytest.raises(UnknownLabel, match="unknown instrument 'laser'"):
        load("cataract").canonical("instrument", "laser")


def test_unknown_procedures_and_files_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="did you mean cataract"):
        load("catarakt")
    with pytest.raises(InputError, match="no procedure file"):
        load(tmp_path / "mine.yaml")
    (tmp_path / "bad.yaml").write_bytes("procedure: \xe9".encode("latin1"))
    with pytest.raises(InputError, match="not UTF-8"):
        load(str(tmp_path / "bad.yaml"))


def test_a_users_own_file_is_read_again_when_it_changed(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    assert load(file).name == "made-up"
    file.write_text(GOOD.replace("made-up", "other"))
    assert load(file).name == "other"


@pytest.mark.parametrize("name", shipped_procedures())
def test_shipped_procedures_are_complete(name: str):
    taxonomy = load(name)
    assert taxonomy.name == name and taxonomy.title and taxonomy.phases and taxonomy.instruments
    assert taxonomy.anatomy and taxonomy.gates and taxonomy.events
    assert all(gate.event for gate in taxonomy.gates)


def test_every_label_of_the_real_cataract_files_is_known(realdata: Path):
    cataract = load("cataract")
    labels = set()
    for file in (realdata / "cataract1k").rglob("*_annotations_phases.csv"):
        with file.open() as lines:
            labels |= {row["comment"] for row in csv.DictReader(lines)}
    assert len(labels) == 12
    assert {cataract.canonical("phase", label) for label in labels} < set(cataract.phases)
    names = set()
    for file in (realdata / "cataract1k").rglob("instances.json"):
        names |= {category["name"] for category in json.loads(file.read_text())["categories"]}
    roles = {}
    for name in names:
        known = []
        for role in ("anatomy", "instrument"):
            try:
                known.append((role, cataract.canonical(role, name)))
            except UnknownLabel:
                continue
        assert len(known) == 1, (name, known)
        roles[name] = known[0]
    assert roles["Lens"] == ("anatomy", "implanted lens")
    assert roles["cornea1"] == ("anatomy", "cornea") and roles["pupil1"] == ("anatomy", "pupil")
    assert roles["Phacoemulsification Tip"] == ("instrument", "phacoemulsification tip")
    with (realdata / "cataract_tools_boxes" / "191S6_Labels.csv").open() as lines:
        phases = {cataract.canonical("phase", row["Phase"]) for row in csv.DictReader(lines)}
    assert "idle" in phases and "lens implantation" in phases


def test_every_label_of_the_real_pituitary_files_is_known(realdata: Path):
    pituitary = load("pituitary")
    maps = realdata / "pitvqa" / "metadata"
    steps = [line.split(",") for line in (maps / "map_steps.csv").read_text("latin1").splitlines()[1:]]
    named = {int(code): pituitary.canonical("phase", label) for code, label in steps if int(code) > 0}
    assert tuple(named[code] for code in range(1, 15)) == pituitary.phases
    tools = [line.split(",") for line in (maps / "map_instruments.csv").read_text("latin1").splitlines()[1:]]
    found = {pituitary.canonical("instrument", row[1]) for row in tools if int(row[0]) > 0}
    assert found == set(pituitary.instruments) and len(found) == 18


def test_every_label_of_the_real_cholecystectomy_files_is_known(realdata: Path):
    chole = load("cholecystectomy")
    labels = json.loads((realdata / "cholec80_phase_tool" / "param.json").read_text())
    assert tuple(chole.canonical("phase", label) for label in labels["phaseLabels"]) == chole.phases
    assert {chole.canonical("instrument", label) for label in labels["instLabels"]} == set(chole.instruments)
    t50 = json.loads((realdata / "cholect50_val" / "labels" / "VID68.json").read_text())["categories"]
    assert tuple(chole.canonical("phase", label) for label in t50["phase"].values()) == chole.phases
    assert {chole.canonical("instrument", label) for label in t50["instrument"].values()} < set(
        chole.instruments
    )
    for target in t50["target"].values():
        if target not in ("null_target", "specimen_bag"):
            assert chole.canonical("anatomy", target) in chole.anatomy


def test_every_site_and_tool_of_the_real_colonoscopies_is_known(realdata: Path):
    colon = load("colonoscopy")
    with (realdata / "surgvivqa" / "data" / "lesion_info.csv").open() as lines:
        assert {colon.canonical("anatomy", row["site"]) for row in csv.DictReader(lines)} < set(colon.anatomy)
    tools = set()
    for line in (realdata / "surgvivqa" / "data" / "in_template.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["question_type"] == "tool_identification":
            tools.add(row["short_answer"])
    assert {colon.canonical("instrument", tool) for tool in tools} == {"forceps", "snare", "catheter"}
