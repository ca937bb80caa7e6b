"""The measure of costs sees what it is there for: backtracking, and what grows faster than its input."""

import re
import time

import cost
import pytest

GROWING = {
    # By the third power, for a quarter that a neighbour made twice as dear still shows it.
    "triples": lambda quarters: sum(a + b + c for a in range(50 * quarters) for b in range(50 * quarters) for c in range(50 * quarters)),
    "backtracking": lambda quarters: re.search(r"(\w+\s?)*:$", "a" * (5 * quarters)),
}


@pytest.mark.parametrize("act", GROWING.values(), ids=GROWING)
def test_a_cost_that_grows_faster_than_its_input_is_seen(act):
    with pytest.raises(AssertionError, match="quarters"):
        cost.within(1000, lambda: act(4), lambda: act(1))


def test_what_is_dear_in_every_round_is_seen_and_what_is_dear_once_is_forgiven():
    with pytest.raises(AssertionError, match="yards"):
        cost.within(0.5, cost._yard)
    waits = [0.05, 0.0]
    assert cost.soon(0.04, lambda: time.sleep(waits.pop(0)) or "here") == "here"
    with pytest.raises(AssertionError, match="by the clock"):
        cost.soon(0.01, lambda: time.sleep(0.02))
