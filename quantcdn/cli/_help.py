"""What stands at the end of a command's help: examples, and its exit codes."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

from quantcdn.cli._exits import MEANINGS, Exit

LOCAL = (Exit.DONE, Exit.FAILED, Exit.USAGE)
"""The exit codes of a command that asks nobody."""

SERVED = (*LOCAL, Exit.REFUSED, Exit.NOT_FOUND, Exit.UNREACHABLE, Exit.SERVICE_FAILED)
"""Those of one that asks the service."""

WRITES = (*SERVED, Exit.OUTCOME_UNKNOWN)
"""Those of one that changes something there."""

MANY = (*WRITES, Exit.PARTLY_FAILED)
"""Those of one that changes many things."""

_ENDED = (Exit.HUNG_UP, Exit.INTERRUPTED, Exit.PIPE_CLOSED, Exit.TERMINATED)


def ending(examples: Sequence[str], codes: Sequence[Exit]) -> str:
    """The end of the help of a command with these examples, each a line of a shell, and exit codes."""
    meanings = [f"{code:<3}  {MEANINGS[code]}" for code in (*codes, *_ENDED)]
    return "\n".join(
        f"\n{title}:\n" + "".join(f"  {line}\n" for line in lines).rstrip("\n")
        for title, lines in (("Examples", examples), ("Exit codes", meanings))
    )


class Ending:
    """A command whose end of the help is written as it stands, where Typer would fill its lines."""

    epilog: str | None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        formatter.write(f"{self.epilog or ''}\n")


class Root(Ending, TyperGroup):
    """All commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first word names; where it names an option such as --version, say so."""
        option = f"--{args[0]}"
        if any(known.is_eager and option in known.opts for known in self.get_params(ctx)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {option}?")
        return super().resolve_command(ctx, args)
