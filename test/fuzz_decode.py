"""Fuzz `decode` with Atheris: any answer is read as what was asked, or refused with an exception of the SDK.

    python test/fuzz_decode.py -runs=1000000 [DIRECTORY]

takes the options of libFuzzer, and begins with the answers in the directory, if `python test/fuzz_decode.py --seeds
DIRECTORY` has put some there. `test_fuzz.py` does both, for a moment.
"""

import json
import pickle
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["quantcdn"]):
    from unit.calls import CALLS

    from quantcdn import ApiException
    from quantcdn._wire.decode import decode
    from quantcdn._wire.headers import Headers
    from quantcdn._wire.message import Response

_CALLS = [*CALLS.values()]
_STATUSES = [200, 201, 204, 299, 300, 302, 399, 400, 401, 404, 409, 422, 429, 500, 503]
_TYPES = [
    *[f"application/json; charset={name}" for name in ("utf-8", "utf-16", "utf-7", "latin-1", "shift_jis", "punycode")],
    "application/json",
    "text/html",
    "",
]
_BODIES = [
    {"sessionId": "s", "status": "active", "expiresAt": "2030-01-02T03:04:05Z", "createdAt": 1767323045},
    {
        "id": 7,
        "title": None,
        "messages": [{"role": "user", "content": "é"}],
        "created_at": "Wed, 02 Jan 2030 03:04:05 GMT",
    },
    {"sessionId": "s", "totalMessages": 2, "totalTokens": 3, "updatedAt": "2030-01-02 03:04:05+0100"},
    [{"id": "s", "created_at": "2 January 2030 03:04:05 UTC", "updated_at": "1767323045.5"}],
    {"data": {"sessions": [{"session_id": "s"}]}},
    {"error": True, "message": "no"},
    {"errors": {"limit": ["too large"]}},
]


def read_answer(data: bytes) -> None:
    """Read an answer: the last bytes choose call, status and media type, and the others are its body."""
    source = atheris.FuzzedDataProvider(data)
    call, status, media_type = (
        choices[source.ConsumeIntInRange(0, len(choices) - 1)] for choices in (_CALLS, _STATUSES, _TYPES)
    )
    body = source.ConsumeBytes(source.remaining_bytes())
    headers = Headers({"Content-Type": media_type, "Location": body[:30].decode("latin-1")})
    try:
        result: object = decode(call, Response(status, "Reason", headers, body))
    except ApiException as error:
        result = error
    if isinstance(result, ApiException):
        assert str(pickle.loads(pickle.dumps(result))) == str(result)
        return
    for model in result if isinstance(result, list) else [result]:
        type(model).from_json(model.to_json())
        assert type(model).__name__ in repr(model)


def write_seeds(directory: Path) -> None:
    """Write a good answer of each kind for each call."""
    for index, value in enumerate(_BODIES):
        for call in range(len(_CALLS)):
            choice = bytes([len(_TYPES) - 3, 0, call])
            (directory / f"{index}-{call}").write_bytes(json.dumps(value).encode() + choice)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--seeds"]:
        write_seeds(Path(sys.argv[2]))
    else:
        atheris.Setup(sys.argv, read_answer)
        atheris.Fuzz()
