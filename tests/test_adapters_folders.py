"""Folders of Kilosort, phy and suite2p: units and cells by name, and what is wrong by file."""

from pathlib import Path

import numpy as np
import pytest

import jaxneuro as jn
from jaxneuro.adapters import read_kilosort, read_suite2p
from jaxneuro.features import bin_spikes, time_bins

SAMPLES = np.array([30, 900, 300, 600, 15000, 45000], np.uint64)
CLUSTERS = np.array([7, 2, 7, 11, 2, 11], np.int32)


def write(folder: Path, **files) -> Path:
    """Arrays as npy, texts as they are; `__` stands for the dot."""
    for name, content in files.items():
        if isinstance(content, np.ndarray):
            np.save(folder / f"{name}.npy", content)
        else:
            (folder / name.replace("__", ".")).write_text(content)
    return folder


def sorted_folder(folder: Path, **more) -> Path:
    files = {
        "spike_times": SAMPLES[:, None],
        "spike_clusters": CLUSTERS,
        "params__py": "dat_path = 'a.dat'\nsample_rate = 30000.  # Hz\nraise SystemExit\n",
        "cluster_group__tsv": "cluster_id\tgroup\n2\tgood\n7\tmua\n11\tgood\n99\tgood\n",
    }
    return write(folder, **(files | more))


def test_units_in_seconds_by_name(tmp_path) -> None:
    units = read_kilosort(sorted_folder(tmp_path))
    assert list(units) == ["2", "11"]
    np.testing.assert_array_equal(units["2"], [0.03, 0.5])
    np.testing.assert_array_equal(units["11"], [0.02, 1.5])
    every = read_kilosort(tmp_path, keep=None, rate=1000)
    np.testing.assert_array_equal(every["7"], [0.03, 0.3])
    counts = bin_spikes(units, time_bins(0.5, 2.0))
    np.testing.assert_array_equal(counts, [[1, 1], [1, 0], [0, 0], [0, 1]])


def test_spikes_in_any_order_are_sorted(tmp_path) -> None:
    backwards = {"spike_times": SAMPLES[::-1].copy(), "spike_clusters": CLUSTERS[::-1].copy()}
    units = read_kilosort(sorted_folder(tmp_path, **backwards))
    np.testing.assert_array_equal(units["2"], [0.03, 0.5])


def test_a_person_is_heard_before_the_sorter(tmp_path) -> None:
    tables = {
        "cluster_group__tsv": "cluster_id\tgroup\n2\tnoise\n",
        "cluster_KSLabel__tsv": "cluster_id\tKSLabel\n2\tgood\n7\tgood\n11\tmua\n",
    }
    assert list(read_kilosort(sorted_folder(tmp_path, **tables))) == ["7"]
    info = "id,amp,group,KSLabel\n2,5,noise,good\n7,9,,mua\n11,1,good,mua\n"
    (tmp_path / "cluster_KSLabel.tsv").unlink()
    (tmp_path / "cluster_group.tsv").unlink()
    write(tmp_path, cluster_info__tsv=info)
    assert list(read_kilosort(tmp_path)) == ["11"]
    assert list(read_kilosort(tmp_path, keep=("good", "mua"))) == ["7", "11"]
    assert list(read_kilosort(tmp_path, keep="mua")) == ["7"]


