"""How far a run is: stages with their seconds, a live bar on a terminal, plain lines elsewhere, and the log file."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichBar

from compassign.errors import CompAssignError, RunCancelledError
from compassign.sampling_progress import SamplingProgress

LOGGER = logging.getLogger("compassign")

BAR_AFTER_S = 2.0  # a bar that flashes by says nothing
N_SHOWN = 20  # messages of one kind
LINE_STEP = 0.1  # share of a stage between two plain lines
LINE_EVERY_S = 2.0  # and the least time between them, so that a fast stage does not flood the log


def first_of(messages: Sequence[str], what: str) -> tuple[str, ...]:
    """The first N_SHOWN messages of one kind, and how many more there are of what."""
    more = (f"... and {len(messages) - N_SHOWN} more {what}",) if messages[N_SHOWN:] else ()
    return (*messages[:N_SHOWN], *more)


class Progress(Protocol):
    """What the pipeline tells about itself; `runtime_s` maps each finished stage to its seconds."""

    runtime_s: dict[str, float]

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time everything inside the `with` block as the stage `name`."""
        ...

    def advance(self, fraction: float, detail: str = "") -> None:
        """Say that `fraction` (0 to 1) of the current stage is done; may be called from any thread."""
        ...

    def sampling(self, state: SamplingProgress) -> None:
        """Say where the sampler of the current stage is; may be called from any thread."""
        ...

    def check(self) -> None:
        """Raise RunCancelledError if somebody has asked for the run to stop."""
        ...

    def warn(self, message: str) -> None:
        """Tell the user something that they should know when they read the results."""
        ...

    def info(self, message: str) -> None:
        """Tell the user something in passing."""
        ...


class SilentProgress:
    """Progress for Python and tests: keeps times and messages, shows nothing.

    runtime_s : stage -> seconds, added up if a stage is entered again. warnings : in the order they came.
    cancelled : set it, from any thread, to stop the run at the next opportunity.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.runtime_s: dict[str, float] = {}
        self.warnings: list[str] = []
        self.cancelled = threading.Event()
        self._clock = clock
        self._lock = threading.RLock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time everything inside the `with` block as the stage `name`, also when it ends in an error."""
        started = self._clock()
        self._begin(name)
        try:
            yield
        finally:
            seconds = self._clock() - started
            self.runtime_s[name] = self.runtime_s.get(name, 0.0) + seconds
            self._end(name, seconds)

    def advance(self, fraction: float, detail: str = "") -> None:
        """Say that `fraction` (0 to 1, clipped) of the current stage is done; may be called from any thread."""
        with self._lock:
            self._move(min(max(fraction, 0.0), 1.0), detail)

    def sampling(self, state: SamplingProgress) -> None:
        """Show the sampler's line; may be called from any thread."""
        self.advance(state.share, str(state))

    def check(self) -> None:
        """Raise RunCancelledError if `cancelled` is set."""
        if self.cancelled.is_set():
            raise RunCancelledError("the run was cancelled")

    def warn(self, message: str) -> None:
        """Keep the message; the same one twice is kept once."""
        with self._lock:
            if message not in self.warnings:
                self.warnings.append(message)
                LOGGER.warning(message)

    def info(self, message: str) -> None:
        """Log the message."""
        LOGGER.info(message)

    def _begin(self, name: str) -> None:
        """A stage begins."""

    def _move(self, fraction: float, detail: str) -> None:
        """The current stage moved; called under the lock."""

    def _end(self, name: str, seconds: float) -> None:
        """A stage ended."""


