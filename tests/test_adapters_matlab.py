"""MATLAB 7.3: MATLAB's own order and classes, and nothing outside of the file."""

import sys
from pathlib import Path

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.adapters import read_mat73
from jaxneuro.data import as_labels
from jaxneuro.features import bin_spikes, time_bins

h5py = pytest.importorskip("h5py")


def put(group, name, array, kind="double", **attributes):
    """As MATLAB writes: axes in reverse, the class beside."""
    dataset = group.create_dataset(name, data=np.asarray(array).T)
    dataset.attrs["MATLAB_class"] = np.bytes_(kind)
    for key, value in attributes.items():
        dataset.attrs[key] = value
    return dataset


def text(group, name, word):
    return put(group, name, np.array([[ord(c) for c in word]], np.uint16), "char")


def cells(file, name, members):
    """A cell array of the members, each as `put`."""
    hidden = file.require_group("#refs#")
    references = np.empty((len(members), 1), h5py.ref_dtype)
    for place, member in enumerate(members):
        made = text if isinstance(member, str) else put
        references[place, 0] = made(hidden, f"{name}{place}", member).ref
    dataset = file.create_dataset(name, data=references.T, dtype=h5py.ref_dtype)
    dataset.attrs["MATLAB_class"] = np.bytes_("cell")
    return dataset


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "mine.mat"


