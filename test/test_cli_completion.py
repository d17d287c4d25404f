"""What Tab offers in a shell: by the protocol of Typer's script for bash, and in the real shells."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from servers import STALL, Answer, json_answer, scripted_server
from stalls import within
from terminals import screen
from test_cli import QUANTCDN, Service, _service, pointing_to, quantcdn

PATH_OF_IT = str(Path(QUANTCDN).parent)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing is configured."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    path = f"{PATH_OF_IT}:{os.environ['PATH']}"
    home = str(tmp_path_factory.mktemp("home"))
    return {**kept, "PATH": path, "HOME": home, "LANG": "C.UTF-8", "TERM": "xterm-256color"}


@pytest.fixture(scope="module")
def service(home: dict[str, str]) -> Iterator[Service]:
    with _service(home) as made:
        made.ago = timedelta(0)
        made.session("One", user="ann", group="shop", model="nova-lite")
        made.session("Two", user="bob", group="blog", model="nova-pro")
        made.session("Three", user="ann; reboot", group="$(reboot)", model="a b")
        yield made


def offered(env: dict[str, str], line: str) -> set[str]:
    """What is offered for the word that a line ends with, which may be empty yet."""
    words = shlex.split(f"{line}.")  # so that a word that is empty yet is one
    protocol = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_QUANTCDN_COMPLETE": "complete_bash"}
    run = subprocess.run([QUANTCDN], env={**env, **protocol}, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return set(run.stdout.split("\n")) - {""}


@pytest.mark.needs_pace
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sessions show ", {0, 1, 2}),
        ("sessions show -- ", {0, 1, 2}),
        ("sessions append --message text -- ", {0, 1, 2}),
        ("sessions delete -- {0} ", {1, 2}),
        ("sessions update -- {0}", {0}),
        ("sessions list --group ", {"shop", "blog"}),
        ("sessions prune --user a", {"ann"}),
        ("sessions create --group s", {"shop"}),
        ("sessions extend --model nova-", {"nova-lite", "nova-pro"}),
        ("sessions list --columns ", {"id", "title", "model", "created_at", "updated_at"}),
        ("sessions list --columns id,t", {"id,title"}),
        ("sessions update --status ", {"active", "completed"}),
        ("sessions append --role a", {"assistant"}),
        ("--organisation nobody-s sessions show ", set[str]()),
    ],
)
def test_what_there_is_is_offered_and_no_word_that_a_shell_would_read(
    service: Service, line: str, expected: set[int | str]
) -> None:
    names = {name if isinstance(name, str) else service.ids[name] for name in expected}
    assert offered(service.env, f"quantcdn {line.format(*service.ids)}") == names


@pytest.mark.parametrize("line", ["sessions show ", "sessions list --group ", "sessions list --model "])
def test_without_a_token_nothing_is_sent(home: dict[str, str], line: str) -> None:
    with scripted_server() as server:
        settings = {"QUANT_ORGANISATION": "acme", "QUANT_BASE_URL": server.host}
        assert offered({**home, **settings}, f"quantcdn {line}") == set()
        assert server.requests == []


@pytest.mark.parametrize(
    "script",
    [repeat(json_answer({}, 401)), repeat(json_answer({}, 500)), repeat(json_answer("x")), [[STALL]]],
    ids=["refused", "failed", "unreadable", "stalled"],
)
def test_a_service_that_fails_or_is_slow_is_passed_over_in_silence(
    home: dict[str, str], script: Iterable[Answer]
) -> None:
    with scripted_server(script) as server, within(10):  # and not the minute that a command would wait
        assert offered(pointing_to(home, server.host), "quantcdn sessions show ") == set()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_token_file_that_can_be_read_only_once_is_not_read(service: Service, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token")
    assert offered(service.env, f"quantcdn --token-file {shlex.quote(f'{tmp_path}/token')} sessions show ") == set()


def test_profiles_are_offered(home: dict[str, str], tmp_path: Path) -> None:
    env = {**home, "HOME": str(tmp_path)}
    for name in ("staging", "production"):
        quantcdn(env, "--profile", name, "--organisation", "acme", "configure")

    assert offered(env, "quantcdn --profile ") == {"staging", "production"}
    assert offered(env, "quantcdn profiles remove -- s") == {"staging"}


# The real shells


def script_for(shell: str, env: dict[str, str]) -> str:
    """What a shell is told of the command, as its users have it installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    asked = {**env, "_QUANTCDN_COMPLETE": f"source_{shell}"}
    return subprocess.run([QUANTCDN], env=asked, capture_output=True, text=True, check=True).stdout


@pytest.mark.needs_pace
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_what_is_typed(service: Service, shell: str) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # without a space, an apostrophe or a long name
        begin = "autoload -U compinit; compinit -u -D\n" if shell == "zsh" else ""
        text = f"{begin}{script_for(shell, service.env)}\nPS1='ready> '\n"
        for name in (".bashrc", ".zshrc"):
            Path(folder, name).write_text(text, "utf-8")
        start = f"{shell} {'--noprofile' if shell == 'bash' else ''} -i"
        with screen(start, Path(folder), {**service.env, "HOME": folder, "ZDOTDIR": folder}) as shown:
            shown.wait_for("^ready>")
            shown.type("quantcdn sessions list --group bl", "Tab")
            shown.wait_for("--group blog")
            shown.type("C-c")
            shown.type(f"quantcdn sessions show -- {service.ids[0][:8]}", "Tab")
            shown.wait_for(service.ids[0])


@pytest.mark.needs_pace
def test_fish_completes_what_is_typed(service: Service) -> None:
    ask = f"{script_for('fish', service.env)}\ncomplete --do-complete 'quantcdn sessions show -- '"
    fish = ["fish", "--no-config", "-c", ask]
    run = subprocess.run(fish, env=service.env, capture_output=True, text=True, check=True)

    assert set(run.stdout.split()) == set(service.ids)
