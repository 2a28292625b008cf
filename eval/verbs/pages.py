"""``surgvqa-eval report``, ``demo`` and ``lmms``: what is looked at or handed on."""

from __future__ import annotations

from surgvqa.cards.command import InputError
from surgvqa.eval.settings.pages import Demo, Lmms, Report


def report(config: Report) -> None:
    """Write a page and its numbers."""
    from surgvqa.eval.reports import report as pages

    pages.report(config)


def demo(config: Demo) -> None:
    """Serve the app."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError:
        raise InputError("the app needs Starlette and uvicorn: pip install 'surgvqa[demo]'") from None
    from surgvqa.eval.app.demo import serve

    serve(config)


def lmms(config: Lmms) -> None:
    """Write a task file and its functions."""
    from surgvqa.eval.commands import lmms as task

    task.write(config.data, config.out, config.name, config.split, config.rule)
