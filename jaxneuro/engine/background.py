"""Work in threads of its own. XLA compiles outside Python's lock, so that programs are compiled
while others are traced, inputs are prepared, or fits run."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any


class Background:
    """A function that is made in the background, from `begin` on; a call waits for it.

    Attributes:
      ended: when it was made, by `time.perf_counter`; 0 until then.
    """

    def __init__(self, work: Callable[[], Callable[[], Callable]]):
        """`work` is done by the thread that begins, as JAX's settings are those of a thread, and
        returns what makes the function in another."""
        self._work, self._lock = work, Lock()
        self._future: Future | None = None
        self.ended = 0.0

    def begin(self) -> "Background":
        """Does nothing where it has begun."""
        with self._lock:
            if self._future is None:
                pool = ThreadPoolExecutor(1)
                self._future = pool.submit(self._timed, self._work())
                pool.shutdown(wait=False)
        return self

    def _timed(self, make: Callable[[], Callable]) -> Callable:
        try:
            return make()
        finally:
            self.ended = time.perf_counter()

    @property
    def begun(self) -> bool:
        return self._future is not None

    @property
    def ready(self) -> bool:
        """Whether a call need not wait."""
        return self._future is not None and self._future.done()

    @property
    def failed(self) -> bool:
        """Whether a call will raise what the making raised."""
        return self.ready and self._future is not None and self._future.exception() is not None

    def result(self) -> Any:
        """What was made, once it is."""
        self.begin()
        assert self._future is not None
        return self._future.result()

    def __call__(self, *arguments: Any) -> Any:
        return self.result()(*arguments)
