"""The nightly clean-up: it deletes the sessions of a group in which nothing has been said for some days. In a crontab,
with QUANT_API_TOKEN=... and QUANT_ORGANISATION=... in a file that only you can read:

    15 3 * * * cd "$HOME/quantcdn" && set -a && . ./clean_up.env && .venv/bin/python docs/examples/clean_up.py support

It says nothing where there is nothing to do, so cron mails nothing. The exit code is 0 where none is left, 1 where some
are, and 2 where nothing could be done.
"""

import argparse
import logging
import sys
from datetime import timedelta

import quantcdn
from quantcdn import bulk, environment

log = logging.getLogger("clean-up")


def note(result: bulk.Result) -> None:
    """Log what became of a session."""
    if result.error is None:
        log.info("%s: %s", result.session_id, result.outcome)
    else:
        log.error("%s: %s: %s", result.session_id, result.outcome, result.error)


def main() -> int:
    parser = argparse.ArgumentParser(description="Delete the idle sessions of a group.")
    parser.add_argument("group")
    parser.add_argument("--idle-days", type=float, default=2)
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
            report = bulk.delete(
                quantcdn.AISessionsApi(client),
                environment.organisation(),
                session_group=options.group,
                idle_for=timedelta(days=options.idle_days),
                dry_run=options.dry_run,
                on_result=note,
            )
    except bulk.Interrupted as interrupted:
        log.error("%s", interrupted)
        return 1
    except (quantcdn.ApiException, ValueError) as error:
        log.error("Nothing was deleted: %s", error)
        return 2
    if report.results:
        log.info("In all: %s", report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
