"""The clock can be replaced, for a while, in one place."""

import time

import pytest

from jobmon import clock


def test_the_time_is_that_of_the_system_unless_replaced() -> None:
    assert abs(clock.now() - time.time()) < 60
    with clock.replaced(lambda: 12.9):
        assert (clock.now(), clock.now_s()) == (12.9, 12)
        with clock.replaced(lambda: 5):
            assert clock.now() == 5
        assert clock.now() == 12.9
    assert clock.now() > 1e9


def test_it_is_put_back_when_the_block_fails() -> None:
    with pytest.raises(KeyError), clock.replaced(lambda: 1):
        raise KeyError
    assert clock.now() > 1e9


def test_durations_do_not_depend_on_the_clock() -> None:
    with clock.replaced(lambda: -1e9):
        first = clock.monotonic()
        assert clock.monotonic() >= first > 0
