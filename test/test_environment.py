"""A program that is told by the environment alone where the service is, over real HTTP."""

import os
import subprocess
import sys

import pytest

from quantcdn import AISessionsApi, ApiClient, Configuration, environment
from quantcdn.sandbox import Sandbox

PROGRAM = """
from quantcdn import AISessionsApi, ApiClient, Configuration, environment

with ApiClient(Configuration.from_environment()) as client:
    api, organisation = AISessionsApi(client), environment.organisation()
    session = api.create_ai_session(organisation, {"userId": "environment"})
    print(api.delete_ai_session(organisation, session.session_id).message)
"""


def run(**variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the program with these variables, and with no others that it could read."""
    names = {*environment.ACCESS_TOKEN, *environment.ORGANISATION, *environment.BASE_URL}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM],
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("ending", ["", "/", "/api/v3"], ids=repr)
@pytest.mark.parametrize(
    ("token", "organisation"),
    [
        ("QUANT_API_TOKEN", "QUANT_ORGANISATION"),
        ("QUANT_API_KEY", "QUANT_ORGANIZATION"),
        ("QUANTCDN_API_TOKEN", "QUANTCDN_ORGANIZATION"),
        ("BEARER_TOKEN", "QUANT_ORGANISATION"),
    ],
)
def test_the_environment_of_each_tool_reaches_the_service_under_each_spelling_of_its_base_url(
    sandbox: Sandbox, token: str, organisation: str, ending: str
) -> None:
    environ = {
        token: f"Bearer {sandbox.access_token}\n",
        organisation: sandbox.organisation,
        "QUANT_BASE_URL": sandbox.host + ending,
    }

    with ApiClient(Configuration.from_environment(environ)) as client:
        assert AISessionsApi(client).list_ai_sessions(environment.organisation(environ), user_id="nobody") == []


def test_a_program_needs_the_environment_alone(sandbox: Sandbox) -> None:
    done = run(QUANT_API_KEY=sandbox.access_token, QUANT_ORGANIZATION=sandbox.organisation, QUANT_BASE_URL=sandbox.host)

    assert (done.returncode, done.stdout, done.stderr) == (0, "Session deleted\n", "")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"QUANT_ORGANISATION": "o"}, "no access token: set QUANT_API_TOKEN"),
        ({"QUANT_API_TOKEN": "t", "QUANT_BASE_URL": "http://127.0.0.1:9"}, "no organisation: set QUANT_ORGANISATION"),
    ],
    ids=["token", "organisation"],
)
def test_a_program_ends_with_one_line_that_names_what_is_missing(given: dict[str, str], missing: str) -> None:
    done = run(**given)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(
        f"quantcdn.exceptions.ApiValueError: The environment names {missing}"
    )
