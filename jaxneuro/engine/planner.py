"""How many lanes: planned from the memory and the work of a lane's step, not guessed.

Both are told from its trace (`estimate`), which costs a tenth of a compilation; where memory may
decide, small compilations tell it exactly, since scratch memory is linear in the lane count.
On an accelerator the lanes should fill the memory that is free. On a CPU too many leave
the cache, too few pay for each step's and each refill's fixed cost alone: `_quickest` weighs both.
Its constants were fitted on one machine (benchmarks/RESULTS.md says how well its choices do); the
same machine makes the same choice twice.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np

from jaxneuro.engine.estimate import weigh_lane
from jaxneuro.engine.lane import bytes_of, selects_of
from jaxneuro.engine.programs import weigh, weigh_start
from jaxneuro.fit import Fit
from jaxneuro.sizes import bucket
from jaxneuro.types import Axis, Device, Inputs

_MOST_LANES = 1024
_CACHE_SHARE = 0.45  # of the last level, beyond which a step slows down ...
_OVERFLOW = 0.17  # ... by so much with every doubling
_CACHE_A_CORE = 16 * 2**20
_FLOPS = 75e9  # a second and device, of narrow products in the cache
_STEP_SECONDS = 50e-6  # fixed cost of a step: some hundred small operations
_REFILL_SECONDS = 4e-3  # fixed cost of retiring and starting lanes ...
_TYPICAL_STEPS = 10  # ... once in so many steps, where fits end by themselves
_MEMORY_SHARE = 0.6
_SAFE_SHARE = 0.2  # estimates below this share of what is free cannot be wrong by enough to matter
_PROBES = (2, 4)  # lanes of the small compilations


class Plan(NamedTuple):
    """What `fit_many` would do. Print it.

    Attributes:
      fits: all rows.
      lanes: fits side by side on each device.
      devices: how many, and of what kind.
      waves: times that all lanes are filled, if every fit took as long.
      bytes_per_lane, bytes_shared: scratch and state; what all lanes share.
      bytes_predicted: of one device, arrays of `inputs` included.
      compilations: programs that will be compiled.
      reason: what bounds the lanes.
    """

    fits: int
    lanes: int
    devices: int
    kind: str
    waves: int
    bytes_per_lane: int
    bytes_shared: int
    bytes_predicted: int
    compilations: int
    reason: str

    def __str__(self) -> str:
        mega = 1e-6
        return (
            f"{self.fits} fits in {self.lanes} lanes on each of {self.devices} × {self.kind}: "
            f"{self.waves} waves, {self.bytes_per_lane * mega:.2f} MB a lane, "
            f"{self.bytes_predicted * mega:.0f} MB in all, {self.compilations} compilations "
            f"(lanes bounded by {self.reason})"
        )


def plan_lanes(
    fit: Fit,
    inputs: Inputs,
    axes: Sequence[Axis],
    fits: int,
    lanes: int | str,
    devices: Sequence[Device],
    exact: bool = True,
) -> Plan:
    """Plans the lanes of one group of inner rows.

    Args:
      inputs: of one outer index.
      axes: all axes, outer first.
      fits: rows to be run, all groups together.
      lanes: a number on each device, or "auto".
      exact: whether the bytes are to be those of a compiled program; the lanes are the same.

    Raises:
      ValueError: `lanes` is neither; MemoryError: a single lane does not fit.
    """
    inner = [axis for axis in axes if not axis.outer]
    selects, width = selects_of(inner), len(axes)
    groups = math.prod(axis.size for axis in axes if axis.outer)
    at_once = max(1, math.ceil(fits / groups / len(devices)))
    told = weigh_lane(fit, inputs, selects, width)
    given, available = bytes_of((inputs, selects)), available_bytes(devices[0])
    each, shared = max(1, told.bytes + told.waiting), given
    most = min(at_once, _MOST_LANES) * each + shared
    tight = most > _SAFE_SHARE * available
    probed = _probe(fit, inputs, selects, width) if tight or exact else [(each, 0)]
    if tight:
        each, shared = (max(needed) for needed in zip(*probed, strict=True))
        shared += given
    if shared + each > available:
        raise MemoryError(
            f"one fit needs {(shared + each) / 1e9:.2f} GB and {available / 1e9:.2f} GB are free: "
            "use make_fit(batch=...), or fewer samples"
        )
    if lanes == "auto":
        fitting = _whole_within(int(_MEMORY_SHARE * (available - shared) / each))
        most = min(fitting, _MOST_LANES)
        if devices[0].platform == "cpu":
            stepped = len(devices) * (each - told.waiting)  # what waits needs no cache
            count = _quickest(fit, at_once, most, stepped, told.flops)
        else:  # the same programs for about as many fits
            count = _even(bucket(at_once, 4), most)
        reasons = {fitting: "memory", _MOST_LANES: "the most allowed"}
        reason = "the number of fits" if count >= at_once else reasons.get(count, "speed")
    elif isinstance(lanes, int | np.integer) and lanes >= 1:
        count, reason = whole_vectors(int(lanes)), "you"
    else:
        raise ValueError(f'lanes is {lanes!r}: a number from 1, or "auto"')
    if exact:
        each, shared = max(probed, key=lambda needed: needed[1] + count * needed[0])
        shared += given
    return Plan(
        fits=fits,
        lanes=count,
        devices=len(devices),
        kind=devices[0].device_kind,
        waves=groups * math.ceil(at_once / count),
        bytes_per_lane=each,
        bytes_shared=shared,
        bytes_predicted=shared + count * each,
        compilations=3 + (at_once > count and not fit.stop.fixed),
        reason=reason,
    )


def _probe(fit: Fit, inputs: Inputs, selects: tuple, width: int) -> list[tuple[int, int]]:
    """Scratch bytes of a lane, and of all lanes together: of the compiled programs that step and
    that start."""

    def steps(lanes: int) -> int:
        return weigh(fit, inputs, selects, width, lanes).bytes

    def start(lanes: int) -> int:
        return weigh_start(fit, inputs, selects, width, lanes)

    lines = []
    with ThreadPoolExecutor() as pool:
        for few, many in [pool.map(program, _PROBES) for program in (steps, start)]:
            each = max(1, (many - few) // (_PROBES[1] - _PROBES[0]))
            lines.append((each, max(0, few - _PROBES[0] * each)))
    return lines


def _quickest(fit: Fit, rows: int, most: int, each: int, flops: float) -> int:
    """The lane count of least predicted time, on a CPU.

    Args:
      fit: says whether fits end by themselves or all take as many steps.
      rows: fits on a device.
      most: lanes at most.
      each, flops: bytes of a lane over all devices, which share the cache; work of its step.
    """
    powers = [1 << i for i in range(most.bit_length())]
    if fit.stop.fixed:
        counts = {_even(rows, p) for p in (*powers, most)}
    else:  # refilled one by one: the last wave need not be full; and about as many fits, the same
        counts = {p for p in powers if p < 2 * rows}
    return min(sorted(counts), key=lambda lanes: _seconds(fit, rows, each, flops, lanes))


def _seconds(fit: Fit, rows: int, each: int, flops: float, lanes: int) -> float:
    """Predicted, of all rows of a device in so many lanes; the others as of `_quickest`."""
    stop = fit.stop
    steps = stop.max_steps if stop.fixed else min(_TYPICAL_STEPS, stop.max_steps)
    overflow = max(0.0, math.log2(max(1, lanes * each) / (_CACHE_SHARE * cache_bytes())))
    work = lanes * flops / _FLOPS * (1 + _OVERFLOW * overflow)
    waves = math.ceil(rows / lanes) if stop.fixed else max(1.0, rows / lanes)
    return waves * (steps * (_STEP_SECONDS + work) + _REFILL_SECONDS)


def predicted_seconds(
    fit: Fit, inputs: Inputs, axes: Sequence[Axis], fits: int, lanes: int, devices: Sequence[Device]
) -> float:
    """Of so many fits in so many lanes, as `plan_lanes` predicts them on a CPU; its arguments."""
    inner = [axis for axis in axes if not axis.outer]
    groups = math.prod(axis.size for axis in axes if axis.outer)
    told = weigh_lane(fit, inputs, selects_of(inner), len(axes))
    rows = max(1, math.ceil(fits / groups / len(devices)))
    return groups * _seconds(fit, rows, len(devices) * told.bytes, told.flops, lanes)


def whole_vectors(lanes: int) -> int:
    """1, 2, 4 or the next multiple of 8: on CPUs, a lane beyond the last whole vector is rounded by
    other instructions (seen: one fit in a thousand, in its last bit), and then a fit's bits would
    depend on the lane it runs in."""
    return 1 << max(0, lanes - 1).bit_length() if lanes <= 8 else -(-lanes // 8) * 8


def _whole_within(lanes: int) -> int:
    """The most whole vectors in so many lanes; at least 1 lane."""
    return lanes // 8 * 8 if lanes >= 8 else 1 << max(0, lanes.bit_length() - 1)


def _even(rows: int, most: int) -> int:
    """Lanes for `rows` in as few waves as `most` lanes would take, the last as full as can be."""
    most = min(most, _MOST_LANES)
    return min(most, whole_vectors(math.ceil(rows / math.ceil(rows / most))))


@cache
def cache_bytes() -> int:
    """The last-level cache of this machine's first core, but no more of it than so many cores fill:
    a virtual machine is told the whole server's. 16 MiB where it cannot be read."""
    sizes = []
    folder = "/sys/devices/system/cpu/cpu0/cache"
    for index in os.listdir(folder) if os.path.isdir(folder) else []:
        try:
            with open(f"{folder}/{index}/size") as file:
                text = file.read().strip()
        except OSError:
            continue
        sizes.append(int(text.rstrip("KMG")) * {"K": 2**10, "M": 2**20, "G": 2**30}[text[-1]])
    return min(max(sizes, default=16 * 2**20), _CACHE_A_CORE * (os.cpu_count() or 1))


def available_bytes(device: Device) -> int:
    """Memory that is free for one device: its own, or what the machine and the cgroup allow."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    free = []
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":") for line in file)
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
        with (
            open("/sys/fs/cgroup/memory.max") as limit,
            open("/sys/fs/cgroup/memory.current") as used,
        ):
            free.append(int(limit.read()) - int(used.read()))
    except (OSError, ValueError, KeyError):
        pass
    return min(free, default=8 * 2**30)
