"""Chunked runs broken on purpose: killed, damaged, out of space, two at once. Never a wrong bit."""

import errno
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import LANES, PAIRS, POISSON, assert_same_bits, counts, problem, targets_and_grid

from jaxneuro import axes, crossval, fit_many, make_inputs, splits
from jaxneuro.engine import programs, results
from jaxneuro.engine.results import Results
from jaxneuro.engine.store import Store, StoreError, StoreWriteError

RUN = {"fit": "poisson", "lanes": 4, "rows": "0f" * 32, "axes": [["target", 8]]}
SPLITS = splits.nested(splits.k_fold(97, 2), lambda train: splits.k_fold(len(train), 2, seed=1))

CHILD = """
import sys, time, test_breaking
from jaxneuro.engine.results import Results
kind, folder, seconds, pause = sys.argv[1:]
run, add = getattr(test_breaking, kind), Results.add
run(None)
test_breaking.results._CHUNK_SECONDS = float(seconds)

def slow(self, fits, found):
    add(self, fits, found)
    print(self.store.folder, *fits, flush=True)
    time.sleep(float(pause))

Results.add = slow
print("ready", flush=True)
run(folder)
"""


def many(out=None, **options):
    return fit_many(POISSON, problem(), targets_and_grid(), lanes=LANES, out=out, **options)


