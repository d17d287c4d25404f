"""How much a call costs the process that makes it, beside other ways to make the same call.

``python -m benchmarks --help`` says how to run it, and docs/Performance.md what came of it.
"""
