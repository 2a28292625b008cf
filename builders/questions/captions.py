"""Captions of a clip in plain sentences: one of the whole, one of each annotated thing.

Deterministic and read from the scene alone. Of a thing a caption says what it is, the cell of the 3x3 grid it
lies in where that is known, and which way it moves where the source follows it. What the annotations don't say
is left out; that there is no instrument is only said where instruments are annotated at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS, centre
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.questions import wording
from surgvqa.builders.schema import QA, Clip, Entity, Role, Scene

KIND = "caption"
REGION = "region_caption"
REASONING = "description"
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def caption(
    clip: Clip, taxonomy: Taxonomy, annotated_roles: Collection[Role] = (), seed: int = 0
) -> tuple[QA, ...]:
    """Return the caption of a clip as a whole; empty where there is nothing to say.

    ``annotated_roles`` are the roles that the case's annotations ever hold: none of such a role in the scene is said
    as such. Names and the order they are listed in are the taxonomy's.

    >>> from surgvqa.builders.procedures.taxonomy import load
    >>> knife = Entity("slit knife", "slit knife", "instrument", "box", (600, 20, 640, 60), grid="top-right")
    >>> clip = Clip("a", 0, 5000, "incision", Scene(2.5, 640, 480, (knife,)))
    >>> [qa.answer for qa in caption(clip, load("cataract"))]
    ['The current phase is incision. In view: slit knife.']
    """
    whole = " ".join(_whole(clip, taxonomy, annotated_roles))
    return (_qa(clip, KIND, "", whole, seed, {}),) if whole else ()


def region_captions(
    clip: Clip, taxonomy: Taxonomy, seed: int = 0, moving: Mapping[str, str] | None = None
) -> tuple[QA, ...]:
    """Return a caption of every thing of a clip's scene that words can single out.

    ``moving`` says which way a thing moves (``motion.directions``).

    >>> from surgvqa.builders.procedures.taxonomy import load
    >>> knife = Entity("slit knife", "slit knife", "instrument", "box", (600, 20, 640, 60), grid="top-right")
    >>> clip = Clip("a", 0, 5000, "incision", Scene(2.5, 640, 480, (knife,)))
    >>> [qa.answer for qa in region_captions(clip, load("cataract"), moving={"slit knife": "left"})]
    ['The slit knife is at the top-right of the frame and moves left.']
    """
    things = singled_out(clip.scene, taxonomy) if clip.scene is not None else {}
    return tuple(
        _qa(
            clip,
            REGION,
            f"-{number}",
            _sentence(words, node, (moving or {}).get(node.name)),
            seed,
            {"a": words},
        )
        for number, (words, node) in enumerate(things.items(), 1)
    )


def _qa(clip: Clip, kind: str, suffix: str, sentence: str, seed: int, slots: dict[str, str]) -> QA:
    qa_id = f"{clip.clip_id}#{kind}{suffix}"
    question = draws.pick(wording.QUESTIONS[kind], "wording", seed, qa_id).format(**slots)
    evidence = (clip.scene.time_s,) if clip.scene is not None else ()
    return QA(qa_id, kind, REASONING, question, sentence, sentence, (), evidence)


def _whole(clip: Clip, taxonomy: Taxonomy, annotated_roles: Collection[Role]) -> list[str]:
    """Return the sentences of the caption of the whole."""
    sentences = []
    if clip.phase is not None:
        label = taxonomy.canonical("phase", clip.phase)
        something, nothing = wording.ANSWERS["phase"]
        sentences.append(nothing if label == IDLE else something.format(x=label))
    if clip.scene is None:
        return sentences
    roles: tuple[tuple[Role, str, tuple[str, ...]], ...] = (
        ("anatomy", "anatomy", taxonomy.anatomy),
        ("instrument", "instruments", taxonomy.instruments),
    )
    for role, kind, order in roles:
        names = listed_names(clip.scene, role, order)
        something, nothing = wording.ANSWERS[kind]
        if names:
            sentences.append(something.format(x=wording.join_names(names)))
        elif role in annotated_roles and not clip.scene.unsaid_rle:
            sentences.append(nothing)
    return sentences


def _sentence(words: str, node: Entity, way: str | None) -> str:
    """Say of one thing that it is there, or where; and which way it moves, or that it doesn't."""
    if node.grid in CELLS:
        place = wording.ANSWERS["absolute_position"][0].format(a=words, x=node.grid)
    else:
        place = wording.CAPTION_PRESENT.format(a=words)
    if way is None:
        return place
    moves = wording.CAPTION_STILL if way == "still" else wording.CAPTION_MOVES
    return f"{place.removesuffix('.')} {moves.format(x=way)}"


def listed_names(scene: Scene, role: Role, order: Sequence[str]) -> list[str]:
    """Return the names of a role in a scene, once each, in the taxonomy's order."""
    names = {node.name for node in scene.nodes if node.type == role}
    return [name for name in order if name in names] + sorted(names - set(order))


def singled_out(scene: Scene, taxonomy: Taxonomy) -> dict[str, Entity]:
    """Return the things of a scene by words that mean one of them alone, in the taxonomy's order.

    Of several with one name, by their order from the left: "second gauge from the left". Those of one name that
    aren't all located, or that lie at the same distance from the left, are left out.
    """
    things: dict[str, Entity] = {}
    anatomy = listed_names(scene, "anatomy", taxonomy.anatomy)
    for name in (*anatomy, *listed_names(scene, "instrument", taxonomy.instruments)):
        same = [node for node in scene.nodes if node.name == name]
        if any(node.crowd for node in same):
            continue
        if len(same) == 1:
            things[name] = same[0]
            continue
        places = {node.id: centre(node, scene.width, scene.height) for node in same}
        across = {node.id: at[0] for node in same if (at := places[node.id]) is not None}
        if len(set(across.values())) < len(same) or len(same) > len(ORDINALS):
            continue
        for ordinal, node in zip(ORDINALS, sorted(same, key=lambda node: across[node.id]), strict=False):
            things[f"{ordinal} {name} from the left"] = node
    return things
