"""`python -m megactor` is the same as `megactor`."""

from megactor.cli.main import main

if __name__ == "__main__":
    main()
