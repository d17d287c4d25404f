"""Where settings come from: which name counts, what a blank value means, and errors that name what is missing."""

import inspect
import pickle
import warnings
from dataclasses import FrozenInstanceError
from itertools import combinations
from typing import Any

import pytest

from quantcdn import ApiValueError, Configuration, RetryPolicy, environment
from quantcdn.configuration import ConfigurationOptions
from quantcdn.environment import ACCESS_TOKEN, BASE_URL, ORGANISATION, Setting

from .calls import SECRET

ALL_NAMES = [ACCESS_TOKEN, ORGANISATION, BASE_URL]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the names is in the environment of the process."""
    for name in (*ACCESS_TOKEN, *ORGANISATION, *BASE_URL):
        monkeypatch.delenv(name, raising=False)


# Which name counts


@pytest.mark.parametrize("names", ALL_NAMES, ids=lambda names: names[0])
def test_of_all_names_that_are_set_the_first_counts_whichever_they_are(names: tuple[str, ...]) -> None:
    for count in range(1, len(names) + 1):
        for some in combinations(names, count):
            environ = {name: f"value of {name}" for name in reversed(some)}
            assert environment.find(names, environ) == Setting(f"value of {some[0]}", some[0])


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n"], ids=repr)
def test_a_blank_value_counts_as_not_set(blank: str) -> None:
    first, second, *_ = ACCESS_TOKEN
    assert environment.find(ACCESS_TOKEN, {first: blank, second: "t"}) == Setting("t", second)
    assert environment.find(ACCESS_TOKEN, {first: blank}) is None


def test_white_space_around_a_value_is_no_part_of_it() -> None:
    assert environment.organisation({ORGANISATION[0]: " my-org\n"}) == "my-org"


def test_the_environment_of_the_process_is_read_at_each_call_where_no_other_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert environment.find(ORGANISATION) is None
    monkeypatch.setenv(ORGANISATION[1], "my-org")
    assert environment.find(ORGANISATION) == Setting("my-org", ORGANISATION[1])
    assert environment.organisation() == "my-org"
    monkeypatch.setenv(ACCESS_TOKEN[1], "my-token")
    assert Configuration.from_environment().access_token == "my-token"
    assert environment.find(ORGANISATION, {}) is None


def test_other_names_mean_nothing() -> None:
    environ = {"QUANT_TOKEN": "t", "QUANTCDN_ORGANISATION": "o", "QUANTCDN_API_KEY": "k", "quant_api_token": "t"}
    assert [environment.find(names, environ) for names in ALL_NAMES] == [None, None, None]


def test_a_setting_shows_where_it_comes_from_and_not_its_value_and_cannot_be_changed() -> None:
    setting = environment.find(ACCESS_TOKEN, {"QUANT_API_KEY": SECRET})
    assert setting is not None
    assert (setting.value, setting.source) == (SECRET, "QUANT_API_KEY")
    assert repr(setting) == str(setting) == f"{setting}" == "Setting(source='QUANT_API_KEY')"
    assert pickle.loads(pickle.dumps(setting)) == setting
    with pytest.raises(FrozenInstanceError):
        setting.value = "other"  # type: ignore[misc]


# A configuration


def test_the_host_is_the_public_cloud_where_the_environment_names_none() -> None:
    assert Configuration.from_environment({"QUANT_API_TOKEN": "t"}).host == "https://dashboard.quantcdn.io"


@pytest.mark.parametrize("ending", ["", "/", "/api/v3", "/api/v3/"], ids=repr)
def test_a_base_url_is_a_host_as_any_other(ending: str) -> None:
    url = f"https://quant.example{ending}"
    assert Configuration.from_environment({"QUANT_API_TOKEN": "t", "QUANT_BASE_URL": f" {url}\n"}).host == url


@pytest.mark.parametrize("token", ["t", " t\n", "Bearer t", "bearer  t "], ids=repr)
def test_a_token_is_normalised_as_any_other(token: str) -> None:
    assert Configuration.from_environment({"BEARER_TOKEN": token}).bearer_token() == "t"


def test_every_argument_of_the_constructor_is_one_for_type_checkers() -> None:
    assert ConfigurationOptions.__annotations__.keys() == inspect.signature(Configuration).parameters.keys()


OPTIONS: dict[str, Any] = {
    "host": "https://own.example",
    "access_token": "own",
    "server_index": 1,
    "server_variables": {"a": "1"},
    "ssl_ca_cert": "ca.pem",
    "retries": RetryPolicy(attempts=2),
    "ca_cert_data": "data",
    "timeout": 5,
}
FULL = {"QUANT_API_TOKEN": "theirs", "QUANT_BASE_URL": "https://their.example"}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_argument_of_the_constructor_passes_through_and_wins(name: str) -> None:
    configuration = Configuration.from_environment(FULL, **{name: OPTIONS[name]})
    assert getattr(configuration, name) == OPTIONS[name]
    others = {"host": FULL["QUANT_BASE_URL"], "access_token": FULL["QUANT_API_TOKEN"]}
    others.pop(name, None)
    assert {other: getattr(configuration, other) for other in others} == others


def test_an_argument_that_is_none_leaves_the_word_to_the_environment() -> None:
    configuration = Configuration.from_environment(FULL, host=None, access_token=None)
    assert (configuration.host, configuration.access_token) == ("https://their.example", "theirs")


def test_a_host_of_the_environment_wins_over_a_server_index_so_that_its_token_stays_with_it() -> None:
    assert Configuration.from_environment(FULL, server_index=1).host == FULL["QUANT_BASE_URL"]


def test_a_token_given_needs_none_in_the_environment() -> None:
    assert Configuration.from_environment({}, access_token=lambda: "t").bearer_token() == "t"


def test_a_subclass_makes_one_of_its_own_kind() -> None:
    class Own(Configuration):
        pass

    assert type(Own.from_environment(FULL)) is Own


def test_plain_http_is_warned_of_in_the_line_that_makes_the_configuration() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Configuration.from_environment({"QUANT_API_TOKEN": "t", "QUANT_BASE_URL": "http://quant.example"})
    (warning,) = caught
    assert warning.filename == __file__


# What is missing, and what cannot be used


def test_a_missing_token_is_named_with_every_name_that_it_may_have() -> None:
    with pytest.raises(ApiValueError, match=r"^The environment names no access token: set QUANT_API_TOKEN") as caught:
        Configuration.from_environment({"QUANT_ORGANISATION": "o", "QUANT_API_KEY": " "})
    assert [name for name in ACCESS_TOKEN if name not in str(caught.value)] == []
    assert "QUANT_ORGANISATION" not in str(caught.value)


def test_a_missing_organisation_is_named_with_every_name_that_it_may_have() -> None:
    with pytest.raises(
        ApiValueError, match=r"^The environment names no organisation: set QUANT_ORGANISATION"
    ) as caught:
        environment.organisation({"QUANT_API_TOKEN": SECRET})
    assert [name for name in ORGANISATION if name not in str(caught.value)] == []
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"QUANT_API_KEY": f"{SECRET} {SECRET}"}, "QUANT_API_KEY: The access token may hold visible ASCII"),
        ({"BEARER_TOKEN": "Bearer "}, "BEARER_TOKEN: The access token is empty"),
        ({"QUANT_API_TOKEN": SECRET, "QUANT_BASE_URL": SECRET}, "QUANT_BASE_URL: The host is not a URL"),
        (
            {"QUANT_API_TOKEN": SECRET, "QUANT_BASE_URL": f"https://u:{SECRET}@h"},
            "QUANT_BASE_URL: The host must not hold a user name",
        ),
    ],
    ids=["spaces", "no more than Bearer", "no URL", "a password"],
)
def test_a_value_that_cannot_be_used_is_refused_under_the_name_of_its_variable_and_not_shown(
    environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(ApiValueError, match=f"^{problem}") as caught:
        Configuration.from_environment(environ)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_argument_that_cannot_be_used_is_not_blamed_on_the_environment() -> None:
    with pytest.raises(ApiValueError, match=r"^The access token may hold"):
        Configuration.from_environment(FULL, access_token="a b")
    with pytest.raises(TypeError, match="acess_token"):
        Configuration.from_environment(FULL, acess_token="t")  # type: ignore[call-arg]
