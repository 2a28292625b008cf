"""Paired rewordings: the fact of another kind, asked without the thing's name, by its box or by a description.

Questions that share a ``pair_id`` have the same answer; what is right by the name and wrong by the box was given away by
words. They repeat a fact, so they count nothing in the bits of a clip.
"""

from __future__ import annotations

from collections.abc import Iterator

from surgvqa.builders.field_kinds import actions, boxes
from surgvqa.builders.kinds import tips
from surgvqa.builders.kinds.view import Draft, Look
from surgvqa.builders.schema import Case, Entity, Scene


def verb_reworded(look: Look) -> Iterator[Draft]:
    """Yield what an instrument does, without its name."""
    yield from _reword(look, "verb", actions.verb(look))


def target_reworded(look: Look) -> Iterator[Draft]:
    """Yield what an instrument acts on, without its name."""
    yield from _reword(look, "target", actions.target(look))


def tip_in_reworded(look: Look) -> Iterator[Draft]:
    """Yield what a tip lies in, without the instrument's name."""
    yield from _reword(look, "tip_in", tips.tip_in(look))


def _reword(look: Look, kind: str, drafts: Iterator[Draft]) -> Iterator[Draft]:
    """Yield the latest moment's questions with other words for the thing."""
    scene = look.last
    for draft in drafts if scene is not None else ():
        if scene is None or draft.evidence != (scene.time_s,) or draft.nothing:
            continue
        for how, words in _words(draft.slots["a"], scene, look.view.case).items():
            slots = draft.slots | {"a": words}
            yield Draft(
                draft.answer,
                draft.evidence,
                slots,
                draft.choices,
                draft.answer_phrase,
                visible=draft.visible,
                stable=draft.stable,
                suffix=f"{draft.suffix}-{how}",
                pair=f"{kind}{draft.suffix}",
            )


def _words(name: str, scene: Scene, case: Case) -> dict[str, str]:
    """Return other words that mean one instrument of a moment: its box, and what sets it apart."""
    tools = [node for node in scene.nodes if node.type == "instrument" and not node.crowd]
    node = next((node for node in tools if node.name == name), None)
    if node is None or node.bbox is None:
        return {}
    rewordings = {}
    if boxes.alone(node, [other for other in tools if other is not node]):
        phrase = "instrument whose working end is in the box" if case.end_boxes else "instrument in the box"
        rewordings["box"] = f"{phrase} {boxes.text(node, scene)} (thousandths of the frame)"
    # What nobody labels may be the only instrument in view, too, or the leftmost.
    if not case.unlabelled_tools and (description := _description(node, tools, scene)):
        rewordings["described"] = description
    return rewordings


def _description(node: Entity, tools: list[Entity], scene: Scene) -> str | None:
    """Return what sets an instrument apart by where it is."""
    if len(tools) == 1:
        return "only instrument in view"
    middles = [(one.centroid[0], one.id) for one in tools if one.centroid is not None]
    if len(middles) < len(tools):
        return None
    from_left = sorted(middles)
    gap = 0.05 * scene.width
    if from_left[0][1] == node.id and from_left[1][0] - from_left[0][0] >= gap:
        return "leftmost instrument"
    if from_left[-1][1] == node.id and from_left[-1][0] - from_left[-2][0] >= gap:
        return "rightmost instrument"
    return None
