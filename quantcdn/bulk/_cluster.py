"""What is so of a Dask cluster alone: it begins work again whose worker it has lost, and stops none that is begun.

So a batch leaves a note with the scheduler when it is begun, and whoever begins it again finds the note. To Dask it is
a published dataset: the scheduler looks for one and keeps it in a single step. Dask is not imported here: where nothing
else has imported it, nothing is on a cluster.
"""

import sys
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any


def is_cluster(executor: Executor) -> bool:
    """Whether an executor is a Dask cluster, whose futures say that they are cancelled also while they are at work."""
    module: Any = sys.modules.get("distributed.cfexecutor")
    return module is not None and isinstance(executor, module.ClientExecutor)


def begun_before(name: str) -> bool:
    """Note that a batch is begun, where a worker of a cluster does, and say whether one did before and was lost."""
    distributed: Any = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:  # this is no worker of a cluster
        return False
    try:
        distributed.get_client().publish_dataset(True, name=_called(name))
    except KeyError:  # there is one
        return True
    return False


def forget(name: str) -> None:
    """Take the note of a batch away, when its outcome is known and nobody holds its future any more."""
    from asyncio import sleep  # takes a while to import, where there is no cluster

    with suppress(Exception):  # the cluster is gone, or its client is not the default one here
        client: Any = sys.modules["distributed"].get_client()
        client.sync(sleep, 0)  # what has brought the outcome ends, and the scheduler is told to forget the batch
        # It has heard that when this returns. In older releases (2024.8), taking away a note waits for nothing.
        client.publish_dataset(True, name=_called(name), override=True)
        client.unpublish_dataset(_called(name))


def _called(name: str) -> str:
    return f"quantcdn-{name}"
