"""Scene graphs: relations against their definitions, changes, JSON without loss."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco
from surgvqa.builders.cases.scene import CELLS, CONVERSE, from_json, grid_cell, link, to_json
from surgvqa.builders.schema import Case, Entity, Phase, Relation, Scene

W, H = 1000, 800


def box(name: str, x1: float, y1: float, x2: float, y2: float, role="instrument", **facts) -> Entity:
    given = {"id": name, "granularity": "box", **facts}
    return Entity(
        name=name, type=role, bbox=(x1, y1, x2, y2), centroid=((x1 + x2) / 2, (y1 + y2) / 2), **given
    )


def linked(*nodes: Entity) -> Scene:
    return link(Case("a", "made-up", "cataract", scenes=(Scene(0, W, H, nodes),))).scenes[0]


def said(scene: Scene, src: str, dst: str) -> set[str]:
    return {edge.rel for edge in scene.edges if (edge.src, edge.dst) == (src, dst)}


def test_directions_follow_the_frames_axes():
    scene = linked(box("a", 0, 0, 100, 100), box("b", 600, 500, 700, 600))
    assert said(scene, "a", "b") == {"left-of", "above"}
    assert said(scene, "b", "a") == {"right-of", "below"}


def test_centres_closer_than_two_percent_have_no_direction():
    scene = linked(box("a", 100, 100, 200, 200), box("b", 119, 300, 219, 400))
    assert said(scene, "a", "b") == {"above"}


def test_inside_surrounds_overlaps_and_near():
    scene = linked(box("pupil", 400, 300, 500, 400), box("cornea", 300, 200, 600, 500))
    assert said(scene, "pupil", "cornea") == {"inside"}
    assert said(scene, "cornea", "pupil") == {"surrounds"}
    assert "overlaps" in said(linked(box("a", 0, 0, 100, 100), box("b", 50, 0, 150, 100)), "a", "b")
    assert "near" in said(linked(box("a", 0, 0, 100, 100), box("b", 150, 0, 250, 100)), "b", "a")
    assert "near" not in said(linked(box("a", 0, 0, 100, 100), box("b", 170, 0, 270, 100)), "b", "a")


def test_masks_decide_where_boxes_mislead():
    """Two triangles in one square share a bounding box and not one pixel."""
    upper = np.asfortranarray(np.triu(np.ones((H, H), bool), 20).astype(np.uint8))
    lower = np.asfortranarray(upper.T)

    def entity(name: str, mask: np.ndarray) -> Entity:
        rle = coco.encode(mask)["counts"].decode()
        return box(name, 0, 0, H, H, granularity="mask", rle=rle)

    nodes = (entity("a", upper), entity("b", lower))
    scene = link(Case("a", "made-up", "cataract", scenes=(Scene(0, H, H, nodes),))).scenes[0]
    assert said(scene, "a", "b") == {"near"}
    as_boxes = link(
        Case("a", "m", "cataract", scenes=(Scene(0, H, H, (box("a", 0, 0, H, H), box("b", 0, 0, H, H))),))
    )
    assert said(as_boxes.scenes[0], "a", "b") == {"inside"}


def test_presence_alone_has_no_place_and_a_cell_has_directions():
    presence = Entity("hook", "hook", "instrument", "presence")
    assert linked(presence, box("b", 0, 0, 9, 9)).edges == ()
    left = Entity("hook", "hook", "instrument", "cell", grid="top-left")
    right = Entity("clip", "clip", "instrument", "cell", grid="top-right")
    assert linked(left, right).edges == (
        Relation("hook", "left-of", "clip"),
        Relation("clip", "right-of", "hook"),
    )


def test_instances_stay_apart_and_are_counted():
    one, two = box("spatula", 0, 0, 9, 9), box("spatula", 500, 0, 509, 9, id="spatula#2")
    pupil = box("pupil", 400, 300, 500, 400, role="anatomy")
    case = Case(
        "a",
        "made-up",
        "cataract",
        phases=(Phase("incision", 0, 4), Phase("viscoelastic", 6, 12)),
        idle="throughout",
        scenes=(Scene(10, W, H, (pupil,)), Scene(0, W, H, (one,)), Scene(5, W, H, (one, two, pupil))),
    )
    first, second, third = link(case).scenes
    assert first.first and first.entered == () and first.events == () and first.previous_s is None
    assert (second.entered, second.exited, second.persisting) == (("spatula",), (), ("spatula",))
    assert second.anatomy_entered == ("pupil",) and second.previous_s == 0
    assert second.events == ("phase: incision -> idle", "entered: spatula")
    assert third.exited == ("spatula", "spatula") and third.anatomy_persisting == ("pupil",)
    assert third.events == ("phase: idle -> viscoelastic", "left: spatula", "left: spatula")
    assert said(second, "spatula", "spatula#2") == {"left-of"}


def test_two_things_with_one_box_share_it():
    one = box("a", 0, 0, 100, 100)
    scene = linked(one, Entity("b", "b", "anatomy", "box", one.bbox))
    assert said(scene, "a", "b") == {"inside"}


def test_json_says_what_the_design_says():
    text = json.loads(to_json(linked(box("a", 0, 0, 100, 100))))
    assert {
        "time_s",
        "width",
        "height",
        "nodes",
        "edges",
        "entered",
        "exited",
        "persisting",
        "events",
    } <= set(text)
    assert text["nodes"][0]["grid"] == "top-left" and "rle" not in text["nodes"][0]


corner = st.tuples(st.integers(0, W - 1), st.integers(0, H - 1))
made_box = st.builds(
    lambda at, width, height: (at[0], at[1], min(W, at[0] + width), min(H, at[1] + height)),
    corner,
    st.integers(1, 400),
    st.integers(1, 400),
)


@given(st.lists(made_box, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_any_scene_is_consistent_and_survives_json(boxes):
    scene = linked(*(box(f"e{i}", *one) for i, one in enumerate(boxes)))
    edges = {(edge.src, edge.rel, edge.dst) for edge in scene.edges}
    assert len(edges) == len(scene.edges)
    assert all((dst, CONVERSE[rel], src) in edges for src, rel, dst in edges)
    for i, a in enumerate(scene.nodes):
        for b in scene.nodes[i + 1 :]:
            rels = said(scene, a.id, b.id)
            assert len(rels & {"inside", "surrounds", "overlaps", "near"}) <= 1
            if "left-of" in rels:
                assert a.centroid[0] < b.centroid[0]
            if "above" in rels:
                assert a.centroid[1] < b.centroid[1]
    assert from_json(to_json(scene)) == scene


@pytest.mark.parametrize("index", range(9))
def test_grid_cells_cover_the_frame(index: int):
    row, column = divmod(index, 3)
    low = (column * W / 3 + 0.01, row * H / 3 + 0.01)
    high = ((column + 1) * W / 3 - 0.01, (row + 1) * H / 3 - 0.01)
    assert grid_cell(low, W, H) == grid_cell(high, W, H) == CELLS[index]


def test_moments_that_share_their_things_are_linked_as_those_that_do_not():
    """Tables of presence give one tuple to all moments that show the same; sizes of frames differ all the same."""
    hook, both = (box("hook", 0, 0, 90, 90),), (box("hook", 0, 0, 90, 90), box("clip", 20, 500, 60, 700))
    shared = [hook, both, both, hook, (), both, hook]
    copies = [
        (*(Entity(**{name: getattr(node, name) for name in Entity.__slots__}) for node in nodes),)
        for nodes in shared
    ]
    sizes = [(W, H), (W, H), (100, 90), (W, H), (W, H), (W, H), (100, 90)]
    phases = (Phase("incision", 0, 35), Phase("suturing", 35, 70))
    one, other = (
        link(
            Case(
                "a",
                "made-up",
                "cataract",
                phases,
                tuple(
                    Scene(10.0 * at, *size, nodes)
                    for at, (nodes, size) in enumerate(zip(things, sizes, strict=True))
                ),
            )
        )
        for things in (shared, copies)
    )
    assert one == other
    assert [scene.entered for scene in one.scenes] == [(), ("clip",), (), (), (), ("clip", "hook"), ()]
    assert one.scenes[1].edges != one.scenes[2].edges, "the same things in a smaller frame"
    assert "phase: incision -> suturing" in one.scenes[4].events
