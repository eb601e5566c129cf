"""Which row a free lane takes next, and what becomes of a fit whose lane stands still."""

from collections import deque
from typing import Any

import jax
import numpy as np

from jaxneuro.choice import over_outputs
from jaxneuro.engine.contest import Contest, judge
from jaxneuro.engine.results import Results
from jaxneuro.engine.stages import Held
from jaxneuro.fit.limited import NO_LIMIT
from jaxneuro.types import Result, Status


def queue_of(members: np.ndarray, results: Results, contest: Contest | None) -> "InTurn | InRounds":
    """Of the rows `members`, whole groups in rising order where they compete."""
    if contest is None or not contest.rungs:
        return InTurn(members, results)
    return InRounds(contest, members, results)


class InTurn:
    """Rows one after the other, each to its end.

    Attributes:
      judges: whether what is found of some decides which come next.
    """

    judges = False

    def __init__(self, members: np.ndarray, results: Results):
        self._left, self._results = members, results

    @property
    def ready(self) -> bool:
        """Whether there are rows to take."""
        return len(self._left) > 0

    @property
    def open(self) -> bool:
        """Whether there are, or fits that end may bring them."""
        return self.ready

    def take(self, count: int) -> np.ndarray:
        """The numbers of the next rows, so many at most."""
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def resumed(self, held: Held, at: np.ndarray, rows: np.ndarray) -> Held:
        """The slots, of which those `at` (slot,) have begun the fits of these rows: of fits that
        waited at a rung, with the state that they had."""
        del at, rows
        return held

    def ended(self, rows: np.ndarray, found: Result, at: np.ndarray, held: Held) -> None:
        """Takes what was found of these rows, whose fits stand still in the places `at`."""
        del at, held
        self._results.add(rows, found)


class InRounds:
    """The groups of a contest, each judged when all its fits stand still.

    The states of fits that wait are kept on the host; fits that go on come before fits that begin,
    so that few groups are open at a time. A group's results are handed on together, so a run that
    was stopped begins the groups anew that it had not finished.
    """

    judges = True

    def __init__(self, contest: Contest, members: np.ndarray, results: Results):
        self._contest, self._members, self._results = contest, members, results  # rising numbers
        self._begun = 0  # of the members
        self._ready: deque[int] = deque()  # rows that wait no longer
        self._states: dict[int, Any] = {}  # theirs
        self._groups: dict[int, _Group] = {}
        self._closed = 0  # groups

    @property
    def ready(self) -> bool:
        return bool(self._ready) or self._begun < len(self._members)

    @property
    def open(self) -> bool:
        return self._closed * self._contest.size < len(self._members)

    def take(self, count: int) -> np.ndarray:
        again = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        fresh = self._members[self._begun : self._begun + count - len(again)]
        self._begun += len(fresh)
        return np.concatenate([np.array(again, fresh.dtype), fresh])

    def resumed(self, held: Held, at: np.ndarray, rows: np.ndarray) -> Held:
        known = {row: self._states[row] for row in rows.tolist() if row in self._states}
        at, states = np.flatnonzero(at)[np.isin(rows, list(known))], list(known.values())
        if not states:
            return held

        def put(leaf: jax.Array, *kept: np.ndarray) -> jax.Array:
            whole = np.array(leaf)
            whole[at] = np.stack(kept)
            return jax.device_put(whole, leaf.sharding)

        return held._replace(state=jax.tree.map(put, held.state, *states))

    def ended(self, rows: np.ndarray, found: Result, at: np.ndarray, held: Held) -> None:
        contest = self._contest
        waits = (found.status == Status.STEP_LIMIT) & np.isin(found.steps, contest.rungs)
        states = jax.device_get(held.state) if waits.any() else None
        for row in rows.tolist():
            self._states.pop(row, None)
        for i, place in enumerate(np.searchsorted(self._members, rows).tolist()):
            number, member = divmod(place, contest.size)
            if number not in self._groups:
                self._groups[number] = _Group(contest, self._results)
            state = jax.tree.map(lambda a, i=i: a[at[i]].copy(), states) if waits[i] else None
            group = self._groups[number]
            group.put(member, jax.tree.map(lambda a, i=i: a[i], found), state)
            if not group.running:
                self._judge(number, group)

    def _judge(self, number: int, group: "_Group") -> None:
        first = number * self._contest.size
        for member, state in group.judged():
            row = int(self._members[first + member])
            self._states[row] = state
            self._ready.append(row)
        if not group.running:
            del self._groups[number]
            self._closed += 1
            self._results.add(self._members[first : first + self._contest.size], group.found)


class _Group:
    """The candidates of one choice under way.

    Attributes:
      found: results of its fits, (member, ...) leaves.
      running: fits that do not stand still.
    """

    def __init__(self, contest: Contest, results: Results):
        self.contest, self.running = contest, contest.size
        self.found = results.empty(contest.size)
        self._waiting: dict[int, Any] = {}
        self._rung, self._alive = 0, np.ones(len(contest.order), bool)

    def put(self, member: int, found: Result, state: Any) -> None:
        """What was found of a fit that stands still; and its state, where it waits."""
        for leaf, new in zip(jax.tree.leaves(self.found), jax.tree.leaves(found), strict=True):
            leaf[member] = new
        if state is not None:
            self._waiting[member] = state
        self.running -= 1

    def judged(self) -> list[tuple[int, Any]]:
        """The fits that go on to the next rung, with their states; the others are stopped."""
        contest, rung = self.contest, self._rung
        if rung == len(contest.rungs):
            return []
        scores = over_outputs(self.found.scores[contest.score], 1)
        scores = scores.reshape(contest.repeats, -1) * (1 if contest.higher_is_better else -1)
        self._alive = judge(scores, self._alive, contest.left[rung], contest.order)
        self._rung = rung + 1
        more = self._rung < len(contest.rungs)
        limit = np.int32(contest.rungs[self._rung]) if more else NO_LIMIT
        waiting, self._waiting = self._waiting, {}
        count = len(self._alive)
        on = [(m, s._replace(limit=limit)) for m, s in waiting.items() if self._alive[m % count]]
        self.running = len(on)
        return on
