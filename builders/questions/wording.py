"""The wording of questions and answers: at least four phrasings a kind, chosen by the question's id.

A phrasing never depends on the answer. Fixed choices are part of the question; choices that depend on the
clip (the likely next phases) are not, for they would give the current phase away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHERE = "left of, right of, above, below, inside, around, or at the same place"
CELL = "in a 3x3 grid from top-left to bottom-right"
FROM = "left, right, top or bottom"
WAYS = "left, right, up, down, or does it keep still"
SINCE = "since the previous annotated moment"

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "phase": (
        "Which phase of the operation is shown?",
        "What surgical phase is this?",
        "Name the current phase of the operation.",
        "Which phase of the surgery are we currently at?",
        "What is the current surgical phase?",
    ),
    "anatomy": (
        "Which anatomical structures are visible?",
        "What anatomy can be seen?",
        "Name the visible anatomical structures.",
        "Which structures of the patient are in view?",
    ),
    "instruments": (
        "Which instruments are visible?",
        "What surgical instruments can be seen?",
        "Name the instruments in view.",
        "Which tools are in the surgical field?",
    ),
    "relative_position": (
        f"Where is the {{a}} relative to the {{b}}: {WHERE}?",
        f"How does the {{a}} lie with respect to the {{b}}: {WHERE}?",
        f"Seen from the {{b}}, where is the {{a}}: {WHERE}?",
        f"Is the {{a}} {WHERE} as the {{b}}?",
    ),
    "absolute_position": (
        f"Where in the frame is the {{a}}, {CELL}?",
        f"In which part of the picture does the {{a}} lie, {CELL}?",
        f"Which cell holds the {{a}}, {CELL}?",
        f"Locate the {{a}} {CELL}.",
    ),
    "previous_phase": (
        "Which phase came before the current one?",
        "What was the previous phase of the operation?",
        "Name the phase that preceded this one.",
        "Which phase was last completed or left before this moment?",
    ),
    "next_phase": (
        "Which phase comes next?",
        "What is the next phase of the operation?",
        "Name the phase that will follow.",
        "Which phase should be prepared for now?",
    ),
    "entered": (
        f"Which instruments have entered {SINCE}?",
        f"What instruments are new in view {SINCE}?",
        f"Name the instruments that came into the field {SINCE}.",
        f"Which tools have appeared {SINCE}?",
    ),
    "exited": (
        f"Which instruments have left {SINCE}?",
        f"What instruments are gone from view {SINCE}?",
        f"Name the instruments that were taken out of the field {SINCE}.",
        f"Which tools have disappeared {SINCE}?",
    ),
    "presence": (
        "Is the {a} visible?",
        "Can the {a} be seen here?",
        "Does this show the {a}?",
        "Is there a view of the {a} at this moment?",
    ),
    "count": (
        "How many instruments are visible?",
        "How many tools are in the surgical field?",
        "Count the instruments in view.",
        "What is the number of instruments that can be seen?",
    ),
    "motion_direction": (
        f"In which direction does the {{a}} move: {WAYS}?",
        f"Which way does the {{a}} travel in the picture: {WAYS}?",
        f"To which side does the {{a}} shift: {WAYS}?",
        f"What way is the {{a}} going: {WAYS}?",
    ),
    "entered_from": (
        f"From which side does the {{a}} enter the picture: {FROM}?",
        f"Where does the {{a}} come into view from: {FROM}?",
        f"Over which edge of the frame does the {{a}} come in: {FROM}?",
        f"The {{a}} appears during this clip. From which side: {FROM}?",
    ),
    "moves_towards": (
        "Towards what does the {a} move?",
        "What is the {a} approaching?",
        "Name what the {a} moves closer to.",
        "Which of the visible things does the {a} come nearer to?",
    ),
    "caption": (
        "Describe what is shown.",
        "What does this show?",
        "Give a short description of this moment of the operation.",
        "Say in plain words what can be seen.",
    ),
    "region_caption": (
        "Describe the {a}.",
        "What can be said about the {a}?",
        "Give a short description of the {a}.",
        "Tell me about the {a}.",
    ),
}

# How the caption of one thing begins and ends.
CAPTION_PRESENT = "The {a} is visible."
CAPTION_MOVES = "and moves {x}."
CAPTION_STILL = "and keeps still."

# The sentence that training teaches; `{x}` is the short answer, said as `listed` says it. The second is for
# an answer that is nothing.
ANSWERS: Mapping[str, tuple[str, str]] = {
    "phase": ("The current phase is {x}.", "No phase is under way; the operation is idle."),
    "anatomy": ("Visible: {x}.", "No annotated structure is visible."),
    "instruments": ("In view: {x}.", "No instrument is in view."),
    "relative_position": ("The {a} is {x} the {b}.", "The {a} is not visible."),
    "absolute_position": ("The {a} is at the {x} of the frame.", "The {a} is not visible."),
    "previous_phase": ("The phase before was {x}.", "No phase came before."),
    "next_phase": ("Next comes {x}.", "No phase follows."),
    "entered": ("Entered: {x}.", "No instrument has entered."),
    "exited": ("Left: {x}.", "No instrument has left."),
    "presence": ("Yes, the {a} is visible.", "No, the {a} is not visible."),
    "count": ("Instruments in view: {x}.", "No instrument is in view."),
    "motion_direction": ("The {a} moves {x}.", "The {a} does not move."),
    "entered_from": ("The {a} enters from the {x}.", ""),
    "moves_towards": ("The {a} moves towards the {x}.", ""),
    "caption": ("{x}", ""),
    "region_caption": ("{x}", ""),
}


def join_names(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> join_names(["cornea", "pupil", "implanted lens"]), join_names(["cornea"])
    ('cornea, pupil and implanted lens', 'cornea')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
