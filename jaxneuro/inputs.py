"""From arrays on the host to the `Inputs` of fits, with every check that can be made beforehand."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxneuro import origin, several
from jaxneuro.types import Inputs, Origin


def make_inputs(
    x,
    y,
    *,
    weight=None,
    held_out=None,
    validation=None,
    hyper: Mapping[str, float] | None = None,
    key: int | jax.Array = 0,
) -> Inputs:
    """Checks arrays and makes the `Inputs` that `fit_many` shares among all fits.

    Args:
      x: (sample, *feature), finite. What float32 would lose of it (a large offset, 1e-13 tesla) is
        shifted and scaled away in double precision first, and `Fits` takes it back. Or a dictionary
        of arrays, (sample, ...) each, which the model is given as it is: `{"image": images,
        "running": speed}`; whole numbers stay whole.
      y: (sample,) or (sample, target), likewise. NaN = missing: that sample of that target is left
        out.
      weight: (sample,) what is fitted. None: 1 where neither held out nor validation.
      held_out: (sample,) what is scored at the end. None: nothing.
      validation: (sample,) what early stopping looks at. None: nothing.
      hyper: hyper-parameters that no axis sets.
      key: a seed, or a `jax.random.key`.

    Raises:
      ValueError: names the field, the place and what to do.
    """
    y = _array("y", y)
    if y.ndim < 1:
        raise ValueError("y is a scalar; it must be (sample,) or (sample, target)")
    x, x_origin = _by_name("x", x, y) if isinstance(x, Mapping) else _features("x", x, y)
    if 0 in y.shape:
        raise ValueError(f"y has shape {y.shape}: there is nothing to fit")
    y_origin = None
    if y.dtype.kind == "f" or (y.size and max(-int(y.min()), int(y.max())) >= 2**31):
        y, y_origin = _fitting("y", y)
        y = y.astype(several.precision(x))
    else:
        y = y.astype(np.int32)
    dtype, none = several.precision(x), np.zeros(len(y))
    held_out = _weights("held_out", held_out, dtype, none)
    validation = _weights("validation", validation, dtype, none)
    rest = (held_out == 0) & (validation == 0)
    weight = _weights("weight", weight, dtype, rest)
    for name, apart in (("held_out", held_out), ("validation", validation)):
        both = np.flatnonzero((weight > 0) & (apart > 0))
        if both.size:
            raise ValueError(
                f"weight and {name} overlap in {both.size} samples, the first at {both[0]}: "
                "what is fitted cannot judge the fit"
            )
    if not weight.any():
        raise ValueError("weight is zero everywhere: no sample is left to fit")
    return Inputs(
        x=jax.device_put(x),  # jnp.asarray would compile a program for each shape
        y=jax.device_put(y),
        weight=jax.device_put(weight),
        held_out=jax.device_put(held_out),
        validation=jax.device_put(validation),
        hyper={name: _scalar(name, value) for name, value in (hyper or {}).items()},
        key=make_key(key),
        x_origin=x_origin,
        y_origin=y_origin,
    )


def stack_subjects(inputs: Sequence[Inputs]) -> Inputs:
    """One `Inputs` (subject, sample, ...) of several, for `axes.subjects`; arrays on the host.

    Recordings of other lengths are padded with zeros of weight zero: folds that reach into the
    padding have nothing to score there, and those fits say `not_scored`. Hyper-parameters and key
    are the first subject's.

    Raises:
      ValueError: names the subject whose features or outputs have another shape.
    """
    if not inputs:
        raise ValueError("stack_subjects: no subject")
    inputs = _of_one_origin(inputs)
    longest = max(len(one.y) for one in inputs)
    first = inputs[0]
    for i, one in enumerate(inputs):
        is_, was = (several.parts(a.x) | {"y": a.y} for a in (one, first))
        if list(is_) != list(was):
            raise ValueError(f"subject {i} has {', '.join(is_)}, subject 0 {', '.join(was)}")
        for name, array in is_.items():
            if array.shape[1:] != was[name].shape[1:]:
                raise ValueError(f"subject {i}: {name} is (sample, {array.shape[1:]}), subject 0 "
                                 f"has {was[name].shape[1:]}")  # fmt: skip

    def stack(*given) -> np.ndarray:
        arrays = [np.asarray(a) for a in given]
        tail = arrays[0].shape[1:]
        return np.stack(
            [np.concatenate([a, np.zeros((longest - len(a), *tail), a.dtype)]) for a in arrays]
        )

    names = ("x", "y", "weight", "held_out", "validation")
    fields = {n: jax.tree.map(stack, *[getattr(one, n) for one in inputs]) for n in names}
    return first._replace(**fields)


def _features(name: str, x, y: np.ndarray) -> tuple[np.ndarray, Origin | None]:
    """One array of features as fits see it, and relative to what."""
    x = _array(name, x)
    if x.ndim < 2:
        raise ValueError(
            f"{name} has shape {x.shape}; it must be (sample, *feature): for one feature pass "
            f"{name}[:, None]"
        )
    _check(name, x, y)
    return _fitting(name, x)


def _by_name(name: str, x: Mapping, y: np.ndarray) -> tuple[dict, None]:
    """Several arrays, as the model will see them."""
    if not x:
        raise ValueError(f"{name} is an empty dictionary: there is nothing to fit")
    made = {}
    for key, part in x.items():
        told = f"{name}[{key!r}]"
        if isinstance(part, Mapping):
            made[key] = _by_name(told, part, y)[0]
            continue
        array = _array(told, part)
        if array.ndim < 1:
            raise ValueError(f"{told} is a scalar; it must be (sample, ...)")
        _check(told, array, y)
        if array.dtype.kind in "iu":
            made[key] = array.astype(np.int32)
            continue
        made[key], shifted = _fitting(told, array)
        if shifted is not None:
            raise ValueError(
                f"float32 cannot hold {told} as it was given, and of several arrays none is taken "
                "back to its own units: shift and scale it first, to values near 1"
            )
    return made, None


def _check(name: str, x: np.ndarray, y: np.ndarray) -> None:
    if 0 in x.shape:
        raise ValueError(f"{name} has shape {x.shape}: there is nothing to fit")
    if len(x) != len(y):
        if x.ndim > 1 and x.shape[1] == len(y):
            hint = f"{name} looks transposed: pass {name}.T"
        elif y.ndim > 1 and y.shape[1] == len(x):
            hint = "y looks transposed: pass y.T"
        else:
            hint = "both must have one row for each sample"
        raise ValueError(f"{name} has {len(x)} samples and y has {len(y)}; {hint}")
    finite = np.isfinite(x)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} has {int((~finite).sum())} values that are not finite, the first at {at}: "
            f"{x[at]}. Fill them, or drop those samples"
        )


def _of_one_origin(inputs: Sequence[Inputs]) -> Sequence[Inputs]:
    """The same subjects, with `x` and `y` of all relative to one origin, where any has one."""
    for name in ("x", "y"):
        given = f"{name}_origin"
        if all(getattr(one, given) is None for one in inputs):
            continue
        values = [origin.undo(getattr(one, name), getattr(one, given)) for one in inputs]
        made, common = _fitting(name, np.concatenate(values).astype(np.float64))
        parts = np.split(made, np.cumsum([len(v) for v in values])[:-1])
        inputs = [one._replace(**{name: jnp.asarray(part), given: common})
                  for one, part in zip(inputs, parts, strict=True)]  # fmt: skip
    return inputs


def make_key(key: int | jax.Array) -> jax.Array:
    """A typed key from a seed or a key. Only threefry: the others' `fold_in` differs under vmap."""
    if isinstance(key, int | np.integer):
        high = key >> 32 if jax.config.jax_enable_x64 else 0  # pyright: ignore
        data = np.array([high, key], np.int64).astype(np.uint32)  # jax.random.key compiles for it
        return jax.random.wrap_key_data(data, impl="threefry2x32")  # pyright: ignore
    if not hasattr(key, "dtype"):
        raise ValueError(f"key is {key!r}: it must be a whole number or a jax.random.key")
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key, impl="threefry2x32")  # pyright: ignore
    if str(jax.random.key_impl(key)) != "threefry2x32":
        raise ValueError(
            f"key is {jax.random.key_impl(key)}: only threefry2x32 gives a fit the same numbers in "
            "every lane; use jax.random.key(seed, impl='threefry2x32')"
        )
    return key  # pyright: ignore[reportReturnType]


