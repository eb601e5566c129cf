"""What a searchlight leaves in its folder: images, tables, slices and a page."""

import math
from typing import Any

import numpy as np

from experiments.searchlight_study import Study
from jaxneuro.areas import Clusters, Neighbours, SearchlightMap
from jaxneuro.report import Figure, Table, versions, write
from jaxneuro.report.figures.style import INK, WIDTH, new_axes, styled

_SLICES = 12


def leave(
    options: Any, study: Study, found: SearchlightMap, clusters: Clusters | None,
    spheres: Neighbours, *, compile_seconds: float, seconds: float, command: str,
) -> dict[str, Any]:  # fmt: skip
    """Writes all of it into `options.out`, and returns the summary."""
    out, count = options.out, len(found.accuracy)
    found.save_images(study.volume, out)
    chance = 1 / len(found.classes)
    best = int(np.nanargmax(found.accuracy))
    permutations = 0 if found.null is None else len(found.null)
    sure = None if found.p is None else int((found.p <= 0.05).sum())
    summary = {
        "job": "searchlight",
        "data": study.name,
        "model": found.decoder,
        "fits": count,
        "classifiers": count * len(found.folds) * (1 + permutations),
        "compile_seconds": compile_seconds,
        "run_seconds": max(0.0, found.seconds - compile_seconds),
        "seconds": seconds,
        "score": float(found.accuracy[best]),
        "score_name": "held-out accuracy of the best centre",
        "baseline": chance if found.null is None else float(found.null.mean()),
        "statuses": {"mapped": int(np.isfinite(found.accuracy).sum()),
                     "undefined": int(np.isnan(found.accuracy).sum())},
        "models": {found.decoder: float(found.accuracy[best])},
        "chance": chance,
        "mean_accuracy": float(np.nanmean(found.accuracy)),
        "best_position_mm": study.volume.positions[best].tolist(),
        "best_p": None if found.p is None else float(found.p[best]),
        "centres_at_.05": sure,
        "threshold": None if clusters is None else clusters.threshold,
        "radius_mm": options.radius,
        "members": [int(spheres.counts.min()), int(spheres.counts.max())],
        "permutations": permutations,
        "notes": _notes(found),
    }  # fmt: skip
    tables = []
    if clusters is not None:
        clusters.save(out / "clusters.csv")
        columns = clusters.table()
        tables.append(Table("Clusters of centres whose p is at most .05", tuple(columns),
            list(zip(*(c.tolist() for c in columns.values()), strict=True))[:20],
            "p: of the peak, corrected for all centres by the maximum. p_size: of a cluster as "
            "large anywhere. Positions in mm. All rows: clusters.csv."))  # fmt: skip
    write(
        out, title=f"Searchlight: {study.name}",
        lead=f"{len(found.classes)} categories told apart by {found.decoder} in spheres of "
        f"{options.radius:g} mm around {count} voxels; {len(found.folds)} runs, each held out.",
        summary=summary, fits=found.table(), tables=tables,
        figures=_figures(study, found, chance), notes=summary["notes"],
        provenance={"command": command, **versions()},
    )  # fmt: skip
    told = "" if sure is None else f", {sure} of {count} centres at p .05"
    print(f"searchlight: {found.decoder}, best accuracy {summary['score']:.3g} (chance {chance:.3g}"
          f"){told}; {compile_seconds:.1f} s of compilation, {found.seconds:.1f} s in all; "
          f"report: {out / 'report.html'}", flush=True)  # fmt: skip
    return summary


def _notes(found: SearchlightMap) -> list[str]:
    notes = [
        "The accuracy of the best centre is the greatest of many: its p is corrected for that, the "
        "accuracy itself is not, and is higher than another recording of it would be.",
        "A centre is significant by what its whole sphere holds: the information may lie anywhere "
        "within the radius.",
    ]
    if found.null is not None:
        notes.append(
            "Labels were permuted within runs, by whole blocks. The baseline is the mean of what "
            "the best centre reaches then."
        )
    return notes


def _figures(study: Study, found: SearchlightMap, chance: float) -> list[Figure]:
    below = study.volume.array(study.volume.values.mean(axis=0))
    laid = study.volume.array(found.accuracy)
    sure = None if found.p is None else study.volume.array((found.p <= 0.05).astype(int)) > 0
    pictures = [Figure("accuracy",
        "Held-out accuracy of each centre"
        + ("" if sure is None else "; outlined: p at most .05, corrected for the whole map")
        + ". Right is right.", slices(below, laid, study.volume.affine, chance, sure))]  # fmt: skip
    if found.null is not None:
        pictures.append(Figure("null",
            "The greatest accuracy anywhere in the map, under permuted labels; line: as observed.",
            null(found)))  # fmt: skip
    return pictures


@styled
def slices(below: np.ndarray, laid: np.ndarray, affine: np.ndarray, low: float, outlined):
    """Axial slices of a map (x, y, z) over an image, with a bar of its colours; at most 12."""
    from matplotlib.figure import Figure as Canvas

    there = np.flatnonzero(np.isfinite(laid).any(axis=(0, 1)))
    shown = there[np.linspace(0, len(there) - 1, min(_SLICES, len(there))).round().astype(int)]
    columns = min(4, len(shown))
    rows = math.ceil(len(shown) / columns)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    tall = below.shape[1] * size[1] / (below.shape[0] * size[0])
    width = min(WIDTH, 3.5 * columns)
    figure = Canvas(figsize=(width + 0.6, rows * (width / columns * tall + 0.3)))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    turned = (
        (np.s_[::-1] if affine[0, 0] < 0 else np.s_[:]),
        (np.s_[::-1] if affine[1, 1] < 0 else np.s_[:]),
    )
    high = max(np.nanmax(laid), low + 1e-3)
    for axes in grid:
        axes.set_axis_off()
    for axes, k in zip(grid, shown, strict=False):
        style: dict[str, Any] = {
            "origin": "lower", "aspect": size[1] / size[0], "interpolation": "nearest",
        }  # fmt: skip
        axes.imshow(below[(*turned, k)].T, cmap="gray", **style)
        axes.imshow(laid[(*turned, k)].T, cmap="inferno", vmin=low, vmax=high, **style)
        if outlined is not None and outlined[..., k].any():
            axes.contour(outlined[(*turned, k)].T, levels=[0.5], colors="white", linewidths=1)
        height = (affine @ [*(np.array(below.shape[:2]) / 2), k, 1])[2]
        axes.set_title(f"z = {height:.0f} mm", color=INK, fontsize=8)
    bar = figure.colorbar(grid[0].images[-1], ax=grid.tolist(), shrink=0.7, label="accuracy")
    bar.outline.set_visible(False)  # pyright: ignore
    return figure


@styled
def null(found: SearchlightMap):
    """The maxima under permutation, and the one observed."""
    assert found.null is not None
    figure, axes = new_axes(0.6 * WIDTH, 2.2, "greatest accuracy in the map", "permutations")
    axes.hist(found.null, bins=30, color="#0072B2")
    axes.axvline(float(np.nanmax(found.accuracy)), color="#D55E00")
    return figure
