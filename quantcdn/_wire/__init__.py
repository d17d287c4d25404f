"""From a call to the request that is sent, and from an answer to what it holds. Pure: nothing here does any I/O."""
