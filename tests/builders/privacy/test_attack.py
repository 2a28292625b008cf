"""An attacker with the published folder, the code and good guesses: MRNs, names and dates behind pseudonyms."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from surgvqa.builders.__main__ import main

TAXONOMY = "procedure: planted\ntitle: a planted operation\nphases: [access, closure]\nanatomy: [liver]\ninstruments: [hook]\n"
CASES = ("77319", "DOE_John", "2021-04-12")
# What an attacker tries: hospital numbers of a range, names of a telephone book, days of a year.
GUESSES = (
    [str(number) for number in range(77000, 78000)]
    + [f"{family}_{given}" for family in ("DOE", "ROE", "MOE", "KIM") for given in ("John", "Jane", "Max", "Ann")]
    + [f"2021-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
)  # fmt: skip
HEX = re.compile(r"[0-9a-f]{8,}")


def table(case: str) -> str:
    """The table of one operation as every hospital of this study writes it."""
    return f"case,phase,start,end\n{case},access,0,5\n{case},closure,5,10\n"


def labels(case: str) -> str:
    """The same operation as labels of a frame."""
    frame = {"video_id": case, "image": f"{case}.jpg", "timestamp_s": 1.0, "phase": "access",
             "tools": ["hook"], "anatomy": ["liver"]}  # fmt: skip
    return json.dumps([frame])


def source(root: Path, case: str) -> Path:
    """Its folder."""
    root.mkdir()
    (root / "procedure.yaml").write_text(TAXONOMY)
    (root / "phases.csv").write_text(table(case))
    (root / "frames.json").write_text(labels(case))
    return root


def published(out: Path) -> str:
    """Everything that a stranger can read: names of files, texts, metadata and rows of tables."""
    parts = []
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        parts.append(path.relative_to(out).as_posix())
        if path.suffix == ".parquet":
            rows = pq.read_table(path)
            parts += [repr(rows.schema.metadata), repr(rows.to_pylist())]
        else:
            parts.append(path.read_text("utf-8"))
    return "\n".join(parts)


def digests(text: str) -> Iterator[str]:
    """The hashes that somebody would try first."""
    for name in ("sha256", "sha1", "md5"):
        for kind in ("", "case\0", "case-", "file\0", "digest\0"):
            yield hashlib.new(name, (kind + text).encode()).hexdigest()


def cracked(out: Path) -> set[str]:
    """The guesses that something published confirms: as they are, or by a hash of them or of a file with them."""
    seen = published(out)
    words = {word[:size] for word in HEX.findall(seen) for size in (8, len(word))}
    found = set()
    for guess in GUESSES:
        texts = [guess, table(guess), labels(guess), f"{guess}.jpg", f"{guess}@0-5000"]
        hashes = itertools.chain.from_iterable(map(digests, texts))
        plain = re.search(rf"(?<![0-9A-Za-z]){re.escape(guess)}(?![0-9A-Za-z])", seen)
        if plain or any(one in words or one[:12] in words for one in hashes):
            found.add(guess)
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("verb", ["procedure", "instruct"])
def test_no_guess_is_confirmed_behind_pseudonyms(tmp_path: Path, case: str, verb: str) -> None:
    root = source(tmp_path / "root", case)
    words = {
        "procedure": ["procedure", "--root", str(root)],
        "instruct": ["instruct", str(root / "frames.json"), "--taxonomy", str(root / "procedure.yaml")],
    }[verb]
    plain, hidden = tmp_path / "plain", tmp_path / "hidden"
    assert main([*words, "--out", str(plain), "--media", "none"]) == 0
    assert cracked(plain) == {case}, "the attack works where nothing is hidden"
    who = ["--pseudonyms", str(tmp_path / "who.json")]
    assert main([*words, "--out", str(hidden), "--media", "none", *who]) == 0
    assert cracked(hidden) == set()


def test_the_plain_digest_alone_would_have_said_who_it_is(tmp_path: Path) -> None:
    """The hole this closes: a salted name, beside the unsalted hash of the table it comes from."""
    out, who = tmp_path / "out", tmp_path / "who.json"
    words = ["procedure", "--root", str(source(tmp_path / "root", CASES[0])), "--out", str(out)]
    assert main([*words, "--media", "none", "--pseudonyms", str(who)]) == 0
    path = out / "manifest.json"
    manifest = json.loads(path.read_text())
    name = next(name for name in manifest["source_files"] if name.endswith(".csv"))
    manifest["source_files"][name] = hashlib.sha256(table(CASES[0]).encode()).hexdigest()
    path.write_text(json.dumps(manifest))
    assert cracked(out) == {CASES[0]}


def test_draws_follow_the_pseudonym(tmp_path: Path) -> None:
    """The order of choices is drawn by the clip's id: by the real one, it would confirm a guess."""
    root = tmp_path / "root"
    source(root, CASES[0])
    rows = []
    for name in ("one", "two"):
        who = ["--pseudonyms", str(tmp_path / f"{name}.json")]
        words = ["procedure", "--root", str(root), "--out", str(tmp_path / name), "--media", "none"]
        assert main([*words, "--clip-seconds", "1", *who]) == 0
        rows.append(pq.read_table(tmp_path / name / "qa" / "train-00000-of-00001.parquet").to_pylist())
    asked = [[(row["start_s"], row["kind"], row["question"]) for row in part] for part in rows]
    assert asked[0] != asked[1], "another secret words the questions in another way"


