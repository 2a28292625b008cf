"""SurgVU 2025 and 2026: questions on robotic training videos, each with several references.

Expects ``case122/case122_question.json`` (a text) beside ``case122.json`` (a list of references, the shortest first), as
the challenge ships them (all are kept, in the column ``references``); and ``case122/frame_000000.jpg``, one a second, or ``case122.mp4`` where there are pictures. References without their question
are named and left out. A folder of 2026's form is a case, too: ``visual-context-question.json`` beside
``endoscopic-robotic-surgery-video.json`` (the references) and ``….mp4``. The lower edge of the pictures holds the names of the tools: cover it (``--cover``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.schema import QA, Case, Clip, Facts, Frame, Omission
from surgvqa.builders.source_files.question_files import kind_of
from surgvqa.builders.tabular import clock
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="SurgVU 2025 and 2026, visual questions",
    homepage="https://surgvu25.grand-challenge.org",
    licence="CC-BY-NC-SA-4.0",
    access="https://surgvu25.grand-challenge.org (after registration)",
    citation="""@article{zia2025surgvu,
  title = {Surgical Visual Understanding (SurgVU) Dataset},
  author = {Zia, Aneeq and Berniker, Max and Nespolo, Rogerio Garcia and Perreault, Conor and Wang, Ziheng and others},
  journal = {arXiv:2501.09209},
  year = {2025}
}""",
    procedure="bench_suturing",
)
TRIED_ON = "real files"
READS = "questions, videos, frames"


FORM_QUESTION, FORM_VIDEO = "visual-context-question.json", "endoscopic-robotic-surgery-video"
PLACEHOLDER = "Example String"  # what the form's own example holds in place of a question


def cases(root: Path) -> Iterator[Case | Omission]:
    """Read every question below ``root``."""
    if not root.is_dir():
        raise InputError(f"no folder {root}; get SurgVU at {FACTS.access} and give its folder as --root")
    tree = Tree(root)
    questions = {one.fields["case"]: one.path for one in tree.find(["{case}_question.json"])}
    references = {one.fields["case"]: one.path for one in tree.find(["{case:case}.json", "!*_question.json"])}
    if not questions and not any(tree.find([FORM_QUESTION])):
        there = f", only references of {', '.join(sorted(references))}" if references else ""
        raise InputError(
            f"nothing of SurgVU below {root}: no case122_question.json{there}; get it at {FACTS.access}"
        )
    videos = {one.fields["case"]: one.path for one in tree.find(["{case}.mp4"])}
    for one in tree.find([FORM_QUESTION]):
        case_id = one.path.parent.resolve().name
        questions[case_id] = one.path
        for paths, ending in ((references, "json"), (videos, "mp4")):
            if (path := one.path.with_name(f"{FORM_VIDEO}.{ending}")).is_file():
                paths[case_id] = path
    for case_id in sorted(questions.keys() | references.keys()):
        if case_id not in questions or case_id not in references:
            lacking = "question is" if case_id in references else "references are"
            yield Omission(case_id, f"its {lacking} not below the root")
            continue
        try:
            yield _case(tree, case_id, questions[case_id], references[case_id], videos.get(case_id))
        except InputError as error:
            yield Omission(case_id, str(error), fault=True)


def _case(tree: Tree, case_id: str, question_file: Path, reference_file: Path, video: Path | None) -> Case:
    """Return a video with its question."""
    question = read_json(question_file, tree.relative_path(question_file))
    references = read_json(reference_file, tree.relative_path(reference_file))
    if not isinstance(question, str) or not question.strip():
        raise InputError(f"{tree.relative_path(question_file)}: not a question in quotes")
    if not isinstance(references, list) or not references or not all(isinstance(r, str) for r in references):
        raise InputError(f"{tree.relative_path(reference_file)}: not a list of references in quotes")
    stills = () if video else tree.find([f"{case_id}/frame_{{frame}}.jpg"])
    frames = tuple(Frame(float(one.fields["frame"]), one.path) for one in stills)
    length = clock.recording(video)[1] if video else frames[-1].time_s + 1 if frames else 0.001
    clip = Clip(case_id, 0, round(1000 * length), None)
    kind, reasoning = kind_of(question)
    name, texts = f"{clip.clip_id}#{kind}", tuple(text.strip() for text in references)
    qa = QA(name, kind, reasoning, question.strip(), (*texts[1:], texts[0])[0], texts[0], references=texts)
    return Case(
        case_id,
        "surgvu",
        FACTS.procedure,
        video=video,
        frames=frames,
        duration_s=length,
        clips=(Clip(case_id, 0, clip.end_ms, None, None, (qa,)),),
        files=(question_file, reference_file, *([video] if video else []), *(frame.path for frame in frames)),
    )


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    placeholders = sum(qa.question == PLACEHOLDER for case in read for clip in case.clips for qa in clip.qa)
    return (
        f"{len(read)} questions, {placeholders} of them {PLACEHOLDER!r}, the form's placeholder",
        "the first reference is the short answer, the second the sentence, the column `references` has all",
        "the lower edge of the pictures names the tools in use: cover it before a model sees it",
    )
