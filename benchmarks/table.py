"""Records as text, as a table in RESULTS.md, and as a picture of the ratios."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BEGIN, _END = "<!-- {}: written by python -m benchmarks -->", "<!-- {}: end -->"


def text(records: Iterable[dict[str, Any]]) -> str:
    """One line for each record."""
    lines = []
    for r in records:
        share = f"{r['gflops'] / r['peak_gflops']:4.0%} of peak" if r.get("gflops") else ""
        if "first_ratio" in r:
            share = f"{share} {r['first_ratio']:.2f} × in the first run"
        lines.append(
            f"{r['case']:<16} {r['implementation']:<40} {r['seconds']:>10.3f} s "
            f"(+ {r['compile_seconds']:4.1f} s at first) {r['ratio']:>8.2f} × ours {share:>12}  "
            f"{r['quality_name']} {r['quality']:.2g}{r.get('note', '')}"
        )
    return "\n".join(lines)


def markdown(records: list[dict[str, Any]], minutes: float) -> str:
    """The table, under the machine and the versions that it was made with."""
    machine = records[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in records[0]["versions"].items())
    lines = [
        f"`python -m benchmarks`, {minutes:.0f} minutes: {machine}; {versions}.",
        "",
        "| case | implementation | seconds | at first, more | first run | × ours | × ours, first | "
        "asked | of peak | agreement |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    last: tuple[str, str] = ("", "")
    for r in records:
        name = "" if (r["case"], r["work"]) == last else f"`{r['case']}`: {r['work']}"
        last = (r["case"], r["work"])
        asked = f"≥ {r['at_least']:g}" if r.get("at_least") else ""
        share = f"{r['gflops'] / r['peak_gflops']:.0%}" if r.get("gflops") else ""
        first = _short(r["first_ratio"]) if "first_ratio" in r else ""
        part = f" ({r['share_run']:.2g} of it run)" if r.get("share_run", 1) < 1 else ""
        lines.append(
            f"| {name} | {r['implementation']}{part} | {_short(r['seconds'])} | "
            f"{r['compile_seconds']:.1f} | {_short(r['seconds'] + r['compile_seconds'])} | "
            f"{_short(r['ratio'])} | {first} | {asked} | {share} | "
            f"{r['quality_name']} {r['quality']:.2g}{r.get('note', '')} |"
        )
    return "\n".join(lines)


def write(records: list[dict[str, Any]], minutes: float, folder: Path) -> None:
    """Replaces this platform's table in RESULTS.md, and its picture."""
    platform = "cpu" if " cpu devices" in records[0]["machine"] else "gpu"
    begin, end = _BEGIN.format(platform), _END.format(platform)
    picture = f"ratios-{platform}.png"
    table = f"{begin}\n{markdown(records, minutes)}\n\n![ratios]({picture})\n{end}"
    path = folder / "RESULTS.md"
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    if begin in old and end in old:
        new = old[: old.index(begin)] + table + old[old.index(end) + len(end) :]
    else:
        new = f"{old.rstrip()}\n\n{table}\n"
    path.write_text(new)
    draw(records, folder / picture)


def draw(records: list[dict[str, Any]], path: Path) -> None:
    """How many times as long the peers take, with what was asked."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    ours = ("jaxneuro", "our ")
    peers = [r for r in records
             if "at_least" in r and not r["implementation"].startswith(ours)]  # fmt: skip
    labels = [f"{r['case']}: {r['implementation']}" for r in peers]
    place = range(len(peers))
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(peers) + 1), layout="constrained")
    axes.barh(place, [r["ratio"] for r in peers], color="#4477aa")
    asked = [(i, r["at_least"]) for i, r in enumerate(peers) if r.get("at_least")]
    axes.plot([a for _, a in asked], [i for i, _ in asked], "k|", markersize=12, label="asked")
    for i, r in enumerate(peers):
        right = 1.08 * max(r["ratio"], r.get("at_least") or 0)
        axes.text(right, i, _short(r["ratio"]), va="center", fontsize=8)
    axes.axvline(1, color="0.5", linewidth=0.8)
    axes.margins(y=0.01)
    axes.set(xscale="log", xlabel="time of the peer / time of jaxneuro")
    axes.set_yticks(place, labels, fontsize=8)
    axes.invert_yaxis()
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _short(number: float) -> str:
    """Three digits, and no exponent."""
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"
