"""How far many fits are, on stderr: a bar at a terminal or in a notebook, else a line at times."""

import sys
import time
from importlib.util import find_spec
from typing import Any

_SECONDS = 10.0  # between two lines, where there is no terminal to draw a bar in
_WAIT = 0.5  # a run that is over sooner shows nothing at a terminal


class Progress:
    """Of so many `fits`, of which some were `done` before.

    Args:
      fits: all.
      done: at the start.
      shown: True: always; False: never; None: where stderr is a terminal or a notebook.
    """

    def __init__(self, fits: int, done: int, shown: bool | None):
        self.fits, self.before = fits, done
        notebook = _is_notebook()
        # Without ipywidgets a bar in a notebook is a warning and no bar.
        self.drawn = sys.stderr.isatty() or (notebook and find_spec("ipywidgets") is not None)
        self.shown = (self.drawn or notebook) if shown is None else shown
        self.begun = self.told = time.monotonic()
        self.bar: Any = None

    def tell(self, done: int, diverged: int) -> None:
        """So many fits have ended, of which so many diverged."""
        if not self.shown:
            return
        now = time.monotonic()
        if self.drawn:
            self._draw(now, done, diverged)
        elif now - self.told >= _SECONDS or done == self.fits:
            self.told = now
            sys.stderr.write(self._line(now, done, diverged) + "\n")
            sys.stderr.flush()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _line(self, now: float, done: int, diverged: int) -> str:
        rate = (done - self.before) / max(now - self.begun, 1e-9)
        left = f", {(self.fits - done) / rate:.0f} s left" if rate and done < self.fits else ""
        lost = f", {diverged} diverged" if diverged else ""
        return f"{done}/{self.fits} fits, {rate:.3g} a second{left}{lost}"

    def _draw(self, now: float, done: int, diverged: int) -> None:
        if self.bar is None:
            if now - self.begun < _WAIT:
                return
            self.bar = _bar()
            self.task = self.bar.add_task("fits", total=self.fits, completed=self.before)
            self.bar.start()
        if now - self.told >= 0.1 or done == self.fits:
            self.told = now
            self.bar.update(self.task, completed=done, description=self._line(now, done, diverged))


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    ipython = shell.get_ipython() if shell is not None else None
    return type(ipython).__name__ == "ZMQInteractiveShell"


def _bar() -> Any:
    from rich.console import Console  # Flax brings it; 50 ms that a short run need not pay
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.percentage:>3.0f} %"),
        BarColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
    )
