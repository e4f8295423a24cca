"""Threads and queues of a stream; nothing here waits for a time to pass."""

import logging
from collections.abc import Callable
from threading import Event, Semaphore, Thread, current_thread
from typing import Any

import numpy as np
import pytest

from densepose_mobile.errors import DensePoseError, InputError, StreamClosed, TimestampError
from densepose_mobile.results import DensePoseResult
from densepose_mobile.streaming import Stream

LONG = 30.0  # s, after which something hangs


class Scripted:
    """A prediction that waits for its turn where it is told to; records what it and the callbacks were given."""

    def __init__(self) -> None:
        self.begun, self.go = Event(), Event()
        self.hold: set[float] = set()
        self.fail: dict[float, Exception] = {}
        self.seen: list[float] = []
        self.results: list[tuple[int, float]] = []
        self.errors: list[Exception] = []
        self.threads: set[Thread] = set()
        self.last = Event()  # set when the frame with t_ms `until` was reported
        self.until = np.inf

    def predict(self, frame: Any, t_ms: float) -> DensePoseResult:
        self.threads.add(current_thread())
        self.seen.append(t_ms)
        if t_ms in self.hold:
            self.begun.set()
            assert self.go.wait(LONG)
        if t_ms in self.fail:
            raise self.fail[t_ms]
        return DensePoseResult((), *frame.shape[:2])

    def on_result(self, result: DensePoseResult, frame: Any, t_ms: float) -> None:
        self.threads.add(current_thread())
        assert (result.height, result.width) == frame.shape[:2]
        self.results.append((int(frame[0, 0, 0]), t_ms))
        if t_ms >= self.until:
            self.last.set()

    def on_error(self, error: Exception) -> None:
        self.threads.add(current_thread())
        self.errors.append(error)

    def stream(self) -> Stream:
        return Stream(self.predict, self.on_result, self.on_error)


@pytest.fixture
def script() -> Scripted:
    return Scripted()


def frame(value: int = 0) -> np.ndarray:
    return np.full((4, 6, 3), value, np.uint8)


def push_until_refused(stream: Stream) -> None:
    """For another thread to come to close it."""
    while True:
        stream.push(frame(), 3 + stream.pushed)


def test_the_newest_frame_wins(script: Scripted) -> None:
    script.hold, script.until = {1.0}, 5.0
    with script.stream() as stream:
        stream.push(frame(1), 1)
        assert script.begun.wait(LONG)
        for t_ms in (2, 3, 4, 5):
            stream.push(frame(t_ms), t_ms)
        script.go.set()
        assert script.last.wait(LONG)
    assert script.seen == [1, 5]
    assert script.results == [(1, 1), (5, 5)]
    assert (stream.pushed, stream.done, stream.dropped) == (5, 2, 3)
    assert not script.errors


def test_callbacks_run_on_one_thread_of_the_stream(script: Scripted) -> None:
    script.fail, script.until = {1.0: InputError("one")}, 2.0
    script.hold = {1.0}
    with script.stream() as stream:
        stream.push(frame(), 1)
        assert script.begun.wait(LONG)
        stream.push(frame(), 2)
        script.go.set()
        assert script.last.wait(LONG)
    assert len(script.threads) == 1
    assert current_thread() not in script.threads
    assert not any(thread.is_alive() for thread in script.threads)


def test_the_frame_is_the_streams_own(script: Scripted) -> None:
    script.hold, script.until = {1.0}, 2.0
    buffer = frame(7)
    with script.stream() as stream:
        stream.push(frame(), 1)
        assert script.begun.wait(LONG)
        stream.push(buffer, 2)
        buffer[:] = 9
        script.go.set()
        assert script.last.wait(LONG)
    assert script.results[-1] == (7, 2)


@pytest.mark.parametrize("error", [InputError("bad frame"), RuntimeError("delegate failed")])
def test_the_stream_outlives_an_error(script: Scripted, error: Exception) -> None:
    script.fail, script.hold, script.until = {1.0: error}, {1.0}, 2.0
    with script.stream() as stream:
        stream.push(frame(), 1)
        assert script.begun.wait(LONG)
        stream.push(frame(), 2)
        script.go.set()
        assert script.last.wait(LONG)
    assert script.errors == [error]
    assert [t_ms for _, t_ms in script.results] == [2]
    assert stream.done == 2


