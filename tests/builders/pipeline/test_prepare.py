"""What a plan learns from, and from what it must not."""

from __future__ import annotations

from pathlib import Path

from surgvqa.builders.cases.windows import windows
from surgvqa.builders.pipeline.prepare import plan
from surgvqa.builders.schema import Case, Entity, Phase, Scene, Survey
from surgvqa.builders.settings.build import Build
from surgvqa.builders.shards.job import Options


def survey(case_id: str, phases: tuple[str, ...], tool: str) -> Survey:
    """A case of stretches of ten seconds that shows one tool in its first."""
    laid = tuple(Phase(name, 10.0 * n, 10.0 * n + 10) for n, name in enumerate(phases))
    scene = Scene(2.0, 64, 48, (Entity(tool, tool, "instrument", "presence"),))
    case = Case(case_id, "made-up", "cataract", laid, (scene,), duration_s=10.0 * len(phases))
    clips, _ = windows(case, 5.0)
    return Survey(case, tuple(clips), (), {})


def test_a_plan_learns_from_the_training_cases_alone(tmp_path: Path) -> None:
    """Only the test case shows this order of phases and this tool: no question may offer either as likely."""
    usual = ("incision", "capsulorhexis", "phacoemulsification")
    surveys = {name: survey(name, usual, "phaco tip") for name in ("a", "b", "c")}
    surveys["held out"] = survey("held out", (*usual[::-1], "lens implantation"), "spatula")
    config = Build(
        source="cataract1k",
        root=tmp_path,
        out=tmp_path,
        test_cases=("held out",),
        validation=0.0,
        test=0.2,
        balance="none",
    )
    jobs = plan(surveys, Options(media="none"), config)
    assert {job.case.case_id: job.split for job in jobs}["held out"] == "test"
    for job in jobs:
        assert set(job.transitions.roles) == {"phaco tip"}
        assert "lens implantation" not in job.transitions.following and job.transitions.following["none"] == 3
        assert job.transitions.scenes == {"incision": 3}
