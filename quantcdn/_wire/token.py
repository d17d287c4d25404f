"""Bearer tokens: opaque, and never shown."""

import re

from quantcdn.exceptions import ApiTypeError, ApiValueError

_is_visible_ascii = re.compile(r"[\x21-\x7e]+").fullmatch


def normalised_token(token: object) -> str:
    """A token as it is sent: without white space around it, or the ``Bearer`` that people paste with it.

    Raises:
        ApiTypeError: it is no string.
        ApiValueError: it is empty, or holds what a header cannot carry. The message does not show it.
    """
    if not isinstance(token, str):
        raise ApiTypeError(
            f"The access token must be a str, or a callable that returns one, not {type(token).__name__}"
        )
    token = re.sub(r"^bearer\s+", "", token.strip(), flags=re.IGNORECASE).strip()
    if not token or token.lower() == "bearer":
        raise ApiValueError("The access token is empty")
    if not _is_visible_ascii(token):
        raise ApiValueError("The access token may hold visible ASCII characters only: no spaces or line breaks")
    return token