def test_the_stream_outlives_its_callbacks(script: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    told = Event()

    def on_result(*_: Any) -> None:
        raise ValueError("the view is gone")

    def on_error(error: Exception) -> None:
        script.errors.append(error)
        if len(script.errors) == 2:
            told.set()
            return
        first.set()
        raise OSError("so is the log")

    first = Event()
    with caplog.at_level(logging.ERROR), Stream(script.predict, on_result, on_error) as stream:
        stream.push(frame(), 1)
        assert first.wait(LONG)
        stream.push(frame(), 2)
        assert told.wait(LONG)
    assert [type(error) for error in script.errors] == [ValueError, ValueError]
    assert "so is the log" in caplog.text


@pytest.mark.parametrize("bad", [5, 4.9, float("nan"), "soon"])
def test_a_bad_timestamp_harms_no_other_frame(script: Scripted, bad: Any) -> None:
    script.hold, script.until = {1.0}, 5.0
    with script.stream() as stream:
        stream.push(frame(), 1)
        assert script.begun.wait(LONG)
        stream.push(frame(5), 5)
        stream.push(frame(6), bad)  # must not displace the good one that waits
        script.go.set()
        assert script.last.wait(LONG)
        script.last.clear()
        stream.push(frame(8), 8)
        assert script.last.wait(LONG)
    assert script.seen == [1, 5, 8]
    assert [type(error) for error in script.errors] == [TimestampError]
    assert repr(bad).strip("'") in str(script.errors[0])
    assert stream.dropped == 1


def test_closing_drops_what_waits_and_ends_the_thread(script: Scripted) -> None:
    script.hold = {1.0}
    stream = script.stream()
    stream.push(frame(), 1)
    assert script.begun.wait(LONG)
    stream.push(frame(), 2)
    closer = Thread(target=stream.close)
    closer.start()
    with pytest.raises(StreamClosed, match=r"open another one with model\.stream"):
        push_until_refused(stream)
    script.go.set()
    closer.join(LONG)
    assert not closer.is_alive()
    assert script.seen == [1]
    assert script.results == []
    assert stream.dropped == stream.pushed - 1
    stream.close()


def test_a_callback_may_close_its_stream(script: Scripted) -> None:
    closed = Event()

    def on_result(*_: Any) -> None:
        stream.close()
        closed.set()

    stream = Stream(script.predict, on_result, script.on_error)
    stream.push(frame(), 1)
    assert closed.wait(LONG)
    with pytest.raises(DensePoseError):
        stream.push(frame(), 2)
    stream.close()
    assert not script.errors


def test_a_model_streams_with_numbers(fake_model: Callable[..., Any]) -> None:
    picture = np.full((320, 640, 3), 127, np.uint8)
    picture[80:230, 100:160] = (0, 0, 255)  # red in BGR
    got: list[tuple[Any, ...]] = []
    errors: list[Exception] = []
    arrived = Semaphore(0)

    def on_result(*result: Any) -> None:
        got.append(result)
        arrived.release()

    with fake_model().stream(on_result, errors.append, color="bgr") as stream:
        for t_ms in (10, 20):
            stream.push(picture, t_ms)
            assert arrived.acquire(timeout=LONG)
    assert [(result[0].track, result[0].part.max(), t_ms) for result, _, t_ms in got] == [(1, 2, 10), (1, 2, 20)]
    np.testing.assert_array_equal(got[0][1], picture)
    with fake_model().stream(on_result, errors.append, color="bgr", mode="fast") as stream:
        stream.push(picture, 10)
        assert arrived.acquire(timeout=LONG)
    assert got[-1][0][0].track is None
    assert not errors
    with pytest.raises(InputError, match="mode='slow' is unknown; use one of video, fast"):
        fake_model().stream(on_result, errors.append, mode="slow")
