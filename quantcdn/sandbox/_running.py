"""A running sandbox as those see it who use it: where it listens, and what can be done to it from outside its HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from quantcdn.sandbox import _demo
from quantcdn.sandbox._clock import Clock
from quantcdn.sandbox._faults import ActiveFault, Fault, Rule
from quantcdn.sandbox._journal import Requests
from quantcdn.sandbox._seed import Seeded, exported, organisation_of, seeded

if TYPE_CHECKING:
    from quantcdn.sandbox._bench import Bench
    from quantcdn.sandbox._commits import Commits
    from quantcdn.sandbox._server import Serving


@dataclass(frozen=True)
class Sandbox:
    """A sandbox: where it listens, and with what it is used."""

    host: str
    access_token: str = field(repr=False)
    organisation: str


class RunningSandbox(Sandbox):
    """A sandbox that runs in this process. Several threads may use it."""

    def __init__(
        self,
        access_token: str,
        organisation: str,
        secret: str,
        serving: Serving,
        commits: Commits,
        bench: Bench,
    ) -> None:
        super().__init__(serving.address, access_token, organisation)
        vars(self).update(secret=secret, _serving=serving, _commits=commits, _bench=bench)

    secret: str
    """What opens the control interface, beside the API, and the page."""

    _serving: Serving
    _commits: Commits
    _bench: Bench

    @property
    def page(self) -> str:
        """Where a browser finds the page to look into the sandbox. The address holds the secret."""
        return f"{self.host}/_sandbox/?secret={self.secret}"

    @property
    def clock(self) -> Clock:
        """The clock that the service goes by."""
        return self._bench.clock

    @property
    def requests(self) -> Requests:
        """What came."""
        return self._bench.requests

    def fail(
        self,
        operation: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        delay: float = 0,
        drop: Literal["before", "after"] | None = None,
        reset: bool = False,
        truncate: bool = False,
        trickle: float = 0,
        garble: bool = False,
        times: int | None = None,
        after: int = 0,
        rate: float = 1,
    ) -> ActiveFault:
        """Let requests of an operation fail from now on, until the fault is removed, or until `mend` or `reset`.

        Args:
            operation: create, get, list, update, extend or delete, or "any".
            status: the status of an error to answer, 400 to 599. Nothing is done.
            retry_after: what that error says in ``Retry-After``, in seconds.
            delay: how long to hold the answer back, in seconds. What was asked is done at once.
            drop: close the connection without an answer, "before" or "after" what was asked is done.
            reset: reset the connection without an answer. What was asked is done.
            truncate: end the answer in its middle. What was asked is done.
            trickle: over how long to spread the body of the answer, in seconds. What was asked is done.
            garble: answer what is no JSON. What was asked is done.
            times: how many requests fail; all when left out.
            after: how many requests pass before.
            rate: the share of requests that fail, up to 1. Which ones is the same in each run, and after each `reset`.

        Returns:
            the fault, to be removed by its `remove`, or at the end of a ``with`` block.

        Raises:
            ValueError: an argument is not usable; the text says which.
        """
        fault = Fault(status, retry_after, delay, drop, reset, truncate, trickle, garble)
        return self._bench.faults.add(Rule(operation, fault, times, after, rate))

    def mend(self) -> None:
        """Let nothing fail any more."""
        self._bench.faults.clear()

    def seed(
        self,
        *,
        user_id: str = "user-1",
        session_group: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        messages: Sequence[Mapping[str, str]] = (),
        status: Literal["active", "completed"] = "active",
        total_tokens: int = 0,
        age: timedelta | None = None,
        idle: timedelta | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
        expires_at: datetime | None = None,
        id: str | None = None,
        organisation: str | None = None,
    ) -> str:
        """Put a session there, of any age.

        Args:
            user_id: the user.
            session_group: the group.
            metadata: the metadata; its title and model are those of the session.
            messages: the messages, each with role and content.
            status: active or completed.
            total_tokens: how many tokens were used.
            age: how long ago it was created.
            idle: how long ago it was updated last; as long as its age when left out.
            created_at: when it was created, instead of an age.
            updated_at: when it was updated last, instead of how long it was idle.
            expires_at: when it expires; in an hour when left out.
            id: its id; a new one when left out.
            organisation: the organisation; that of the token when left out.

        Returns:
            its id.

        Raises:
            ValueError: an argument is not usable; the text says which.
        """
        fields = {
            "id": id,
            "user_id": user_id,
            "session_group": session_group,
            "metadata": metadata,
            "messages": messages,
            "status": status,
            "total_tokens": total_tokens,
            "age": age,
            "idle": idle,
            "created_at": created_at,
            "updated_at": updated_at,
            "expires_at": expires_at,
        }
        return self._serving.wait_for(self._seed(fields, organisation, self.clock()))

    def load(self, lines: Iterable[str | bytes]) -> int:
        """Put the sessions of an export there, whole ones or listed ones. What has expired lives for another hour.

        Args:
            lines: a session in each, as JSON; an open file will do.

        Returns:
            how many there are.

        Raises:
            ValueError: a line is no session, or the session is there already; the text says which. None was put there.
        """
        return self._put(exported(lines, self.clock()))

    def demo(self) -> int:
        """Put a believable organisation there to look at: groups, users, models, tokens, talks, dates over weeks.

        It is the same each time, with dates that lead up to the present of `clock`.

        Returns:
            how many sessions it has.

        Raises:
            ValueError: it is there already.
        """
        return self._put(_demo.organisation(self.clock()))

    def reset(self) -> None:
        """Begin anew: without sessions, without faults, with nothing that came, and with the clock as it was given."""
        self._serving.wait_for(self._commits.kept(partial(self._bench.reset, self._commits.store)))

    def _put(self, made: Iterable[Seeded]) -> int:
        sessions = list(made)
        self._serving.wait_for(self._add(self.organisation, sessions))
        return len(sessions)

    async def _seed(self, fields: Mapping[str, Any], organisation: str | None, now: datetime) -> str:
        """Make a session and put it there: here, no signal handler can raise what looks like a wrong field."""
        session = seeded(fields, now)
        await self._add(organisation_of({"organisation": organisation}, self.organisation), [session])
        return session.id

    async def _add(self, organisation: str, sessions: Sequence[Seeded]) -> None:
        """Put sessions there, all of them or none."""
        await self._commits.kept(partial(self._commits.store.add, organisation, sessions))
