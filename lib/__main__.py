"""`python -m lib`: the command line."""

from lib.run.cli import main

if __name__ == "__main__":
    main()
