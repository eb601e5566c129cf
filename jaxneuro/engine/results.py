"""Results as they come: arrays on the host, chunks on the disk, progress on stderr."""

import os
import signal
import sys
import threading
import time
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.engine.progress import Progress
from jaxneuro.engine.store import Store, StoreError
from jaxneuro.types import Status

_CHUNK_SECONDS = 10.0  # results wait at most so long for the disk


class Results:
    """Host arrays of all fits' results; to disk as well where there is a store."""

    def __init__(self, shapes: Any, fits: int, devices: int, params: bool, progress: bool | None):
        self.params = params
        shapes = self.kept(shapes)
        leaves, self.structure = jax.tree.flatten(shapes)
        self.leaves = [np.zeros((fits, *leaf.shape), leaf.dtype) for leaf in leaves]
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(shapes)]
        self.names = [jax.tree_util.keystr(path) for path in paths]
        self.done = np.zeros(fits, bool)
        self.resumed = np.zeros(fits, bool)
        self.stored = np.zeros(fits, bool)
        self.store: Store | None = None
        self.lane_steps, self.devices, self.ended, self.diverged = 0, devices, 0, 0
        self.progress = Progress(fits, 0, progress)
        self.written = time.monotonic()

    def kept(self, result: Any) -> Any:
        return result if self.params else result._replace(params=None)

    def resume(self, store: Store) -> None:
        """Takes what is in the store, and writes there from now on, until `flush`."""
        named = dict(zip(self.names, self.leaves, strict=True))
        try:
            for chunk in store.chunks(named):
                for name, leaf in named.items():
                    leaf[chunk["fit"]] = chunk[name]
                self.done[chunk["fit"]] = True
        except BaseException:
            store.close()
            raise
        self.store = store
        self.resumed, self.stored = self.done.copy(), self.done.copy()
        self.ended = self.progress.before = int(self.done.sum())
        _heed_sigterm(self)

    def empty(self, fits: int) -> Any:
        """Room for the results of so many fits."""
        leaves = [np.zeros((fits, *leaf.shape[1:]), leaf.dtype) for leaf in self.leaves]
        return jax.tree.unflatten(self.structure, leaves)

    def add(self, fits: np.ndarray, found: Any) -> None:
        for leaf, new in zip(self.leaves, jax.tree.leaves(found), strict=True):
            leaf[fits] = new
        self.ended += len(fits) - int(self.done[fits].sum())
        self.diverged += int((found.status == Status.DIVERGED).sum())
        self.done[fits] = True  # after their values: a signal may call for a chunk at any moment
        if time.monotonic() - self.written > _CHUNK_SECONDS:
            self._write()

    def lose(self, fits: np.ndarray) -> None:
        """Nothing is known of these fits; they are not written, and run again on resuming."""
        for leaf in self.leaves:
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                leaf[fits] = np.nan
        jax.tree.unflatten(self.structure, self.leaves).status[fits] = Status.LOST

    def only(self, fits: np.ndarray) -> None:
        """Keeps these fits alone, after the last call of `flush`."""
        self.leaves = [leaf[fits] for leaf in self.leaves]
        self.done, self.resumed = self.done[fits], self.resumed[fits]

    def flush(self) -> None:
        """Writes what waits and lets go of the store: the last call, however the run ended."""
        try:
            self._write()
        finally:
            self.progress.close()
            _heed_sigterm_no_more(self)
            if self.store is not None:
                self.store.close()

    def _write(self) -> None:
        if self.store is not None:
            fits = np.flatnonzero(self.done & ~self.stored)
            if fits.size:
                parts = {n: a[fits] for n, a in zip(self.names, self.leaves, strict=True)}
                self.store.append({"fit": fits, **parts})
                self.stored[fits] = True
        self.written = time.monotonic()

    def show(self, pending: int) -> None:
        """Tells how far the run is, with so many lanes whose fit has ended."""
        self.progress.tell(self.ended + pending, self.diverged)


_open: "weakref.WeakKeyDictionary[Results, int]" = weakref.WeakKeyDictionary()  # and their process


def _heed_sigterm(results: Results) -> None:
    """Batch systems send SIGTERM some seconds before they kill: by default, nothing is flushed.

    Only where nobody else heeds it: of several processes, JAX's own preemption service does.
    """
    if threading.current_thread() is not threading.main_thread() or jax.process_count() > 1:
        return
    if signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, _on_sigterm):
        _open[results] = os.getpid()
        signal.signal(signal.SIGTERM, _on_sigterm)


def _heed_sigterm_no_more(results: Results) -> None:
    heeded = _open.pop(results, None) is not None
    if heeded and not _open and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _on_sigterm(number: int, _: Any) -> None:
    """Writes what waits, and ends the process as SIGTERM would have."""
    try:
        for results, process in list(_open.items()):
            if process == os.getpid():  # not in a fork, which has its parent's results
                results._write()
    except StoreError as error:
        sys.stderr.write(f"\n{error}\n")
    finally:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
