"""Bearer tokens: opaque, and never shown."""

import re

from quantcdn.exceptions import ApiValueError

_is_visible_ascii = re.compile(r"[\x21-\x7e]+").fullmatch


def normalised_token(token: str) -> str:
    """A token as it is sent: without white space around it, or the ``Bearer`` that people paste with it.

    Raises:
        ApiValueError: it is empty, or holds what a header cannot carry. The message does not show it.
    """
    token = re.sub(r"^bearer\s+", "", token.strip(), flags=re.IGNORECASE).strip()
    if not token or token.lower() == "bearer":
        raise ApiValueError("The access token is empty")
    if not _is_visible_ascii(token):
        raise ApiValueError("The access token may hold visible ASCII characters only: no spaces or line breaks")
    return token