def search(out=None):
    """96 inner fits and 16 refits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of choices at the edge of the grid
        return crossval.search(
            POISSON, make_inputs(*counts(), key=7), [axes.targets(8)], SPLITS,
            axes.grid(strength=(1e-3, 0.1, 3.0)), lanes=LANES, out=out,
        )  # fmt: skip


def parts(found):
    """The `Fits` in what `many` or `search` returns."""
    return [f for f in (getattr(found, "inner", None), getattr(found, "fits", found)) if f]


@pytest.fixture(scope="module")
def undisturbed():
    return many()


@pytest.fixture
def often(monkeypatch):
    """Each look at the lanes writes a chunk."""
    monkeypatch.setattr(results, "_CHUNK_SECONDS", 0.0)


@pytest.fixture
def fitted(monkeypatch):
    """Numbers of the fits that were run, and not read."""
    numbers, add = [], Results.add

    def spy(self, fits, found):
        numbers.extend(int(i) for i in fits)
        return add(self, fits, found)

    monkeypatch.setattr(Results, "add", spy)
    return numbers


def start(kind, folder, seconds=0.0, pause=0.02):
    """A child that runs `many` or `search`, and prints what each `add` has handed in."""
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, kind, str(folder), str(seconds), str(pause)],
        env={**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def handed_in(lines):
    """{folder: fits} of the lines that a child printed; the last may be cut short."""
    found: dict[str, set] = {}
    for line in lines:
        if line.endswith("\n") and line.startswith(os.sep):
            folder, *fits = line.split()
            found.setdefault(folder, set()).update(map(int, fits))
    return found


def stored(folder):
    fits: set[int] = set()
    for path in Path(folder).glob("chunk-*.npz"):
        with np.load(path) as chunk:
            fits.update(chunk["fit"].tolist())
    return fits


def stop(child, number, after):
    """Sends a signal after `after` lines; all lines, the exit status and stderr."""
    lines = [child.stdout.readline() for _ in range(after + 1)]
    child.send_signal(number)
    rest, told = child.communicate(timeout=60)
    return lines + rest.splitlines(keepends=True), child.returncode, told


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_goes_on(tmp_path, undisturbed, fitted, number):
    """SIGKILL: what was handed in is in chunks. The others: it waits for the disk, and is saved."""
    child = start("many", tmp_path, seconds=0 if number == signal.SIGKILL else 1e9, pause=0.05)
    lines, status, told = stop(child, number, after=3)
    assert status in (-number, 130, 1) and status != 0, told
    if number == signal.SIGTERM:
        assert status == -number  # as if nobody had heeded it
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in told or "Interrupted" in told
    safe = stored(tmp_path)
    assert handed_in(lines)[str(tmp_path)] <= safe
    assert 0 < len(safe) < len(undisturbed)
    assert_same_bits(many(tmp_path), undisturbed)
    assert sorted({*fitted} | safe) == list(range(len(undisturbed)))
    assert not {*fitted} & safe
    assert {p.suffix for p in tmp_path.iterdir()} == {".npz", ".json"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["many", "search"])
def test_kills_at_random_moments(tmp_path, kind):
    """One folder, killed again and again, each run going on from the last."""
    run = {"many": many, "search": search}[kind]
    rng = np.random.default_rng(3)
    for _ in range(3):
        child = start(kind, tmp_path, pause=0.01)
        lines = [child.stdout.readline()]
        time.sleep(rng.uniform(0, 0.3))
        child.kill()
        lines += child.communicate()[0].splitlines(keepends=True)
        for folder, fits in handed_in(lines).items():
            assert fits <= stored(folder)
    for found, expected in zip(parts(run(tmp_path)), parts(run()), strict=True):
        assert_same_bits(found, expected)
    assert {p.suffix for p in tmp_path.rglob("*") if p.is_file()} == {".npz", ".json"}


def flipped(data: bytes, rng) -> bytes:
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(changed)


def test_flipped_and_cut_chunks_are_set_aside(tmp_path, often, undisturbed, fitted):
    many(tmp_path)
    rng = np.random.default_rng(0)
    chunks = sorted(tmp_path.glob("chunk-*.npz"))
    for turn in range(12):
        path = chunks[rng.integers(len(chunks))]
        whole = path.read_bytes()
        with np.load(path) as chunk:
            lost = chunk["fit"].tolist()
        broken = flipped(whole, rng) if turn % 2 else whole[: rng.integers(len(whole))]
        path.write_bytes(broken)
        fitted.clear()
        with pytest.warns(UserWarning, match=rf"{path.name} is damaged .*: set aside"):
            again = many(tmp_path)
        assert sorted(fitted) == lost
        assert_same_bits(again, undisturbed)
        assert path.with_suffix(".damaged").read_bytes() == broken
        for made in {*tmp_path.glob("chunk-*.npz")} - {*chunks}:
            made.unlink()
        path.write_bytes(whole)


def test_no_flip_or_cut_of_a_manifest_goes_unseen(tmp_path):
    """But where only white space changes."""
    Store(tmp_path, RUN).close()
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    broken = [flipped(whole, rng) for _ in range(200)] + [whole[:n] for n in range(len(whole))]
    told = 0
    for data in broken:
        path.write_bytes(data)
        for read in (lambda: Store(tmp_path, RUN).close(), lambda: Store.lanes_of(tmp_path)):
            try:
                assert read() in (None, RUN["lanes"])
                assert json.loads(data) == json.loads(whole)
            except StoreError as error:
                told += 1
                assert str(path) in str(error)
                assert "another folder" in str(error)
    assert told > 2 * len(whole)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 99, b"\xff\xfe{", b"[1, 2]", b"3", b"null", b"{}", b'"lanes"', b"[" * 99999,
        b'{"manifest": 1}', b'{"manifest": 1, "run": [], "sha256": 3}', b'{"lanes": 4}',
    ],
    ids=lambda data: data[:16].hex() or "empty",
)  # fmt: skip
def test_a_manifest_that_is_none(tmp_path, data):
    path = tmp_path / "manifest.json"
    path.write_bytes(data)
    told = rf"{path} is damaged. Delete this one file and call again"
    with pytest.raises(StoreError, match=told):
        Store(tmp_path, RUN)
    with pytest.raises(StoreError, match=told):
        Store.lanes_of(tmp_path)
    with pytest.raises(StoreError, match=told):
        many(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("data", [b'{"manifest": 7}', b'{"jaxneuro": "0.0.1", "lanes": 4}'])
def test_a_manifest_of_another_version(tmp_path, data):
    (tmp_path / "manifest.json").write_bytes(data)
    for read in (lambda: Store(tmp_path, RUN), lambda: Store.lanes_of(tmp_path)):
        with pytest.raises(StoreError, match=r"manifest.json is in format [07] and .* reads 1: "):
            read()


def test_a_folder_in_place_of_a_manifest(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(StoreError, match=r"manifest.json cannot be read: "):
        Store(tmp_path, RUN)


def test_a_manifest_that_was_deleted_costs_nothing(tmp_path, often, undisturbed, fitted):
    """Each chunk says itself which run it is of."""
    many(tmp_path)
    (tmp_path / "manifest.json").unlink()
    fitted.clear()
    assert_same_bits(many(tmp_path), undisturbed)
    assert fitted == []


def fail_from(monkeypatch, step, call, number):
    """The `call`-th `step` of a write and all after it fail."""
    real = {"write": open, "fsync": os.fsync, "replace": os.replace}[step]
    calls = []

    def fake(*arguments):
        calls.append(arguments)
        if len(calls) < call:
            return real(*arguments)
        if step == "write":
            Path(arguments[0]).write_bytes(b"half a chu")
        raise OSError(number, os.strerror(number))

    name = "open" if step == "write" else f"os.{step}"
    monkeypatch.setattr(f"jaxneuro.engine.store.{name}", fake, raising=step != "write")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_folder_that_cannot_be_written(tmp_path, often, undisturbed, step, number):
    for call in (1, 2, 3, 5):
        folder = tmp_path / str(call)
        with monkey() as patched:
            fail_from(patched, step, call, number)
            with pytest.raises(StoreWriteError, match=rf"cannot write results to {folder}: ") as e:
                many(folder)
        assert e.value.errno == number
        assert os.strerror(number) in str(e.value)
        assert isinstance(e.value, OSError) and isinstance(e.value, StoreError)
        assert {p.suffix for p in folder.iterdir()} <= {".npz", ".json"}
        assert (folder / "manifest.json").exists() == (call > 1)
        if step != "fsync":  # twice a write: the second, of the folder, may fail
            assert len([*folder.glob("chunk-*.npz")]) == max(call - 2, 0)
        assert_same_bits(many(folder), undisturbed)


def monkey():
    return pytest.MonkeyPatch.context()


def test_a_disk_that_has_room_again_in_time(tmp_path, often, undisturbed):
    """The write at the end of the run, however it ends, is a second chance."""
    real, calls = os.replace, []

    def fourth(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    with monkey() as patched, pytest.raises(StoreWriteError, match="No space"):
        patched.setattr("jaxneuro.engine.store.os.replace", fourth)
        many(tmp_path)
    assert len([*tmp_path.glob("chunk-*.npz")]) == 3  # the third at the second attempt
    assert_same_bits(many(tmp_path), undisturbed)


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("mine")
    for folder in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(OSError, match=r"cannot write results to .*out"):
            many(folder)


@pytest.mark.slow
def test_a_folder_holds_one_run_at_a_time(tmp_path, undisturbed):
    child = start("many", tmp_path, pause=0.3)
    try:
        for _ in range(2):
            child.stdout.readline()
        told = rf"{tmp_path} is in use by process {child.pid} on .*: wait until it ends, or"
        with pytest.raises(StoreError, match=told):
            many(tmp_path)
    finally:
        child.kill()
        child.communicate()
    assert_same_bits(many(tmp_path), undisturbed)


def test_a_folder_is_let_go_of_however_a_run_ends(tmp_path, often):
    def fail(*_):
        raise RuntimeError("on the way")

    for call in ("add", "_write"):
        with monkey() as patched, pytest.raises(RuntimeError, match="on the way") as error:
            patched.setattr(Results, call, fail)
            many(tmp_path / call)
        many(tmp_path / call)
        assert error.tb is not None  # which keeps the frames of the run that failed
    handler = signal.getsignal(signal.SIGTERM)
    assert handler is signal.SIG_DFL


def test_a_lock_of_the_dead_and_a_lock_in_this_process(tmp_path):
    (tmp_path / ".lock").write_text("process 1 on elsewhere")
    store = Store(tmp_path, RUN)
    with pytest.raises(StoreError, match=rf"in use by process {os.getpid()} on .* \(this one\)"):
        Store(tmp_path, RUN)
    store.close()
    store.close()
    Store(tmp_path, RUN).close()
    del store
    dropped = Store(tmp_path, RUN)
    del dropped
    Store(tmp_path, RUN).close()
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
def test_a_file_system_without_locks(tmp_path, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("jaxneuro.engine.store.fcntl.flock", flock)
    one, two = Store(tmp_path, RUN), Store(tmp_path, RUN)
    one.append({"fit": np.array([0])})
    assert len([*two.chunks()]) == 1


def test_leftovers_of_the_dead_are_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    alive, own, here = os.getppid(), os.getpid(), os.uname().nodename.replace(".", "-")
    names = {
        f".chunk-000000000-00.npz.{dead.pid}.part": False,
        f".chunk-000000000-00.npz.{here}.0123abcd.{dead.pid}.part": False,
        f".chunk-000000000-00.npz.{here}.0123abcd.{own}.part": False,  # of one with this number
        f".chunk-000000000-00.npz.{here}.0123abcd.{alive}.part": True,
        f".manifest.json.{alive}.part": True,
        f".chunk-000000000-00.npz.{own}.part": True,
        f".chunk-000000000-00.npz.elsewhere.0123abcd.{dead.pid}.part": True,
        f".manifest.json.{10**30}.part": False,
        ".notes.part": True,
    }
    for name in names:
        (tmp_path / name).write_bytes(b"half a chu")
    old = tmp_path / ".manifest.json.elsewhere.0123abcd.1.part"
    old.write_bytes(b"{")
    os.utime(old, (1, 1))
    Store(tmp_path, RUN).close()
    left = {p.name for p in tmp_path.iterdir()} - {"manifest.json"}
    assert left == {name for name, stays in names.items() if stays}


def foreign(folder, **arrays):
    """Writes a chunk with the right name and checksum."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    plant(folder, buffer.getvalue())