def _array(name: str, value) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise ValueError(
            f"{name} is not a rectangular array: pad its rows, or use stack_subjects"
        ) from error
    if array.dtype == bool:
        return array.astype(np.float32)
    if array.dtype.kind not in "iuf":
        told = ": number the classes with jaxneuro.data.as_labels" if name == "y" else ""
        raise ValueError(
            f"{name} has dtype {array.dtype}: it must be numbers in a rectangular array "
            f"(rows of different lengths: pad them, or use stack_subjects){told}"
        )
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array  # longdouble


def _fitting(name: str, array: np.ndarray) -> tuple[np.ndarray, Origin | None]:
    """In the precision that fits run in, and relative to what."""
    if jax.config.jax_enable_x64 and array.dtype == np.float64:  # pyright: ignore
        return array, None
    return origin.centred(name, array, conditioned=name == "x")  # fits centre y themselves


def _scalar(name: str, value) -> jax.Array:
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "biuf":
        raise ValueError(
            f"hyper[{name!r}] is {value!r}: a hyper-parameter is one number; for a list of them "
            f"use axes.grid({name}=[...])"
        )
    return jnp.asarray(array, jnp.float32)


def _weights(name: str, value, dtype, default: np.ndarray) -> np.ndarray:
    array = np.asarray(default if value is None else value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}: it must be numbers or booleans")
    if array.shape != default.shape:
        raise ValueError(f"{name} has shape {array.shape}: it must be (sample,) = {default.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{name} has negative or non-finite values: weights are 0 or more")
    return array.astype(dtype)
