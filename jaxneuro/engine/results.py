"""Results as they come: arrays on the host, chunks on the disk, progress on stderr."""

import sys
import time
from typing import Any

import jax
import numpy as np

from jaxneuro.engine.store import Store

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
        self.unwritten: list[int] = []
        self.store: Store | None = None
        self.lane_steps, self.devices = 0, devices
        self.progress = sys.stderr.isatty() if progress is None else progress
        self.begun = self.written = self.shown = time.monotonic()

    def kept(self, result: Any) -> Any:
        return result if self.params else result._replace(params=None)

    def resume(self, store: Store) -> None:
        self.store = store
        for chunk in store.chunks():
            for leaf, name in zip(self.leaves, self.names, strict=True):
                leaf[chunk["fit"]] = chunk[name]
            self.done[chunk["fit"]] = True
        self.resumed = self.done.copy()

    def add(self, fits: np.ndarray, found: Any) -> None:
        for leaf, new in zip(self.leaves, jax.tree.leaves(found), strict=True):
            leaf[fits] = new
        self.done[fits] = True
        if self.store is not None:
            self.unwritten.extend(int(i) for i in fits)
            if time.monotonic() - self.written > _CHUNK_SECONDS:
                self.flush()

    def flush(self) -> None:
        if self.store is not None and self.unwritten:
            fits = np.asarray(sorted(self.unwritten))
            parts = {n: a[fits] for n, a in zip(self.names, self.leaves, strict=True)}
            self.store.append({"fit": fits, **parts})
            self.unwritten.clear()
        self.written = time.monotonic()

    def show(self, pending: int) -> None:
        now = time.monotonic()
        done, fits = int(self.done.sum()) + int(pending), len(self.done)
        if not self.progress or (now - self.shown < 1 and done < fits):
            return
        self.shown = now
        rate = (done - int(self.resumed.sum())) / max(now - self.begun, 1e-9)
        left = f"{(fits - done) / rate:.0f} s left" if rate else "…"
        end = "\n" if done == fits else ""
        sys.stderr.write(f"\r{done}/{fits} fits, {rate:.3g} a second, {left}\x1b[K{end}")
        sys.stderr.flush()
