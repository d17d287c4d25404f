"""What counts as a length of time. Pure."""

import math
import sys


def is_duration(value: object) -> bool:
    """Whether it is a number of seconds above 0, or infinity. A number that no float can hold is neither."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value <= sys.float_info.max or value == math.inf
