"""Blocks of rows, run by whoever has `submit`: processes, threads, Dask, MPI, SLURM.

No scheduler: every block is submitted at once, and taken as it ends. What a block needs besides its
rows lies in a folder that the workers read.
"""

import asyncio
import platform
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxneuro.engine.chunks import StoreWriteError
from jaxneuro.engine.results import Results
from jaxneuro.engine.shipping import ship
from jaxneuro.engine.writing import unfinished
from jaxneuro.version import __version__ as version

_TRIES = 3
_BLOCKS = 64  # of a large run: a dead worker costs little, and a task of Dask some 20 ms ...
_WAVES = 4  # ... and lanes idle at the end of each block, so that one of few waves is wasteful ...
_SPREAD = 16  # ... but workers wait where there are few blocks
_LOOK = 0.02  # seconds between looks at who is done


class Greeting(NamedTuple):
    """What one worker says of itself: lanes on each of so many devices of a kind."""

    lanes: int
    devices: int
    kind: str


class Block(NamedTuple):
    """Results of a block of rows: `Results.leaves`, and what they took."""

    leaves: list[np.ndarray]
    lane_steps: int
    lanes: int
    kind: str
    compile_seconds: float


class _Failed(NamedTuple):
    why: str
    advice: str = ""


class Crew:
    """The workers of an executor, taken to be of the kind that one of them tells.

    Attributes:
      lanes: on each of the `devices` of a worker, of a `kind`.
      result: shapes of one fit's `Result`.
    """

    def __init__(self, executor: Any, result: Any, work: Callable, keep: str, out: Any, group: int):
        """
        Args:
          executor: has `submit(function, *arguments)`, which gives what has `done()`, `result()`.
          work: `(folder, rows, lanes, keep) -> Block`, run by workers.
          keep: as for `fit_many`.
          out: the folder that the workers read lies in it; None: among the temporary ones.
          group: rows that stay together in a block.
        """
        if not callable(getattr(executor, "submit", None)):
            raise ValueError(f"executor is {executor!r}: it must have submit(function, *arguments)")
        started = getattr(executor, "_mp_context", None)  # of a ProcessPoolExecutor
        if started is not None and started.get_start_method() == "fork":
            raise ValueError(
                "executor: it forks, and JAX stands still in a fork: "
                'ProcessPoolExecutor(..., mp_context=multiprocessing.get_context("spawn"))'
            )
        self.executor, self.result = executor, result
        self.lanes, self.devices, self.kind, self.compile_seconds = 0, 0, "", 0.0
        self._work, self._keep, self._group = work, keep, group
        self._folder = _new_folder(out)

    @property
    def width(self) -> int:
        return self.lanes

    def begin(self, greet: Callable, what: Any, *arguments: Any) -> None:
        """Ships `what`, and asks one worker for `greet(folder, *arguments) -> Greeting`.

        Raises:
          RuntimeError: it cannot work: it does not see the folder, has another version of jaxneuro,
            JAX or Python, or died three times.
        """
        found: list[Greeting] = []
        try:
            ship(what, self._folder)
            lost = self._each(greet, [arguments], lambda _, greeting: found.append(greeting))
            if lost:
                raise RuntimeError(f"executor: the first worker cannot work: {lost[0]}")
        except BaseException:
            self.close()
            raise
        self.lanes, self.devices, self.kind = found[0]

    def run(self, rows: np.ndarray, order: np.ndarray, results: Results) -> None:
        """Runs the rows of these numbers; those whose workers fail are lost, and told."""
        blocks = _blocks(order, self.lanes * self.devices, self._group)
        kinds, least = {self.kind}, self.lanes

        def take(number: int, block: Block) -> None:
            nonlocal least
            found = jax.tree.unflatten(results.structure, block.leaves)
            results.add(blocks[number], found)
            results.lane_steps += block.lane_steps
            results.show(0)
            self.compile_seconds = max(self.compile_seconds, block.compile_seconds)
            kinds.add(block.kind)
            least = min(least, block.lanes)

        lost = self._each(
            self._work, [(rows[block], self.lanes, self._keep) for block in blocks], take
        )
        if len(kinds) > 1:
            warnings.warn(
                f"executor: workers are of different kinds ({sorted(kinds)}): fits agree to "
                "rounding with those of one machine, not bit by bit",
                stacklevel=4,
            )
        if least < self.lanes:
            warnings.warn(
                f"executor: a worker ran out of memory with {self.lanes} lanes and went on with "
                f"{least}: those fits agree to rounding with the others",
                stacklevel=4,
            )
        if lost:
            numbers = np.concatenate([blocks[number] for number in lost])
            results.lose(numbers)
            again = "" if results.store is None else "; the same call runs these alone again"
            warnings.warn(
                f"executor: {len(numbers)} of {len(rows)} fits are lost ({lost[min(lost)]}): "
                f"their status is LOST and their values are NaN{again}",
                stacklevel=4,
            )

    def _each(self, function: Callable, calls: list, take: Callable) -> dict[int, str]:
        """Runs `function` of every call's arguments on some worker, and `take(number, value)` of
        each as it ends; a call that fails is submitted anew. Returns why those that kept failing
        did, by their numbers."""
        waiting = [(number, 1) for number in range(len(calls))][::-1]
        at_work: dict[int, tuple[Any, int]] = {}
        lost: dict[int, str] = {}
        try:
            while waiting or at_work:
                while waiting:
                    number, attempt = waiting.pop()
                    future = self._submit(function, attempt, calls[number])
                    at_work[number] = future, attempt
                for number, (future, attempt) in list(at_work.items()):
                    if not isinstance(future, _Failed) and not future.done():
                        continue
                    del at_work[number]
                    ended = future if isinstance(future, _Failed) else _outcome(future)
                    if not isinstance(ended, _Failed):
                        take(number, ended)
                    elif attempt < _TRIES and not ended.advice:
                        waiting.append((number, attempt + 1))
                    else:
                        lost[number] = "; ".join(filter(None, ended))
                if at_work and not waiting:
                    time.sleep(_LOOK)
        finally:
            for future, _ in at_work.values():
                if hasattr(future, "cancel"):
                    future.cancel()
        return lost

    def _submit(self, function: Callable, attempt: int, arguments: tuple) -> Any:
        given = str(self._folder), _versions(), attempt, arguments
        try:
            return self.executor.submit(_there, function, *given)
        except Exception as error:  # broken or shut down, each in its own words
            return _Failed(_in_words(error), "the executor takes no more work: give a new one")

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _there(function: Callable, folder: str, versions: dict, attempt: int, arguments: tuple) -> Any:
    """On the worker. What it raises comes back as words: not every exception can be pickled, and
    one that cannot would break a pool of processes. `attempt` makes a call anew another call, for
    engines that know calls by their arguments."""
    del attempt
    own = _versions()
    if own != versions:
        return _Failed(f"the client has {versions} and a worker {own}", "install the same on both")
    if not Path(folder).is_dir():
        return _Failed(
            f"the worker on {platform.node()} sees no folder {folder}",
            "give out=FOLDER, a folder that all machines see",
        )
    try:
        return function(folder, *arguments)
    except Exception as error:
        return _Failed(_in_words(error))


def _versions() -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"jaxneuro": version, "jax": jax.__version__, "python": python}


def _outcome(future: Any) -> Any:
    try:
        return future.result()
    except BrokenExecutor as error:
        return _Failed(
            _in_words(error),
            "a process died, perhaps for want of memory, and its pool with it: give a new executor",
        )
    except (Exception, asyncio.CancelledError) as error:  # each engine has its own
        return _Failed(_in_words(error))


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _blocks(order: np.ndarray, wave: int, group: int = 1) -> list[np.ndarray]:
    """Parts of whole waves of lanes, and of whole groups of rows."""
    waves = -(-len(order) // wave)
    each = max(1, -(-waves // _BLOCKS), min(_WAVES, waves // _SPREAD)) * wave
    each = -(-each // group) * group
    return [order[first : first + each] for first in range(0, len(order), each)]


def _new_folder(out: Any) -> Path:
    if out is None:
        return Path(tempfile.mkdtemp(prefix="jaxneuro-"))
    folder = unfinished(Path(out).absolute() / f"shipped-{uuid.uuid4().hex[:8]}")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StoreWriteError(Path(out), error) from error
    return folder
