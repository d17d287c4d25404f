"""The six operations on AI sessions, one module each: what it takes, and the call that comes of it."""
