"""What services tell of a session beyond the contract of get."""

from typing import TypeVar

from pydantic import ValidationError

from quantcdn.models import ExtendAISession200Response, GetAISession200Response, UpdateAISession200Response

Answer = TypeVar("Answer", ExtendAISession200Response, UpdateAISession200Response)


def beyond_the_contract(session: GetAISession200Response, kind: type[Answer], *names: str) -> Answer:
    """What get tells beyond its contract, as the answer that tells it by contract."""
    told = session.model_extra or {}
    try:
        return kind.model_validate({name: told[name] for name in names if name in told})
    except ValidationError:
        return kind()
