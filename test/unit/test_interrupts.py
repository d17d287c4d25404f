"""What a signal handler raised is told from everything else, in whichever form the handler is written."""

import functools
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, cast

import pydantic
import pytest

import quantcdn
from quantcdn._interrupts import causes_within, raise_as_it_is, raised_by_signal_handler
from quantcdn._transport.failure import interrupt_within


class Limit(Exception):
    """As task queues raise when the time of a task is over."""


def function(_number: int, _frame: FrameType | None) -> None:
    raise Limit


def nested(_number: int, _frame: FrameType | None) -> None:
    function(0, None)


def of_any_arguments(*_: object) -> None:
    raise Limit


def with_more(_number: int, _frame: FrameType | None = None, *_more: object, limit: type[Exception]) -> None:
    raise limit


def only_once(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Limit


def decorated(handler: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(handler)
    def wrapper(*args: object, **kwargs: object) -> None:
        handler(*args, **kwargs)

    return wrapper


class Limits:
    def method(self, _number: int, _frame: FrameType | None) -> None:
        raise Limit

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        raise Limit


HANDLERS: dict[str, Callable[..., Any]] = {
    "a function": function,
    "one that calls another": nested,
    "one of any arguments": of_any_arguments,
    "a lambda": lambda _number, _frame: [][0],
    "a partial": functools.partial(with_more, limit=Limit),
    "one that is gone when it raises": only_once,
    "a decorated one": decorated(function),
    "a method": Limits().method,
    "an object": Limits(),
}


@pytest.fixture(autouse=True)
def _handler_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


def raised(program: Callable[[], object]) -> Exception:
    try:
        program()
    except Exception as error:
        return error
    raise AssertionError("it should have raised")


def interrupted() -> None:
    signal.raise_signal(signal.SIGUSR1)
    [None for _ in range(1000)]  # steps between which Python looks for signals


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_what_a_handler_raises_is_recognised(handler: Callable[..., Any]) -> None:
    signal.signal(signal.SIGUSR1, handler)
    assert raised_by_signal_handler(raised(interrupted))


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_handler_that_is_called_as_a_function_interrupts_nothing(handler: Callable[..., Any]) -> None:
    signal.signal(signal.SIGUSR1, handler)
    assert not raised_by_signal_handler(raised(lambda: handler(signal.SIGUSR1, None)))


def test_what_is_raised_beside_a_handler_is_not_taken_for_its() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: None)

    def works_on() -> None:
        interrupted()
        raise TimeoutError("of the network")

    assert not raised_by_signal_handler(raised(works_on))
    assert not raised_by_signal_handler(Limit())


def test_the_interrupt_is_found_behind_what_was_made_of_it() -> None:
    signal.signal(signal.SIGUSR1, function)

    def translates() -> None:
        try:
            interrupted()
        except Limit as error:
            raise OSError("the socket timed out") from error

    error = raised(translates)
    assert not raised_by_signal_handler(error)
    assert interrupt_within(error, None) is error.__cause__


def test_what_the_caller_was_handling_is_none_of_the_call_s() -> None:
    signal.signal(signal.SIGUSR1, function)

    def fails() -> None:
        try:
            raise OSError("refused")
        except OSError as error:
            raise ConnectionError("could not connect") from error

    try:
        try:
            raise KeyError("before")
        except KeyError:
            interrupted()
    except Limit:
        handled = sys.exc_info()[1]
        error = raised(fails)
    assert [type(cause) for cause in causes_within(error, handled)] == [ConnectionError, OSError]
    assert interrupt_within(error, handled) is None


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__context__ = other, one
    assert set(causes_within(one, None)) == {one, other}


def with_a_cause_and_a_context(_number: int, _frame: FrameType | None) -> None:
    try:
        [][0]
    except IndexError:
        raise Limit from LookupError("why")


@pytest.mark.parametrize("handler", [function, with_a_cause_and_a_context])
def test_what_a_handler_raised_keeps_its_cause_and_context_before_what_the_caller_handles(
    handler: Callable[..., Any],
) -> None:
    signal.signal(signal.SIGUSR1, handler)

    def translates(handled: BaseException) -> None:
        try:
            try:
                raise OSError("a fault of the network, which was being handled")
            except OSError:
                interrupted()
        except Limit as error:
            raise_as_it_is(error, handled)

    handled = KeyError("the caller's")
    try:
        raise handled
    except KeyError:
        limit = raised(functools.partial(translates, handled))
    context = limit.__context__
    if handler is with_a_cause_and_a_context:
        assert isinstance(limit.__cause__, LookupError)
        assert isinstance(context, IndexError)
        context = context.__context__
    assert context is handled


# Where arguments are checked and answers are read


class Wrong(ValueError):
    """A limit of the kind that pydantic takes for a value that is wrong."""


class Broken(AssertionError):
    """Likewise."""


class Slow(dict[str, Any]):
    """A dict that does something before it is read."""

    before: Callable[[], None] = staticmethod(interrupted)

    def items(self) -> Any:
        self.before()
        return super().items()


class SlowText(str):
    """A text, likewise."""

    __slots__ = ()

    def __len__(self) -> int:
        interrupted()
        return super().__len__()


def check_fields() -> None:
    api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration("http://127.0.0.1:9", "qc_token")))
    api.update_ai_session("org", "s", {"metadata": {"a": Slow(b=1)}})


def check_fields_beside_an_unknown_one() -> None:
    api = quantcdn.AISessionsApi(quantcdn.ApiClient(quantcdn.Configuration("http://127.0.0.1:9", "qc_token")))
    api.update_ai_session("org", "s", cast("Any", {"metadata": {"a": Slow(b=1)}, "unknown": 1}))


each_check = pytest.mark.parametrize("check", [check_fields, check_fields_beside_an_unknown_one])


@each_check
@pytest.mark.parametrize("kind", [Wrong, Broken, Limit])
def test_what_a_handler_raises_while_arguments_are_checked_comes_out_as_it_is(
    check: Callable[[], None], kind: type[Exception]
) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        raise kind("over") from LookupError("why")

    signal.signal(signal.SIGUSR1, handler)
    handled = KeyError("the caller's")
    try:
        raise handled
    except KeyError:
        limit = raised(check)
    assert type(limit) is kind
    assert isinstance(limit.__cause__, LookupError)
    assert limit.__context__ is handled


def test_what_a_mapping_raises_itself_is_told_of_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise Wrong("of its own")

    monkeypatch.setattr(Slow, "before", staticmethod(fails))
    assert isinstance(raised(check_fields), pydantic.ValidationError)


@pytest.mark.parametrize("kind", [Wrong, Limit, TimeoutError])
def test_what_a_handler_raises_while_an_answer_is_read_comes_out_as_it_is(kind: type[Exception]) -> None:
    def handler(_number: int, _frame: FrameType | None) -> None:
        raise kind("over")

    signal.signal(signal.SIGUSR1, handler)
    error = raised(lambda: quantcdn.GetAISession200Response.from_dict({"id": "s", "createdAt": SlowText("May 2026")}))
    assert type(error) is kind
