"""A worker that dies is started again; one that dies over and over is not."""

from typing import Any

import pytest

from vlm_lab.errors import GenerationError
from vlm_lab.workers.supervisor import Supervisor


class StandIn:
    """A worker that answers or dies as it is asked to."""

    def request_answer(self, request: Any, seconds: float) -> dict[str, Any]:
        if request["raises"]:
            raise request["raises"]
        return {"text": "an answer"}

    def close(self) -> None:
        pass


DEATH = GenerationError("WorkerDied", "exited with status 3")
ANSWER = None


@pytest.mark.parametrize(
    ("events", "is_reply", "starts"),
    [
        ([DEATH, ANSWER, DEATH, ANSWER, DEATH, ANSWER], True, 4),
        ([DEATH, DEATH, DEATH, DEATH], True, 2),
        ([ANSWER, DEATH, DEATH, ANSWER], True, 2),
        ([DEATH, ANSWER, DEATH, ANSWER, DEATH], False, 2),
        ([KeyboardInterrupt(), ANSWER], True, 2),
    ],
    ids=["answers between", "none", "a row after answers", "no replies", "interrupted"],
)
def test_deaths_in_a_row_end_it(
    events: list[BaseException | None], is_reply: bool, starts: int
) -> None:
    started: list[StandIn] = []

    def start() -> Any:
        started.append(StandIn())
        return started[-1]

    supervisor = Supervisor("m", start, max_deaths=2)
    for event in events:
        try:
            supervisor.request_answer({"raises": event}, 1, is_reply=is_reply)
        except (GenerationError, KeyboardInterrupt) as error:
            last_error = error
    assert len(started) == starts
    if len(events) > 3 and event is DEATH:
        assert "m: not started again after 2 deaths: exited with status 3" in str(last_error)
