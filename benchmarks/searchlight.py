"""Where is the information? A classifier in every sphere of a slab of cortex, by runs left out."""

import importlib
from typing import Any

import numpy as np

from benchmarks.peers import find, places
from benchmarks.timing import Case, Contestant, largest_difference
from jaxneuro import areas, splits

_VOXEL = (3.1, 3.75, 3.75)  # mm
_RADIUS = 10.0


def ridge(quick: bool) -> Case:
    """Least squares on the indicators of 8 categories, each run of 12 left out: a map."""
    return _case(
        "searchlight_ridge", quick, "ridge", {"l2": 1.0}, "sklearn.linear_model",
        lambda module, samples: module.RidgeClassifier(alpha=samples),
    )  # fmt: skip


def lda(quick: bool) -> Case:
    """The same by linear discriminants of a shrinkage of .1."""
    return _case(
        "searchlight_lda", quick, "lda", {"shrinkage": 0.1}, "sklearn.discriminant_analysis",
        lambda module, samples: module.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    )  # fmt: skip


def logistic(quick: bool) -> Case:
    """The same by multinomial logistic regression, which both iterate for."""
    classes = 3 if quick else 8
    bend = (1 - 1 / classes) / classes  # of the loss, which l2 is relative to
    return _case(
        "searchlight_logistic", quick, "logistic", {"l2": 1.0}, "sklearn.linear_model",
        lambda module, samples: module.LogisticRegression(C=1 / (bend * samples), max_iter=1000),
    )  # fmt: skip


def _case(name: str, quick: bool, decoder: str, options: dict, module: str, make: Any) -> Case:
    x, y, run, mask = _slab(quick)
    folds = splits.leave_one_group_out(run)
    affine = np.diag([*_VOXEL, 1.0])
    spheres = areas.spheres(mask, affine, _RADIUS)

    def ours() -> np.ndarray:
        return areas.searchlight(x, y, folds, spheres, decoder, **options).accuracy

    contestants = [Contestant("jaxneuro", ours)]
    found = [find(needed) for needed in ("nilearn.decoding", "nibabel", "sklearn")]
    if all(found):
        nilearn, nibabel, _ = (package for package in found if package is not None)
        preprocessing: Any = importlib.import_module("sklearn.preprocessing")
        pipeline: Any = importlib.import_module("sklearn.pipeline")
        images = np.zeros((*mask.shape, len(x)), np.float32)
        images[mask] = x.T
        image = nibabel.Nifti1Image(images, affine)
        around = nibabel.Nifti1Image(mask.astype(np.uint8), affine)
        peer = make(importlib.import_module(module), int(folds.train[0].sum()))
        scaled = pipeline.make_pipeline(preprocessing.StandardScaler(), peer)

        def theirs() -> np.ndarray:
            light = nilearn.SearchLight(
                mask_img=around, radius=_RADIUS, estimator=scaled, cv=places(folds), n_jobs=2
            )
            return light.fit(image, y).scores_[mask]

        contestants.append(Contestant("nilearn SearchLight, 2 jobs", theirs, compiles=False))
    return Case(
        name=name,
        work=f"{decoder} in {len(spheres)} spheres of {spheres.counts.mean():.0f} voxels × "
        f"{len(folds.names)} runs left out, {len(x)} volumes, {len(set(y))} categories",
        contestants=contestants,
        fits=len(spheres) * len(folds.names),
        quality=lambda accuracy: float(accuracy.max()),
        quality_name="best accuracy",
        disagree=largest_difference,
        differ_name="largest difference of accuracy",
        at_least={"nilearn SearchLight, 2 jobs": 20.0},
        aim={"nilearn SearchLight, 2 jobs": 50.0},
    )


def _slab(quick: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of the size of a slice of Haxby et al. (2001): volumes, categories, runs and mask."""
    shape, runs, blocks = ((5, 4, 1), 3, 2) if quick else ((27, 20, 1), 12, 9)
    classes = 3 if quick else 8
    rng = np.random.default_rng(0)
    run = np.repeat(np.arange(runs), classes * blocks)
    y = np.tile(np.repeat(np.arange(classes), blocks), runs)
    mask = np.ones(shape, bool)
    pattern = rng.normal(size=(classes, mask.sum())) * (np.arange(mask.sum()) < mask.sum() // 3)
    x = (rng.normal(size=(len(y), mask.sum())) + 0.3 * pattern[y]).astype(np.float32)
    return x, y, run, mask