def test_the_order_of_rows_is_not_that_of_the_real_names(tmp_path: Path) -> None:
    cases = [f"7731{number}" for number in range(10, 22)]
    root = source(tmp_path / "root", cases[0])
    rows = [f"{case},access,0,5\n{case},closure,5,10\n" for case in cases]
    (root / "phases.csv").write_text("case,phase,start,end\n" + "".join(rows))
    frames = [frame for case in cases for frame in json.loads(labels(case))]
    (root / "frames.json").write_text(json.dumps(frames))
    who = tmp_path / "who.json"
    more = ["--media", "none", "--pseudonyms", str(who), "--validation", "0", "--test", "0.1"]
    main(["procedure", "--root", str(root), "--out", str(tmp_path / "a"), *more])
    main(["instruct", str(root / "frames.json"), "--taxonomy", str(root / "procedure.yaml"),
          "--out", str(tmp_path / "b"), *more])  # fmt: skip
    known = json.loads(who.read_text())["cases"]
    real = [known[case] for case in cases]
    for path in [*tmp_path.glob("a/clips/*.parquet"), *tmp_path.glob("b/instruct/train*.parquet")]:
        order = list(dict.fromkeys(pq.read_table(path, columns=["case_id"])["case_id"].to_pylist()))
        assert order == sorted(order), path.name
        assert len(order) < 2 or order != [name for name in real if name in order]


def test_coarse_times_publish_no_end_of_a_phase_and_change_no_label(tmp_path: Path) -> None:
    """Who has the hospital's own record knows to the millisecond when a phase began; nothing published says it."""
    root = source(tmp_path / "root", CASES[0])
    ends = ("13.437", "61.213", "118.779")
    (root / "phases.csv").write_text(
        f"case,phase,start,end\n{CASES[0]},access,{ends[0]},{ends[1]}\n{CASES[0]},closure,{ends[1]},{ends[2]}\n"
    )
    words = ["procedure", "--root", str(root), "--media", "none", "--clip-seconds", "5"]
    who = ["--pseudonyms", str(tmp_path / "who.json")]
    told = {}
    for name, more in (("exact", []), ("coarse", ["--coarse-times", "10"])):
        assert main([*words, "--out", str(tmp_path / name), *who, *more]) == 0
        seen = published(tmp_path / name)
        told[name] = [end for end in ends if end in seen or end.replace(".", "") in seen]
    assert told["exact"] and not told["coarse"]
    clips = pq.read_table(tmp_path / "coarse" / "clips").to_pylist()
    assert {(clip["phase"]) for clip in clips} == {"access", "closure"}
    for clip in clips:
        first, last = (20, 60) if clip["phase"] == "access" else (70, 110)
        assert first <= clip["start_s"] < clip["end_s"] <= last
    assert main([*words, "--out", str(tmp_path / "no"), "--coarse-times", "0"]) == 2
