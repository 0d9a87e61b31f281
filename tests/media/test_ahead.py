"""Reading and writing in threads: order, how far ahead, errors, and that no thread stays behind."""

import threading
import time
from collections.abc import Iterator

import pytest

from megactor.errors import InputError, OutputError
from megactor.media.ahead import WriteBehind, read_ahead


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    assert ours() == []


def ours() -> list[str]:
    return [
        thread.name for thread in threading.enumerate() if thread.name.startswith(("megactor-read", "megactor-write"))
    ]


class Source:
    """Numbers 0, 1, ... and what became of it."""

    def __init__(self, length: int, error: BaseException | None = None) -> None:
        self.length, self.error = length, error
        self.read = 0
        self.threads: set[int] = set()
        self.closed = False

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self.length):
                self.threads.add(threading.get_ident())
                self.read += 1
                yield number
            if self.error:
                raise self.error
        finally:
            self.closed = True


def settled(source: Source) -> int:
    """How many items were read once the thread waits."""
    before = -1
    while before != source.read:
        before = source.read
        time.sleep(0.05)
    return before


def test_all_items_in_order_from_another_thread() -> None:
    source = Source(50)
    assert list(read_ahead(source, 4)) == list(range(50))
    assert len(source.threads) == 1 and threading.get_ident() not in source.threads
    assert source.closed
    assert list(read_ahead([], 4)) == []
    assert list(read_ahead([None, None], 3)) == [None, None]


def test_reads_so_far_ahead_and_no_further() -> None:
    source = Source(50)
    items = read_ahead(source, 4)
    assert source.read == 0 and ours() == [], "nothing happens before the first item is asked for"
    for number in range(3):
        assert next(items) == number
        assert settled(source) <= number + 1 + 4
    assert settled(source) > 3
    items.close()
    assert source.closed and source.read < 10


def test_a_source_that_is_asked_for_nothing_is_left_alone() -> None:
    source = Source(5)
    read_ahead(source, 4).close()
    del source
    assert ours() == []


def test_errors_come_behind_the_items_before_them() -> None:
    items = read_ahead(Source(3, InputError("the film tore")), 8)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match=r"^the film tore$"):
        next(items)
    assert ours() == []
    assert list(items) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whoever_reads_may_fail(error: type[BaseException]) -> None:
    source = Source(50)

    def work() -> None:
        from contextlib import closing

        with closing(read_ahead(source, 4)) as items:
            for number in items:
                if number == 2:
                    raise error

    with pytest.raises(error):
        work()
    assert source.closed and ours() == []


def test_an_item_in_the_making_is_waited_for() -> None:
    going, made = threading.Event(), []

    def slow() -> Iterator[int]:
        yield 0
        going.set()
        time.sleep(0.2)
        made.append(1)
        yield 1

    items = read_ahead(slow(), 1)
    next(items)
    going.wait()
    items.close()
    assert made == [1], "a decoder must not be closed while it decodes"


def test_all_is_written_in_order_by_another_thread() -> None:
    written, threads = [], set()

    def write(number: int) -> None:
        time.sleep(0.001)
        threads.add(threading.get_ident())
        written.append(number)

    with WriteBehind(write, 4) as writer:
        for number in range(30):
            writer(number)
            assert number - len(written) <= 5
    assert written == list(range(30))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_a_write_error_stops_whoever_writes() -> None:
    handed_over = 0

    def write(number: int) -> None:
        if number == 3:
            raise OutputError("the disk is full")

    with pytest.raises(OutputError, match=r"^the disk is full$"), WriteBehind(write, 4) as writer:
        for number in range(1000):
            writer(number)
            handed_over += 1
            time.sleep(0.001)
    assert handed_over < 20


def test_an_error_with_the_last_item_is_not_lost() -> None:
    def write(number: int) -> None:
        time.sleep(0.05)
        raise OutputError("the disk is full")

    with pytest.raises(OutputError, match="the disk is full"), WriteBehind(write, 4) as writer:
        writer(0)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_waits_is_dropped_after_an_error(error: type[BaseException]) -> None:
    started, go = threading.Event(), threading.Event()
    written = []

    def write(number: int) -> None:
        started.set()
        go.wait()
        written.append(number)

    with pytest.raises(error), WriteBehind(write, 8) as writer:
        for number in range(5):
            writer(number)
        started.wait()
        threading.Timer(0.05, go.set).start()
        raise error
    assert written == [0]
