"""A score as a table for the terminal: every number beside what a blind guess gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal.

    >>> percent(0.574), percent(None)
    ('57.4', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}"


def span(ends: Sequence[float] | None) -> str:
    """Return an interval's ends.

    >>> span((0.5, 0.61)), span(None)
    ('50.0-61.0', '-')
    """
    return "-" if ends is None else f"{percent(ends[0])}-{percent(ends[1])}"


def signed_span(ends: Sequence[float] | None) -> str:
    """Return an interval of a difference in points.

    >>> signed_span([-0.255, 0.2]), signed_span(None)
    ('-25.5 to +20.0', '-')
    """
    return "-" if ends is None else " to ".join(f"{100 * end:+.1f}" for end in ends)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, the first column to the left and the others to the right.

    >>> print(table([("kind", "n"), ("phase", "12")]))
    kind     n
    -----  ---
    phase   12
    """
    widths = [max(3 if i else 0, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        parts = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        return "  ".join(parts).rstrip()

    return "\n".join([line(rows[0]), line(["-" * width for width in widths]), *map(line, rows[1:])])


def scores(figures: Mapping[str, Any]) -> str:
    """Return the score table: a line per kind, the headline, the other rules, what went wrong, and the notes."""
    lines: list[tuple[str, ...]] = [
        ("kind", "n", "accuracy", "95 %", "chance", "blind", "constant", "lift", "flags")
    ]
    for kind, own in figures["by_kind"].items():
        flags = [flag for flag in ("single_class", "collapsed") if own[flag]]
        flags += [f"F1 {percent(own['lists']['f1'])}"] if "lists" in own else []
        lines.append((kind, str(own["n"]), *_figures(own), ", ".join(flags)))
    lines.append(("all kinds that count", str(figures["n_headline"]), *_figures(figures), ""))
    wrong = [
        f"{figures[name]} {ONE.get(name, name) if figures[name] == 1 else name}"
        for name in FAULTS
        if figures[name]
    ]
    rules = [f"{rule} {percent(share)}" for rule, share in figures["accuracy_by_rule"].items()]
    return "\n".join(
        [
            table(lines),
            "",
            *_warnings(figures),
            f"{figures['n']} questions of {figures['cases']} cases, rule {figures['rule']}; per kind, "
            f"macro {percent(figures['macro_accuracy'])}; " + (", ".join(wrong) or "no faults"),
            *_verdict(figures),
            "constant is the best single answer of each kind, known only afterwards",
            f"all questions under each rule: {', '.join(rules)}",
            *_differences(figures),
            *_beyond(figures),
            *(f"note: {note}" for note in figures["notes"]),
        ]
    )


def _verdict(figures: Mapping[str, Any]) -> list[str]:
    """Say in words what the difference to a blind guess shows; an interval that reaches zero shows nothing.

    >>> _verdict({"lift": -0.098, "lift_ci95": None})
    ['not shown: that the model looks at the video (a guesser who never looks is 9.8 points better)']
    >>> _verdict({"lift": 0.05, "lift_ci95": [-0.01, 0.1]}), _verdict({"lift": 0.05, "lift_ci95": None})
    (['not shown: that the model looks at the video (the interval of +5.0 points over blind reaches zero)'], \
['not shown: that the model looks at the video (+5.0 points over blind, too few cases to tell)'])
    >>> _verdict({"lift": 0.3, "lift_ci95": [0.2, 0.4]})
    ['shown: 30.0 points above a guesser who never looks']
    """
    lift, ends = figures.get("lift"), figures.get("lift_ci95")
    if lift is None:
        return []
    if ends is not None and ends[0] > 0:
        return [f"shown: {100 * lift:.1f} points above a guesser who never looks"]
    if lift <= 0:
        why = (
            f"a guesser who never looks is {-100 * lift:.1f} points better"
            if lift
            else "a guesser who never looks is as good"
        )
    elif ends is None:
        why = f"{100 * lift:+.1f} points over blind, too few cases to tell"
    else:
        why = f"the interval of {100 * lift:+.1f} points over blind reaches zero"
    return [f"not shown: that the model looks at the video ({why})"]


MOST_UNDECIDED = 0.02  # share of undecided replies beyond which the headline says so


def _warnings(figures: Mapping[str, Any]) -> list[str]:
    """Say what must be known before the headline is believed: how the file was read, what could not be read in it."""
    lines = []
    if read_as := figures.get("read_as"):
        lines.append("read as: " + ", ".join(f"{field} = {column}" for field, column in read_as.items()))
    lines += _made_by(figures["made_by"])
    own = figures["undecided"]
    if own["n"]:
        first = own["examples"][0]
        reply = " ".join(first["prediction"].split())[:60]
        lines.append(
            f"{'WARNING: ' if own['share'] > MOST_UNDECIDED else ''}{own['n']} replies ({percent(own['share'])} %) state none of "
            f"the known answers and count as wrong; the first: {reply!r} (right: {first['short_answer']})"
        )
    return lines


FELL_BACK = 0.01  # share of answers from another path than was asked beyond which the headline says so


def _made_by(own: Mapping[str, Any]) -> list[str]:
    """Say what gave the answers, how long they took, and how many came from something else than was asked."""
    lines = []
    phrases = [f"{path} {times}" for path, times in own["paths"].items()]
    if seconds := own["seconds"]:
        phrases.append(f"{seconds['p50']:.2f} s an answer, one in a hundred {seconds['p99']:.2f} s and more")
    if phrases:
        lines.append("answered by: " + ", ".join(phrases))
    if own["fallbacks"]:
        why = ", ".join(f"{reason} {times}" for reason, times in own["fallbacks"].items())
        mark = "WARNING: " if own["fallback_share"] > FELL_BACK else ""
        lines.append(
            f"{mark}{percent(own['fallback_share'])} % of the answers came from another path than was asked: {why}"
        )
    return lines


FAULTS = ("errors", "empty", "refusals", "echoes", "missing", "extra", "duplicates")
ONE = {"errors": "error", "refusals": "refusal", "echoes": "echo", "duplicates": "duplicate"}


def _differences(figures: Mapping[str, Any]) -> list[str]:
    """Return a line for each other rule that judges differently, and for the file's own verdicts: how often, and why."""
    lines = [
        f"{rule} against {figures['rule']}: {_apart(own, own['because_there'])}"
        for rule, own in figures["rules_differ"].items()
        if own["only_there"] or own["only_here"]
    ]
    if own := figures["as_counted"]:
        lines.append(
            f"the file itself counts {own['right']} of {own['n']} right ({percent(own['accuracy'])}); "
            f"against {figures['rule']}: {_apart(own, {})}"
        )
    return lines


def _apart(own: Mapping[str, Any], because_there: Mapping[str, int]) -> str:
    parts = [
        f"{n} {word}" + (f" ({', '.join(f'{cause} {times}' for cause, times in why.items())})" if why else "")
        for n, word, why in (
            (own["only_there"], "more right", own["because"]),
            (own["only_here"], "fewer", because_there),
        )
        if n
    ]
    return ", ".join(parts) or "the same on every question"


def _beyond(figures: Mapping[str, Any]) -> list[str]:
    """Return a line for each of confidence, vocabulary and the probes, where the answers allow them."""
    lines, probes = [], figures["probes"]
    if sure := figures["calibration"]:
        half = next(one["accuracy"] for one in sure["selective"] if one["coverage"] == 0.5)
        lines.append(
            f"confidence {percent(sure['mean_confidence'])} against accuracy {percent(sure['accuracy'])}, "
            f"ECE {percent(sure['ece'])}, the surest half {percent(half)} right"
        )
    if vocabulary := figures["vocabulary"]:
        shares = (f"{kind} {percent(own['share'])}" for kind, own in vocabulary.items())
        lines.append(f"answers in the procedure's terms: {', '.join(shares)}")
    if (own := probes["invented"]) and own["rate"] is not None:
        lines.append(f"of {own['answers']} lists {percent(own['rate'])} % name something that is not in view")
    if own := probes["asked_absent"]:
        lines.append(
            f"said to be visible: {percent(own['yes_if_present'])} % of what is there, "
            f"{percent(own['yes_if_absent'])} % of what isn't"
        )
    for kind, own in (probes["coherence"] or {}).items():
        flips = (
            f"{own['flips_per_minute']:.1f} changes a minute, the truth {own['true_flips_per_minute']:.1f}"
        )
        share = (
            ""
            if own["agree"] is None
            else f"; {percent(own['agree'])} % of the pairs whose truth stays the same keep their answer"
        )
        lines.append(f"{kind} on adjacent clips: {flips}{share}")
    if own := probes["stability"]:
        lines.append(
            f"of {own['questions']} questions {percent(own['one_answer'])} % get one answer in all phrasings"
        )
    return lines


def _figures(own: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (own["chance"], own["blind_majority"], own["best_constant"], own["lift"])
    return (percent(own["accuracy"]), span(own["ci95"]), *map(percent, shares))


def comparison(figures: Mapping[str, Any]) -> str:
    """Return the comparison table: a line per kind, then the headline and the notes."""
    lines: list[tuple[str, ...]] = [
        ("kind", "n", "A", "B", "B - A", "95 %", "p", "p (Holm)", "only A", "only B")
    ]
    lines += [(kind, str(own["n"]), *_comparison_cells(own)) for kind, own in figures["by_kind"].items()]
    lines.append(("all kinds that count", str(figures["n_headline"]), *_comparison_cells(figures)))
    rules = [f"{rule} {100 * by:+.1f}" for rule, by in figures["difference_by_rule"].items()]
    nothing = "none" if figures["can_move"] else "too few cases for any to be told from chance"
    moved_kinds, answers = ", ".join(figures["moved_kinds"]) or nothing, figures["answers"]
    return "\n".join(
        [
            table(lines),
            "",
            f"{figures['n']} questions of {figures['cases']} cases, rule {figures['rule']}; kinds that moved: {moved_kinds}",
            f"difference under each rule: {', '.join(rules)}",
            f"answers in other words: {answers['differ']} of {answers['n']}, "
            f"{answers['verdict_differs']} of them right in one run only",
            *(f"note: {note}" for note in figures["notes"]),
        ]
    )


def _comparison_cells(own: Mapping[str, Any]) -> tuple[str, ...]:
    def p(value: float | None) -> str:
        return "-" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"

    ends = signed_span(own["ci95"])
    accuracies = (percent(own["a"]), percent(own["b"]), f"{100 * own['difference']:+.1f}", ends)
    return (*accuracies, p(own["p"]), p(own.get("p_holm")), str(own["only_a"]), str(own["only_b"]))