def test_kilosort_errors_name_the_file(tmp_path) -> None:
    folder = sorted_folder(tmp_path)
    with pytest.raises(ValueError, match="none of its 3 units is fine, but good, mua"):
        read_kilosort(folder, keep=("fine",))
    with pytest.raises(ValueError, match="rate is -1"):
        read_kilosort(folder, rate=-1)
    write(folder, params__py="sample_rate = __import__('os').getpid()\n")
    with pytest.raises(ValueError, match=r"params\.py: has 0 lines sample_rate = NUMBER"):
        read_kilosort(folder)
    (folder / "params.py").unlink()
    with pytest.raises(FileNotFoundError, match="give `rate`"):
        read_kilosort(folder)
    (folder / "cluster_group.tsv").unlink()
    with pytest.raises(ValueError, match="but not judged: keep=None keeps all"):
        read_kilosort(folder, rate=30000)
    write(folder, cluster_group__tsv="name\tgroup\n2\tgood\n")
    with pytest.raises(ValueError, match=r"cluster_group\.tsv: no column cluster_id"):
        read_kilosort(folder, rate=30000)
    write(folder, spike_clusters=CLUSTERS[:4])
    with pytest.raises(ValueError, match=r"has 6 spikes and spike_clusters\.npy 4"):
        read_kilosort(folder, rate=30000)
    write(folder, spike_clusters=CLUSTERS.astype(float))
    with pytest.raises(ValueError, match=r"spike_clusters\.npy: float64 is not the kind"):
        read_kilosort(folder, rate=30000)
    write(folder, spike_clusters=CLUSTERS, spike_times=np.where(SAMPLES == 300, np.nan, SAMPLES))
    with pytest.raises(ValueError, match=r"spike_times\.npy: spike 2 is at sample nan"):
        read_kilosort(folder, rate=30000)
    write(folder, spike_times=np.zeros((6, 2)))
    with pytest.raises(ValueError, match=r"spike_times\.npy: has shape \(6, 2\)"):
        read_kilosort(folder, rate=30000)
    (folder / "spike_times.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"spike_times\.npy"):
        read_kilosort(folder, rate=30000)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_kilosort(folder / "none")


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def test_nothing_is_unpickled_and_no_header_believed(tmp_path) -> None:
    folder = sorted_folder(tmp_path)
    np.save(folder / "spike_times.npy", np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"spike_times\.npy: not a whole file of plain numbers"):
        read_kilosort(folder)
    np.save(folder / "spike_times.npy", SAMPLES)
    content = (folder / "spike_times.npy").read_bytes()
    (folder / "spike_times.npy").write_bytes(content[:-8])
    with pytest.raises(ValueError, match=r"spike_times\.npy: not a whole file"):
        read_kilosort(folder)


def plane(folder: Path, **more) -> Path:
    rng = np.random.default_rng(0)
    around = rng.normal(size=(4, 50)).astype(np.float32)
    files = {
        "F": 3 + 0.7 * around + np.arange(4, dtype=np.float32)[:, None],
        "Fneu": around,
        "iscell": np.array([[1, 0.9], [0, 0.1], [1, 0.8], [1, 0.7]]),
    }
    return write(folder, **(files | more))


def test_traces_of_cells_in_seconds(tmp_path) -> None:
    found = read_suite2p(plane(tmp_path), rate=10)
    assert found.names == ("0", "2", "3") and found.x.shape == (50, 3)
    assert found.x.dtype == np.float32
    np.testing.assert_allclose(found.x, np.tile([3.0, 5, 6], (50, 1)), atol=1e-5)
    np.testing.assert_allclose(found.times, np.arange(50) / 10)
    assert found.dt == pytest.approx(0.1) and not found.trials.any()
    assert read_suite2p(tmp_path, 10, every=True).names == ("0", "1", "2", "3")
    (tmp_path / "Fneu.npy").unlink()
    raw = read_suite2p(tmp_path, 10, neuropil=0)
    np.testing.assert_array_equal(raw.x, np.load(tmp_path / "F.npy")[[0, 2, 3]].T)
    with pytest.raises(FileNotFoundError, match=r"Fneu\.npy"):
        read_suite2p(tmp_path, 10)


def test_missing_frames_stay_missing(tmp_path) -> None:
    traces = np.random.default_rng(1).normal(size=(4, 50)).astype(np.float32)
    traces[2, 7] = np.nan
    found = read_suite2p(plane(tmp_path, F=traces), rate=10)
    np.testing.assert_array_equal(np.argwhere(np.isnan(found.x)), [[7, 1]])


def test_suite2p_errors_name_the_file(tmp_path) -> None:
    folder = plane(tmp_path)
    with pytest.raises(ValueError, match="rate is 0"):
        read_suite2p(folder, 0)
    write(folder, F=np.full((4, 50), np.inf, np.float32))
    with pytest.raises(ValueError, match=r"F\.npy: channel '0' is infinite at 0 s"):
        read_suite2p(folder, 10)
    write(folder, F=np.zeros((4, 40), np.float32))
    with pytest.raises(ValueError, match=r"Fneu\.npy: has shape \(4, 50\), and F\.npy \(4, 40\)"):
        read_suite2p(folder, 10)
    write(folder, F=np.zeros(40, np.float32))
    with pytest.raises(ValueError, match=r"F\.npy: has shape \(40,\)"):
        read_suite2p(folder, 10)
    plane(folder, iscell=np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"iscell\.npy: has shape \(3, 2\)"):
        read_suite2p(folder, 10)
    write(folder, iscell=np.zeros((4, 2)))
    with pytest.raises(ValueError, match="none is a cell"):
        read_suite2p(folder, 10)


@pytest.mark.slow
def test_from_folders_to_a_table(tmp_path) -> None:
    units = read_kilosort(sorted_folder(tmp_path))
    found = read_suite2p(plane(tmp_path), rate=25)
    counts = bin_spikes(units, time_bins(found.dt, found.dt * len(found.x)))
    fit = jn.make_fit(jn.models.linear(), jn.losses.squared_error, jn.optimizers.lbfgs())
    targets = jn.axes.targets(len(found.names), found.names)
    table = jn.fit_many(fit, jn.make_inputs(counts, found.x), [targets]).table()
    assert table["target"].tolist() == ["0", "2", "3"]
    assert set(table["status"]) <= {"converged", "plateau"}
