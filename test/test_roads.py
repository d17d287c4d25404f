"""What is promised of lost answers, on each road: directly, over TLS, and through each kind of proxy.

`test_faults.py` has every fault on the direct road. Here, each way to lose an answer meets each road, on a connection
that was just opened and on one that was kept. A write is sent once, whatever urllib3 calls the loss; a read is sent
again; and what was certainly never sent is the only thing that is called so.
"""

import os
import time
import warnings
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from faults import a_port, client, no_socket_left
from roads import ROADS, Road
from servers import CLOSE
from test_faults import BODY_FAULTS, HEAD_FAULTS, Fault, good
from test_operations import OPERATIONS, Operation

from quantcdn import (
    ConnectionException,
    OutcomeUnknownException,
    TransportException,
)

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
LOSSES = [fault for fault in [*HEAD_FAULTS, *BODY_FAULTS] if issubclass(fault.raised, TransportException)]
BY_NAME = {operation.name.partition("_")[0]: operation for operation in OPERATIONS}
USUAL = OPERATIONS if THOROUGH else [BY_NAME["get"], BY_NAME["update"]]

each_road = pytest.mark.parametrize("road", ROADS, ids=str)
each_operation = pytest.mark.parametrize("operation", USUAL, ids=str)
each_write = pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.repeatable], ids=str)
each_connection = pytest.mark.parametrize("kept", [False, True], ids=["cold", "kept"])


@pytest.fixture(autouse=True)
def _plain_http_is_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is plain HTTP", UserWarning)
        yield


@each_road
@each_operation
def test_every_road_leads_to_the_server(operation: Operation, road: Road) -> None:
    with (
        no_socket_left(),
        road.to(repeat(good(operation), 3)) as (server, options),
        client(**options) as api,
    ):
        for _ in range(3):
            assert operation.call(api) == operation.result
        assert len(server.requests) == 3
        assert server.connections == 1


@each_connection
@each_operation
@pytest.mark.parametrize("fault", LOSSES, ids=str)
@each_road
def test_a_lost_answer_is_told_as_one(road: Road, fault: Fault, operation: Operation, kept: bool) -> None:
    raised, sent = fault.of(operation)
    script = chain(repeat(good(BY_NAME["list"]), kept), repeat(fault.answer, sent), [good(operation)])
    with (
        no_socket_left(),
        road.to(script) as (server, options),
        client(**options) as api,
    ):
        if kept:
            BY_NAME["list"].call(api)
        with pytest.raises(TransportException) as caught:
            operation.call(api, **dict(fault.options))
        error = caught.value

        assert type(error) is raised
        assert len(server.requests) == kept + sent, "a write is sent once, a read three times"
        assert not error.never_sent
        assert [attempt.outcome_unknown for attempt in error.attempts] == [True] * sent
        assert operation.call(api) == operation.result


@each_connection
@each_write
@pytest.mark.parametrize("road", [road for road in ROADS if road.proxy], ids=str)
def test_a_write_whose_answer_is_lost_behind_a_proxy_is_sent_once(road: Road, operation: Operation, kept: bool) -> None:
    script = [*repeat(good(BY_NAME["list"]), kept), [CLOSE]]
    with no_socket_left(), road.to(script) as (server, options), client(**options) as api:
        if kept:
            BY_NAME["list"].call(api)
        with pytest.raises(OutcomeUnknownException) as caught:
            operation.call(api)
        assert isinstance(caught.value, ConnectionException)
        assert not caught.value.never_sent
        assert len(server.requests) == kept + 1


@each_operation
@pytest.mark.parametrize("road", [road for road in ROADS if road.proxy and not road.forwards], ids=str)
def test_a_tunnel_that_leads_nowhere_was_never_sent_through(road: Road, operation: Operation) -> None:
    with no_socket_left(), a_port() as port, road.through(port.number) as options, client(**options) as api:
        with pytest.raises(TransportException) as caught:
            operation.call(api)
        assert caught.value.never_sent
        assert len(caught.value.attempts) == 3


@each_road
def test_a_write_takes_no_rest_of_a_packet(road: Road) -> None:
    """Nagle's algorithm holds back the second part of a request for some 40 ms, where one is sent in two parts."""
    update = BY_NAME["update"]
    with road.to(repeat(good(update), 21)) as (_, options), client(**options) as api:
        update.call(api)
        quickest = min(_seconds_of(update, api) for _ in range(20))
    assert quickest < 0.035


def _seconds_of(operation: Operation, api: Any) -> float:
    started = time.perf_counter()
    operation.call(api)
    return time.perf_counter() - started