def plant(folder, data):
    (folder / f"chunk-000000000-{hashlib.sha256(data).hexdigest()}.npz").write_bytes(data)


LIKE = {".loss": np.zeros(3, np.float32), ".params['w']": np.zeros((3, 2), np.float32)}
SOUND = {"fit": np.array([0, 2]), ".loss": np.ones(2, np.float32),
         ".params['w']": np.ones((2, 2), np.float32)}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"run": np.array("another")}, "of another run"),
        ({"run": None}, "of another run"),
        ({"fit": None}, "does not number"),
        ({"fit": np.array(0)}, "does not number"),
        ({"fit": np.array([[0, 2]])}, "does not number"),
        ({"fit": np.array([0.0, 2.0])}, "does not number"),
        ({"fit": np.array(["0", "2"])}, "does not number"),
        ({"fit": np.array([0, 3])}, "fits that this run has not"),
        ({"fit": np.array([-1, 0])}, "fits that this run has not"),
        ({"fit": np.array([0, 2**64 - 1], np.uint64)}, "fits that this run has not"),
        ({"fit": np.array([0, 1, 2])}, "another shape"),
        ({".loss": None}, "other fields"),
        ({".more": np.ones(2)}, "other fields"),
        ({".loss": np.ones(2)}, "another shape or dtype"),
        ({".loss": np.ones((2, 1), np.float32)}, "another shape"),
        ({".params['w']": np.ones((2, 3), np.float32)}, "another shape"),
    ],
)
def test_a_foreign_chunk_is_set_aside(tmp_path, changed, why):
    store = Store(tmp_path, RUN)
    run = json.loads((tmp_path / "manifest.json").read_text())["sha256"]
    arrays = {"run": np.array(run), **SOUND, **changed}
    foreign(tmp_path, **{name: a for name, a in arrays.items() if a is not None})
    with pytest.warns(UserWarning, match=rf"chunk-.* is foreign .*{why}.*: set aside"):
        assert list(store.chunks(LIKE)) == []
    assert list(store.chunks(LIKE)) == []
    assert len([*tmp_path.glob("*.damaged")]) == 1


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"\x93NUMPY\1\0", b"no archive", b"\x80\4N."])
def test_a_chunk_that_is_no_archive(tmp_path, data):
    store = Store(tmp_path, RUN)
    plant(tmp_path, data)
    with pytest.warns(UserWarning, match=r"is foreign \(no archive of arrays"):
        assert list(store.chunks(LIKE)) == []


