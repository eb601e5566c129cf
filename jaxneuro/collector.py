"""Python's collector of cyclic garbage, which waits while programs are made: tracing makes a
million objects, hardly any of them garbage, and in their midst comes a look at all that JAX keeps,
which takes .15 s to find next to nothing."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_waiting = 0  # threads within
_enabled = False  # as the first of them found it


@contextmanager
def postponed() -> Iterator[None]:
    """No collection until the last of the threads within leaves; whoever had switched it off finds
    it so. Also a decorator."""
    global _waiting, _enabled
    with _lock:
        if _waiting == 0:
            _enabled = gc.isenabled()
            gc.disable()
        _waiting += 1
    try:
        yield
    finally:
        with _lock:
            _waiting -= 1
            if _waiting == 0 and _enabled:
                gc.enable()
