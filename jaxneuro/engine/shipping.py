"""What workers need of a run, in a folder: a pickle, and its large arrays as files beside it, which
each worker maps into memory."""

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro.engine.recent import Recent
from jaxneuro.extras import needed

_SMALL = 2**14  # bytes of an array that stays in the pickle
_PICKLE = "run.pickle"

_arrived = Recent(2)
_arriving = threading.Lock()


def ship(what: Any, folder: Path) -> None:
    """Writes `what`, functions included, for `arrived`.

    Functions of `__main__` and closures take cloudpickle, which Dask brings.

    Raises:
      ImportError: something takes cloudpickle, and it is not installed.
    """
    held: dict[int, tuple[Any, tuple]] = {}  # by identity: what is shared is one file

    def elsewhere(value: Any) -> tuple | None:
        if id(value) not in held:
            told = _told(value, folder / f"{len(held)}.npy")
            if told is None:
                return None
            held[id(value)] = value, told
        return held[id(value)][1]

    try:
        from cloudpickle import Pickler
    except ImportError:
        Pickler = pickle.Pickler

    class Shipper(Pickler):  # pyright: ignore[reportGeneralTypeIssues]
        def persistent_id(self, value: Any) -> tuple | None:
            return elsewhere(value)

    with open(folder / _PICKLE, "wb") as file:
        try:
            Shipper(file, protocol=pickle.HIGHEST_PROTOCOL).dump(what)
        except (pickle.PicklingError, AttributeError, TypeError):
            needed("cloudpickle", "cluster")
            raise


def arrived(folder: str, prepare: Callable[[Any], Any]) -> Any:
    """`prepare` of what was shipped to the folder, made once in this process.

    Raises:
      FileNotFoundError: this machine does not see the folder.
    """
    with _arriving:
        if folder not in _arrived:
            with open(Path(folder) / _PICKLE, "rb") as file:
                _arrived[folder] = prepare(_Receiver(file, Path(folder)).load())
        return _arrived[folder]


class _Receiver(pickle.Unpickler):
    def __init__(self, file: Any, folder: Path):
        super().__init__(file)
        self.folder = folder
        self.seen: dict[str, Any] = {}

    def persistent_load(self, pid: tuple) -> Any:
        kind, name, dtype = pid
        if kind == "key":
            return jax.random.wrap_key_data(jnp.asarray(name), impl=dtype)
        if name not in self.seen:
            array = np.load(self.folder / name, mmap_mode="r", allow_pickle=False).view(dtype)
            self.seen[name] = jnp.asarray(array) if kind == "jax" else array
        return self.seen[name]


def _told(value: Any, path: Path) -> tuple | None:
    """How the receiver finds an array; None for all that stays in the pickle."""
    if not isinstance(value, np.ndarray | jax.Array):
        return None
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return "key", np.asarray(jax.random.key_data(value)), str(jax.random.key_impl(value))
    array = np.asarray(value)
    if array.nbytes < _SMALL or array.dtype.hasobject or array.dtype.names:
        return None
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
    return "jax" if isinstance(value, jax.Array) else "numpy", path.name, array.dtype
