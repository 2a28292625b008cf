"""Annotated surgical video in; a question-answering data set, a Qwen-VL adapter and an evaluation out.

The commands' verbs as functions, with the same configurations:

    import surgvqa

    manifest = surgvqa.build(source="cholec80", root="Cholec80", out="dataset")
    clips = surgvqa.load("dataset")["train"]
    surgvqa.render(clips[0])  # frames, questions and answers, in a notebook
    figures = surgvqa.score(file="predictions.jsonl", data="dataset")

``surgvqa.api`` holds them. They are imported when one is used: a command line that imports this package stays quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surgvqa.api import (
        audit,
        build,
        compare,
        load,
        predict,
        probe,
        push,
        render,
        report,
        score,
        verify,
    )

    __version__: str

__all__ = [
    "__version__",
    "audit",
    "build",
    "compare",
    "load",
    "predict",
    "probe",
    "push",
    "render",
    "report",
    "score",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Return a function of the API, or the version, when it is asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("surgvqa")
    if name in __all__:
        from surgvqa import api

        return getattr(api, name)
    raise AttributeError(f"module 'surgvqa' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what may be asked for."""
    return sorted({*globals(), *__all__})
