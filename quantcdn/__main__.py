"""``python -m quantcdn``: the command line."""

from quantcdn.cli import main

if __name__ == "__main__":
    main()
