"""``surgvqa-eval baselines``, ``necessity``, ``leaks``, ``audit-benchmark`` and ``probes``: the worth of a score."""

from __future__ import annotations

from surgvqa.cards.command import refuse_nowhere, say
from surgvqa.eval.settings.controls import Audit, Baselines, Leaks, Necessity, Probes


def baselines(config: Baselines) -> None:
    """Score what doesn't look."""
    from surgvqa.eval.commands import run_baselines

    run_baselines.run(config)


def necessity(config: Necessity) -> None:
    """Compare with runs on other sounds; exit code 1 where the model doesn't listen."""
    from surgvqa.eval.controls import necessity as listening

    if not listening.run(config):
        raise SystemExit(1)


def leaks(config: Leaks) -> None:
    """Compare splits; exit code 1 where something leaks."""
    for name in config.data:
        refuse_nowhere(name, "data set")
    from surgvqa.eval.controls import leaks as finding

    if not finding.run(config):
        raise SystemExit(1)


def audit_benchmark(config: Audit) -> None:
    """Audit files of questions."""
    from surgvqa.eval.commands import run_benchmark_audit

    run_benchmark_audit.run(config.files, config.columns, config.out)


def probes(config: Probes) -> None:
    """Write the probes and say how many there are."""
    say(f"writing probes of {config.data}")
    from surgvqa.eval.controls.probe_set import probe_set

    counts = probe_set(config.data, config.out, config.split, config.phrasings, config.taxonomy, config.seed)
    print(f"{config.out}: " + ", ".join(f"{number} {group}" for group, number in counts.items()))