class RichProgress(SilentProgress):
    """Progress for people: a context manager, so that the log is closed and the warnings are shown at the end.

    log_path : file that gets every stage, message and warning with its time (UTC), and the traceback of an error.
    console : where to show; standard error unless given. clock : seconds.
    """

    def __init__(
        self, log_path: Path, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(clock)
        self._console = console or Console(stderr=True)
        self._log = _LogFile(log_path)
        self._bar = _Bar(self._console)
        self._name = ""
        self._line_fraction = 0.0
        self._line_at = 0.0

    def __enter__(self) -> Self:
        """Open the log."""
        self._log.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close bar and log, after writing down what stopped the run, and show the warnings."""
        self._bar.hide()
        if isinstance(error, CompAssignError):
            LOGGER.error("stopped: %s", error)
        elif error is not None:
            LOGGER.error("stopped by %s", type(error).__name__, exc_info=error)
        self._log.close()
        for message in self.warnings:
            self._say(f"warning: {message}", style="yellow")

    def info(self, message: str) -> None:
        """Log the message and show it."""
        super().info(message)
        self._say(message)

    def _begin(self, name: str) -> None:
        with self._lock:
            self._name, self._line_fraction, self._line_at = name, 0.0, self._clock()
        LOGGER.info("%s ...", name)
        if self._console.is_terminal:
            self._bar.show_after(BAR_AFTER_S, name)
        else:
            self._say(f"{name} ...")

    def _move(self, fraction: float, detail: str) -> None:
        self._bar.move(fraction, detail)
        now = self._clock()
        if fraction - self._line_fraction >= LINE_STEP and now - self._line_at >= LINE_EVERY_S:
            self._line_fraction, self._line_at = fraction, now
            line = f"{self._name}: {fraction:.0%} {detail}".rstrip()
            LOGGER.info(line)
            if not self._console.is_terminal:
                self._say(line)

    def _end(self, name: str, seconds: float) -> None:
        self._bar.hide()
        LOGGER.info("%s took %.1f s", name, seconds)
        self._say(f"{name}: {seconds:.1f} s")

    def _say(self, line: str, style: str | None = None) -> None:
        # markup off: "[M+H]+" is an adduct here, not a colour
        self._console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


class _Bar:
    """A live bar that appears only when a stage has lasted long enough to be worth one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._live: RichBar | None = None
        self._task = TaskID(0)
        self._state: tuple[float | None, str] = (None, "")
        self._since = 0.0

    def show_after(self, seconds: float, name: str) -> None:
        """Show the bar of the stage `name` unless it is hidden within `seconds`."""
        self.hide()
        with self._lock:
            timer = threading.Timer(seconds, self._show, (name,))
            timer.daemon = True
            self._timer, self._state, self._since = timer, (None, ""), time.monotonic()
            timer.start()

    def move(self, fraction: float, detail: str) -> None:
        """Set the bar, or what it will show when it appears."""
        with self._lock:
            self._state = (fraction, detail)
            if self._live is not None:
                self._live.update(self._task, total=1.0, completed=fraction, detail=detail)

    def hide(self) -> None:
        """Take the bar away, also one that has not appeared yet."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._live is not None:
                self._live.stop()
            self._timer = self._live = None

    def _show(self, name: str) -> None:
        with self._lock:
            if threading.current_thread() is not self._timer:
                return  # hidden while this thread waited for the lock
            fraction, detail = self._state
            self._live = RichBar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}", markup=False),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            # no total: the bar pulses until the stage says how far it is
            self._task = self._live.add_task(name, total=None, detail=detail)
            if fraction is not None:
                self._live.update(self._task, total=1.0, completed=fraction)
            self._live.tasks[0].start_time = self._since  # the stage is older than its bar
            self._live.start()


class _LogFile:
    """The log file of one run, attached to Python's logging while it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handler: logging.FileHandler | None = None
        self._level = LOGGER.level

    def open(self) -> None:
        """Send every log record of the process and Python's warnings to the file."""
        handler = logging.FileHandler(self._path, encoding="utf-8")
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        # on the root, so that a sampler's own messages land in the file and not across the bar
        logging.getLogger().addHandler(handler)
        logging.captureWarnings(True)
        self._handler, self._level = handler, LOGGER.level
        LOGGER.setLevel(logging.INFO)

    def close(self) -> None:
        """Undo `open`."""
        if self._handler is None:
            return
        LOGGER.setLevel(self._level)
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        self._handler = None
