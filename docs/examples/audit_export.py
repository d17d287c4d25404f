"""The audit export: the sessions of a group with all messages, as JSON Lines, and a manifest that vouches for them.

    python audit_export.py support support.jsonl

Where it was stopped, or could not read a session, the same command goes on where it ended. The exit code is 0 once the
file is complete, 1 where something is missing, and 2 where it could not be done, as where there is such a file already.
"""

import argparse
import sys

import quantcdn
from quantcdn import bulk, environment


def main() -> int:
    parser = argparse.ArgumentParser(description="Export the sessions of a group.")
    parser.add_argument("group")
    parser.add_argument("file")
    options = parser.parse_args()
    try:
        with quantcdn.ApiClient(quantcdn.Configuration.from_environment()) as client:
            manifest = bulk.export(
                quantcdn.AISessionsApi(client),
                environment.organisation(),
                options.file,
                session_group=options.group,
                progress=True,  # where somebody looks
            )
    except bulk.Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return 1
    except (quantcdn.ApiException, ValueError, OSError) as error:
        print(f"Not exported: {error}", file=sys.stderr)
        return 2
    for session_id, problem in manifest.failures.items():
        print(f"{session_id}: {problem}", file=sys.stderr)
    if manifest.complete:
        print(f"{manifest.sha256}  {options.file}")  # as sha256sum --check reads it
    return 0 if manifest.complete else 1


if __name__ == "__main__":
    sys.exit(main())
