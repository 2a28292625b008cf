"""PitVQA's own questions, as its authors' generator asks them (labeling.py, mobarakol/PitVQA_Annotations).

Per annotated second 5, 9 or 12 questions for 0, 1 or 2 instruments, where the number of instruments is the
number of positions present. Seconds out of the patient, before and after the operation have none. On all
25 videos that makes the published 884,242 questions on 109,173 frames.

Kept because the published set has them: a position with no instrument asks about
``no_visible_instrument``; a step file that isn't sorted is scanned as it stands; the next step and phase
follow the textbook order, not what this operation does next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from surgvqa.builders.schema import QA, Clip
from surgvqa.builders.source_files.pitvqa_files import Row

OUT = "out_of_patient"
NOT_A_STEP = ("operation_not_started", "operation_ended", OUT)

# step: (phase, what is done in it); in the textbook order
STEPS: dict[str, tuple[str, str]] = {
    "nasal_corridor_creation": (
        "nasal_sphenoid",
        "The middle and superior turbinates are laterally displaced",
    ),
    "anterior_sphenoidotomy": ("nasal_sphenoid", "The sphenoid ostium is identified and opened"),
    "septum_displacement": (
        "nasal_sphenoid",
        "The septum is displaced until the opposite ostium is seen",
    ),
    "sphenoid_sinus_clearance": (
        "nasal_sphenoid",
        "The sphenoid sinus is opened, with removal of sphenoid septations to expose the face of the sella and mucosa",
    ),
    "sellotomy": ("sellar", "The sella is identified, confirmed and carefully opened"),
    "durotomy": ("sellar", "A cruciate durotomy is performed"),
    "tumour_excision": ("sellar", "The tumour is seen and removed in a piecemeal fashion"),
    "haemostasis": (
        "closure",
        "Haemostasis is achieved with a surgiflo, a bipolar cautery, and a spongostan placement",
    ),
    "synthetic_graft_placement": ("closure", "spongostan, tachosil and duragen placement"),
    "fat_graft_placement": ("closure", "A fat graft is placed over the defact"),  # sic
    "gasket_seal_construct": ("closure", "A MedPor implant and a fascia lata graft are placed"),
    "dural_sealant": ("closure", "Evicel and Adherus dural sealant are applied"),
    "nasal_packing": ("closure", "The nasal cavity is packed with Bismuth soaked ribbon gauze"),
    "debris_clearance": ("closure", "Debris is cleared from the nasal cavity and choana"),
}
NEXT_STEP = dict(zip(STEPS, [*list(STEPS)[1:], "end_of_step"], strict=True))
NEXT_PHASE = {"nasal_sphenoid": "sellar", "sellar": "closure", "closure": "end_of_phase"}
PLACES = {1: "top-left", 2: "top-right", 3: "centre", 4: "bottom-left", 5: "bottom-right"}
COUNTS = ("zero", "one", "two")
INSTRUMENTS = (
    *("bipolar_forceps", "cottle", "cup_forceps", "dural_scissors", "freer_elevator", "haemostatic_foam"),
    *("irrigation_syringe", "kerrisons", "micro_doppler", "nasal_cutting_forceps", "pituitary_rongeurs"),
    *("retractable_knife", "ring_curette", "spatula_dissector", "stealth_pointer", "suction"),
    *("surgical_drill", "tissue_glue", "no_visible_instrument", "no_secondary_instrument"),
)


def frame_clips(
    case_id: str,
    rows: Sequence[Row],
    steps: Sequence[tuple[int, str]],
    canonical: Callable[[str], str],
    leave_out: Callable[[str, str, int], None],
) -> Iterator[Clip]:
    """Yield a clip of one second around every frame that has questions; ``steps`` is (second, name) as filed.

    The frame lies in the middle of its clip, at the very second that was annotated.
    """
    file = f"instruments_{case_id[-2:]}.csv"
    for row in rows:
        step = step_at(steps, row.second)
        if OUT in (row.name1, row.name2):
            leave_out(file, "out of the patient", row.second)
        elif step in NOT_A_STEP:
            leave_out(file, "before or after the operation", row.second)
        else:
            start = max(0, row.second * 1000 - 500)
            clip = Clip(case_id, start, row.second * 1000 + 500, canonical(step))
            yield replace(clip, qa=tuple(questions(clip.clip_id, row, step)))


def step_at(steps: Sequence[tuple[int, str]], second: int) -> str:
    """Return the step of a second as the authors look it up: the row before the first one that begins later.

    In a file that isn't sorted this isn't the step that began last. Beyond the last row it is that row's
    (their code wraps to the first row there, which matters for no published frame: all are out of the
    patient).

    >>> step_at([(0, "a"), (40, "b"), (20, "c"), (50, "d")], 30), step_at([(0, "a"), (40, "b")], 99)
    ('a', 'b')
    """
    for i, (start, _) in enumerate(steps):
        if second < start:
            return steps[i - 1][1]  # before the first row: the last row, as theirs
    return steps[-1][1]


def questions(clip_id: str, row: Row, step: str) -> Iterator[QA]:
    """Yield the 5, 9 or 12 questions of one second, in the authors' order and words."""
    phase, operation = STEPS[step]
    tools = [
        (name, place)
        for name, place in ((row.name1, row.position1), (row.name2, row.position2))
        if place is not None
    ]
    operations = tuple(text for _, text in STEPS.values())

    def qa(
        kind: str, reasoning: str, question: str, answer: str, choices: tuple[str, ...], nth: int = 0
    ) -> QA:
        name = f"{clip_id}#{kind}" + (f"-{nth + 1}" if nth else "")
        return QA(name, kind, reasoning, question, answer, answer, choices)

    yield qa(
        "phase", "recognition", "What is the surgical phase shown in the image?", phase, tuple(NEXT_PHASE)
    )
    yield qa("step", "recognition", "What is the surgical step shown in this frame?", step, tuple(STEPS))
    if tools:
        text = "What is the surgical operation performed in the image?"
        yield qa("operation", "recognition", text, operation, operations)
    after = (*tuple(NEXT_PHASE)[1:], "end_of_phase")
    yield qa("next_phase", "temporal", "What is the next surgical phase?", NEXT_PHASE[phase], after)
    yield qa(
        "next_step", "temporal", "What is the next surgical step?", NEXT_STEP[step], tuple(NEXT_STEP.values())
    )
    for nth, (name, place) in enumerate(tools):
        where = "at the centre" if place == 3 else f"in the {PLACES[place]}"
        text = f"What instrument is used {where} of the image?"
        yield qa("instrument", "spatial", text, name, INSTRUMENTS, nth)
    for nth, (name, _) in enumerate(tools):
        text = f"What surgical activity is performing by the instrument {name}?"
        yield qa("activity", "recognition", text, operation, operations, nth)
    for nth, (name, place) in enumerate(tools):
        text = f"Where is the surgical instrument {name} tip located in the image?"
        yield qa("position", "spatial", text, PLACES[place], tuple(PLACES.values()), nth)
    yield qa(
        "count", "recognition", "How many instruments are present in the image?", COUNTS[len(tools)], COUNTS
    )