def test_classes_and_the_order_of_axes(path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, "x", np.arange(6.0).reshape(2, 3))
        put(file, "row", [[1.0, 2, np.nan]])
        put(file, "dt", [[0.05]])
        put(file, "good", np.array([[1, 0]], np.uint8), "logical", MATLAB_int_decode=1)
        text(file, "area", "V1 β")
        put(file, "names", np.array([[ord(c) for c in w] for w in ("ab", "cd")], "u2"), "char")
        put(file, "nothing", np.array([0, 5], np.uint64), MATLAB_empty=1)
        put(file, "z", np.array([[(1.0, 2.0)]], [("real", float), ("imag", float)]))
        struct = file.create_group("session")
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        put(struct, "rate", [[30000.0]])
        text(struct, "who", "m1")
        del cells(struct, "trials", ["go", [[1.0, 2]]]).attrs["MATLAB_class"]  # a struct array
    found = read_mat73(path)
    np.testing.assert_array_equal(found["x"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(found["row"], [1, 2, np.nan])
    assert found["dt"] == 0.05 and found["area"] == "V1 β" and found["names"] == ["ab", "cd"]
    assert found["good"].dtype == bool and found["nothing"].shape == (0, 5)
    assert found["z"] == 1 + 2j and found["session"]["rate"] == 30000
    assert found["session"]["who"] == "m1" and found["session"]["trials"][0] == "go"
    np.testing.assert_array_equal(found["session"]["trials"][1], [1, 2])
    assert list(read_mat73(path, only=["dt"])) == ["dt"]


@pytest.mark.slow
def test_from_cells_of_spikes_to_a_table(path) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        cells(file, "spikes", [rng.uniform(0, 20, (1, 90)), rng.uniform(0, 20, (70, 1)), [[3.0]]])
        put(file["#refs#"], "none", np.array([0, 0], np.uint64), MATLAB_empty=1)
        file["spikes"][0, 2] = file["#refs#/none"].ref
        put(file, "speed", rng.normal(size=(200, 1)))
        cells(file, "side", ["left", "right", "left"])
    found = read_mat73(path)
    assert [np.shape(one) for one in found["spikes"]] == [(90,), (70,), (0, 0)]
    assert as_labels(found["side"])[1] == ("left", "right")
    times = [np.ravel(one) for one in found["spikes"]]
    counts = bin_spikes(times, time_bins(0.1, 20.0))
    np.testing.assert_array_equal(counts.sum(axis=0), [90, 70, 0])
    fit = jn.make_fit(jn.models.linear(), jn.losses.squared_error, jn.optimizers.lbfgs())
    inputs = jn.make_inputs(found["speed"][:, None], counts)
    assert len(jn.fit_many(fit, inputs, [jn.axes.targets(3)]).table()["status"]) == 3


def test_links_and_data_elsewhere_are_refused(path, tmp_path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["secret"] = np.arange(3.0)
    (tmp_path / "raw").write_bytes(np.arange(3.0).tobytes())
    with h5py.File(path, "w") as file:
        put(file, "x", [[1.0, 2.0]])
        file["external"] = h5py.ExternalLink(str(other), "/secret")
        file["soft"] = h5py.SoftLink("/external")
        file.create_dataset("elsewhere", (3,), float, external=[(str(tmp_path / "raw"), 0, 24)])
        layout = h5py.VirtualLayout((3,), float)
        layout[:] = h5py.VirtualSource(str(other), "secret", (3,))
        file.create_virtual_dataset("virtual", layout)
        inside = file.create_group("inside")
        inside["leak"] = h5py.ExternalLink(str(other), "/secret")
        made = cells(file, "cell", [[[1.0]]])
        made[0, 0] = file["elsewhere"].ref
    for name in ("external", "soft"):
        with pytest.raises(ValueError, match=rf"mine\.mat: variable '{name}': is a link"):
            read_mat73(path, only=[name])
    for name in ("elsewhere", "virtual"):
        with pytest.raises(ValueError, match=f"variable '{name}': its data lie in another file"):
            read_mat73(path, only=[name])
    with pytest.raises(ValueError, match=r"variable 'inside\.leak': is a link"):
        read_mat73(path, only=["inside"])
    with pytest.raises(ValueError, match=r"variable 'cell\{1, 1\}': its data lie in another file"):
        read_mat73(path, only=["cell"])
    np.testing.assert_array_equal(read_mat73(path, only=["x"])["x"], [1, 2])


def test_errors_name_the_variable(path, tmp_path) -> None:
    with h5py.File(path, "w") as file:
        put(file, "x", np.zeros((100, 100)))
        put(file, "table", np.zeros((1, 6), np.uint32), "table", MATLAB_object_decode=3)
        sparse = file.create_group("s")
        sparse.attrs.update({"MATLAB_class": np.bytes_("double"), "MATLAB_sparse": 3})
        put(file, "words", np.array([[b"ab"]]))
        put(file, "void", np.array([3, 5], np.uint64), MATLAB_empty=1)
        deep = file.create_group("deep")
        for _ in range(40):
            deep = deep.create_group("in")
        loop = cells(file, "loop", [[[1.0]]])
        loop[0, 0] = loop.ref
        hole = cells(file, "hole", [[[1.0]]])
        hole[0, 0] = h5py.Reference()
    for name, problem in {
        "table": "of class table",
        "s": "is sparse; save full",
        "words": r"holds \|S2",
        "void": r"is empty, but of shape \[3, 5\]",
    }.items():
        with pytest.raises(ValueError, match=f"variable '{name}': {problem}"):
            read_mat73(path, only=[name])
    with pytest.raises(ValueError, match=r"variable 'loop\{1, 1\}': holds itself"):
        read_mat73(path, only=["loop"])
    with pytest.raises(ValueError, match=r"variable 'deep\.in.*: more than 32 cells"):
        read_mat73(path, only=["deep"])
    with pytest.raises(ValueError, match=r"variable 'hole\{1, 1\}': a reference to nothing"):
        read_mat73(path, only=["hole"])
    with pytest.raises(ValueError, match="variable 'x': larger than the limit"):
        read_mat73(path, only=["x"], limit=1000)
    with pytest.raises(ValueError, match="no variable 'y' among"):
        read_mat73(path, only=["y"])
    with pytest.raises(FileNotFoundError):
        read_mat73(tmp_path / "none.mat")
    (tmp_path / "old.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b" " * 600)
    with pytest.raises(ValueError, match=r"old\.mat: not an HDF5 file"):
        read_mat73(tmp_path / "old.mat")


def test_cells_that_hold_one_another_many_times_are_read_once(path) -> None:
    with h5py.File(path, "w") as file:
        inner = put(file.require_group("#refs#"), "inner", [[1.0]])
        for level in range(30):  # 2**30 numbers, were each read anew
            outer = cells(file, f"level{level}", [[[0.0]], [[0.0]]])
            outer[0, 0] = outer[0, 1] = inner.ref
            inner = outer
    found = read_mat73(path, only=["level29"])["level29"]
    while isinstance(found, list):
        assert len(found) == 2
        found = found[0]
    assert found == 1.0


def test_a_chunk_larger_than_its_array_counts(path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (1,), float, maxshape=(None,), chunks=(10**6,), compression=9)
    with pytest.raises(ValueError, match="variable 'x': larger than the limit"):
        read_mat73(path, limit=10**6)


def test_a_damaged_file_names_itself(path) -> None:
    with h5py.File(path, "w") as file:
        put(file, "x", np.zeros((4, 4)))
        cells(file, "c", [[[1.0]], "word"])
        file.create_dataset("packed", data=np.ones((50, 3)), chunks=(10, 3), compression=4)
    content, rng, failures = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(damaged))] if rng.random() < 0.3 else damaged)
        try:
            read_mat73(path)
        except ValueError as error:  # and no other
            assert "mine.mat" in str(error)
            failures += 1
    assert failures > 30


def test_a_missing_h5py_says_what_to_install(path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "jaxneuro\[matlab\]"'):
        read_mat73(path)
