"""Starts the model server: `python -m serving.server`."""

from serving.server import main

if __name__ == "__main__":
    main.console_main()
