"""A corpus of odd recordings: what a player shows, or a fault that names its cause; never something in between."""

import re

import pytest
from conftest import read_barcode
from odd_videos import CORPUS
from surgvqa.builders.__main__ import main
from surgvqa.builders.video.decode import read_frames
from surgvqa.builders.video.probe import probe
from surgvqa.cards.command import InputError


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 120


@pytest.mark.parametrize("name", CORPUS)
def test_an_odd_video(tmp_path, name):
    odd = CORPUS[name]
    path = odd.make(tmp_path)
    if odd.fault is not None:
        with pytest.raises(InputError, match=odd.fault) as caught:
            read_frames(path, [0.0])
        assert path.name in str(caught.value)
        found = probe(path)
        assert re.search(odd.fault, "; ".join(found.faults)), found
        return
    found = probe(path)
    assert not found.faults, found
    assert odd.note is None or any(odd.note in note for note in found.notes), found
    assert odd.note is not None or not [note for note in found.notes if "shown as" in note], found
    shots = read_frames(path, [time_s for time_s, _ in odd.frames] or [0.0])
    numbers = [read_barcode(odd.stored(shot.image)) for shot in shots if odd.frames]
    assert numbers == [number for _, number in odd.frames]
    if odd.size is not None:
        assert (found.width, found.height) == odd.size
        assert shots[0].image.shape[1::-1] == odd.size


def test_notes_are_on_the_terminal(tmp_path, capsys):
    CORPUS["hflip libx264 mp4"].make(tmp_path)
    assert main(["probe", str(tmp_path), "--workers", "0"]) == 0
    assert "note: stored mirrored; shown mirrored left to right" in capsys.readouterr().out
