"""Requests of several threads -> no more of them in flight at a time than their server takes.

Nobody knows that number beforehand. All that come are let through until the server says that it has
too many (429); then half as many are, and one more each time that a whole window of them was
answered (additive increase, multiplicative decrease, as in TCP). One thread alone is never held up.
"""

import threading
from typing import NamedTuple

from vlm_lab.errors import GenerationError
from vlm_lab.messages import Message


class Ticket(NamedTuple):
    """When a request was sent: how often the limit had been narrowed, how many were in flight with
    it, and how many had entered."""

    round: int
    crowd: int
    entered: int


class AdaptiveLimit:
    """`size` is how many requests may be in flight; None as long as no server complained."""

    def __init__(self) -> None:
        self.size: int | None = None
        self._in_flight = 0
        self._successes = 0
        self._round = 0  # counts the times that it was narrowed
        self._entered = 0
        self._is_closed = False
        self._condition = threading.Condition()

    def enter(self) -> Ticket:
        """Waits until there is room for one more."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_closed or self._has_room())
            self._check_open()
            self._in_flight += 1
            self._entered += 1
            return Ticket(self._round, self._in_flight, self._entered)

    def leave(self) -> None:
        """The request that entered has its answer, or none will come."""
        with self._condition:
            self._in_flight -= 1
            self._condition.notify()

    def note_success(self) -> None:
        """Called before it leaves. Only a window that is full is worth widening."""
        with self._condition:
            if self.size is None or self._in_flight < self.size:
                return
            self._successes += 1
            if self._successes >= self.size:
                self.size, self._successes = self.size + 1, 0
                self._condition.notify()

    def note_overload(self, ticket: Ticket) -> bool:
        """Called before it leaves. Whether there were too many at a time: the requests of one round
        narrow the window once. False where a request was alone, so that fewer cannot help."""
        with self._condition:
            if ticket.round < self._round:
                return True
            # One that came later may have had its answer already.
            met_another = self._entered > ticket.entered
            crowd = max(ticket.crowd, self._in_flight, 1 + met_another)
            if crowd == 1:
                return False
            self.size = crowd // 2
            self._successes = 0
            self._round += 1
            return True

    def pause(self, seconds: float) -> None:
        """Sleeps, unless the window is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_closed, seconds)
            self._check_open()

    def close(self) -> None:
        """Nobody enters any more, and nobody waits."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _has_room(self) -> bool:
        return self.size is None or self._in_flight < self.size

    def _check_open(self) -> None:
        if self._is_closed:
            raise GenerationError("Cancelled", Message("not_asked_any_more"))