def test_a_chunk_of_objects_is_not_unpickled(tmp_path):
    store = Store(tmp_path, RUN)
    foreign(tmp_path, fit=np.array([print], object))
    with pytest.warns(UserWarning, match=r"is foreign \(no archive of arrays"):
        assert list(store.chunks(LIKE)) == []


def test_chunks_of_another_run_are_not_taken(tmp_path, often, undisturbed, fitted):
    """Shapes and numbers fit, the values would be wrong."""
    other = problem(counts(5)[1])
    fit_many(POISSON, other, targets_and_grid(), lanes=LANES, out=tmp_path / "other")
    many(tmp_path / "own")
    for path in (tmp_path / "own").glob("chunk-*.npz"):
        path.unlink()
    copied = [*(tmp_path / "other").glob("chunk-*.npz")]
    for path in copied:
        (tmp_path / "own" / path.name).write_bytes(path.read_bytes())
    fitted.clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert_same_bits(many(tmp_path / "own"), undisturbed)
    assert len([w for w in told if "of another run" in str(w.message)]) == len(copied)
    assert len(fitted) == len(undisturbed)


def test_bfloat16_comes_back(tmp_path):
    """NumPy's files hold it as bytes without a meaning."""
    store = Store(tmp_path, RUN)
    values = np.asarray(jnp.arange(3, dtype=jnp.bfloat16))
    store.append({"fit": np.arange(3), ".loss": values})
    (chunk,) = store.chunks({".loss": np.zeros_like(values)})
    assert chunk[".loss"].dtype == values.dtype
    np.testing.assert_array_equal(chunk[".loss"], values)


