"""Pieces of work on several cores."""

import threading
import time

import pytest
import torch

from megactor.compute.cores import Cores, grouped


def test_results_come_in_order_from_other_threads() -> None:
    cores = Cores(3)
    before = torch.get_num_threads()

    def work(number: int) -> tuple[int, int, int, bool]:
        time.sleep(0.05 * (3 - number))
        return number, threading.get_ident(), torch.get_num_threads(), torch.is_grad_enabled()

    numbers, threads, shares, gradients = zip(*cores.map(work, range(3)), strict=True)
    assert numbers == (0, 1, 2)
    assert len(set(threads)) == 3
    assert threading.get_ident() not in threads
    assert shares == (1, 1, 1), "a piece has one core"
    assert not any(gradients)
    assert torch.get_num_threads() == before, "whoever asked keeps all of them"


def test_threads_that_come_later_keep_theirs() -> None:
    before = torch.get_num_threads()
    Cores(2).map(lambda _: None, range(4))
    seen: list[int] = []
    late = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    late.start()
    late.join()
    assert seen == [before]


@pytest.mark.parametrize(("count", "items"), [(1, 5), (4, 1), (4, 0)])
def test_nothing_to_share_stays_with_the_caller(count: int, items: int) -> None:
    found = Cores(count).map(lambda _: threading.get_ident(), range(items))
    assert found == [threading.get_ident()] * items


def test_errors_reach_the_caller() -> None:
    def fail(number: int) -> int:
        if number == 2:
            raise ValueError("number two")
        return number

    with pytest.raises(ValueError, match="number two"):
        Cores(2).map(fail, range(4))


def test_a_gpu_is_not_shared_out() -> None:
    assert Cores.of(torch.device("cuda")).count == 1
    assert Cores.of(torch.device("cpu")).count == torch.get_num_threads()


def test_groups_are_read_when_they_are_asked_for() -> None:
    read: list[int] = []

    def source() -> object:
        for number in range(7):
            read.append(number)
            yield number

    groups = grouped(source(), 3)
    assert next(groups) == [0, 1, 2]
    assert read == [0, 1, 2], "a camera's next frame is not there yet"
    assert list(groups) == [[3, 4, 5], [6]]
