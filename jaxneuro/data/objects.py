"""Arrays of Python objects in files, read without running anything: plain values or nothing."""

import io
import pickle
import pickletools
from typing import Any

import numpy as np

# What the pickle of an array of strings and numbers is made of. Nothing here builds other objects.
_OPCODES = """
    PROTO FRAME STOP MARK MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE
    BUILD EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS NONE NEWTRUE NEWFALSE
    BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES
    BINBYTES BINBYTES8
"""
_NAMES = frozenset(
    {
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "_reconstruct"),  # as numpy 1 wrote it
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    }
)
_PLAIN = (str, bytes, bool, int, float, type(None))


class _Stub:
    """Stands for whatever the pickle names; it keeps the state that it is given, and does no more.

    An array's state is (version, shape, dtype, fortran order, list of elements).
    """

    state: Any = None

    def __init__(self, *args: Any) -> None:
        del args

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Stub]:
        if (module, name) not in _NAMES:
            raise ValueError(f"it names {module}.{name}")
        return _Stub  # so that nothing of the named module is called


def plain_objects(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The object array of `shape` that is pickled in `content`: strings, bytes, numbers and None.

    Raises:
      ValueError: anything else is in it, or it is damaged.
    """
    allowed = frozenset(_OPCODES.split())
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in allowed:
            raise ValueError(f"it needs {opcode.name}")
        # A memo is an array as long as its largest index, so a lie could exhaust memory.
        if opcode.name == "LONG_BINPUT" and int(argument or 0) > count:
            raise ValueError("its memo is damaged")
    try:
        found = _Unpickler(io.BytesIO(content)).load()
        _, claimed, _, _, values = found.state
    except ValueError:
        raise
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError(f"it is damaged ({error})") from error
    if claimed != shape or type(values) is not list or len(values) != np.prod(shape, dtype=int):
        raise ValueError("its shape is not that of its header")
    if odd := sorted({type(value).__name__ for value in values if type(value) not in _PLAIN}):
        raise ValueError(f"it holds {', '.join(odd)}")
    out = np.empty(len(values), object)
    out[:] = values
    return out.reshape(shape)