def test_a_finished_run_is_read_from_a_folder_that_cannot_be_written(
    tmp_path, monkeypatch, undisturbed
):
    many(tmp_path)
    real = os.open

    def read_only(path, flags, *mode):
        if flags & (os.O_CREAT | os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *mode)

    monkeypatch.setattr("jaxneuro.engine.store.os.open", read_only)
    assert_same_bits(many(tmp_path), undisturbed)


def test_threads_at_once(tmp_path, often, undisturbed):
    """Each in its own folder; in one folder, the second is refused."""
    found: dict[int, object] = {}

    def work(number):
        found[number] = many(tmp_path / str(number))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert_same_bits(found[number], undisturbed)
        assert_same_bits(many(tmp_path / str(number)), undisturbed)


@pytest.mark.slow
def test_threads_with_different_fits(undisturbed):
    """Each compiles its own programs, while the others run."""
    names = [*PAIRS][:2]
    expected = {n: fit_many(PAIRS[n], problem(), targets_and_grid(), lanes=LANES) for n in names}
    jax.clear_caches()
    programs._engines.clear()
    found = []

    def work(name):
        fits = fit_many(PAIRS[name], problem(), targets_and_grid(), lanes=LANES)
        found.append((name, fits))

    threads = [threading.Thread(target=work, args=(name,)) for name in names * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    for name, fits in found:
        assert_same_bits(fits, expected[name])


def test_settings_of_jax_between_runs(tmp_path, undisturbed):
    """Wide types give another program, which a folder of the narrow one refuses."""
    many(tmp_path)
    with jax.default_prng_impl("rbg"):
        assert_same_bits(many(), undisturbed)
        assert_same_bits(many(tmp_path), undisturbed)
    with jax.enable_x64(True):
        many()
        with pytest.raises(StoreError, match=r"holds another run: fit \("):
            many(tmp_path)
    assert_same_bits(many(), undisturbed)
    assert_same_bits(many(tmp_path), undisturbed)
