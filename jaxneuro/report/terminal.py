"""The last words on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxneuro.report.values import number, plain


def closing_table(summaries: Sequence[Mapping[str, Any]]) -> str:
    """A line for each summary that `write` took. Seconds count compilation and run."""
    header = ("job", "data", "model", "fits", "seconds", "held-out", "95 %", "baseline", "score")
    rows = [
        (
            *(str(facts[key]) for key in ("job", "data", "model")),
            number(facts["fits"]),
            number(facts["compile_seconds"] + facts["run_seconds"]),
            number(facts["score"]),
            _interval(facts.get("interval")),
            number(facts["baseline"]),
            str(facts["score_name"]),
        )
        for facts in (plain(summary, "summary") for summary in summaries)
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, tuple("-" * width for width in widths), *rows]
    aligns = "<<<>>>>><"
    return "\n".join(
        "  ".join(
            f"{cell:{align}{width}}"
            for cell, align, width in zip(line, aligns, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _interval(ends: Sequence[float | None] | None) -> str:
    return "" if not ends else " to ".join(number(end) for end in ends)
