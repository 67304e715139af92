"""Starts the model server: `python -m serving.server`."""

from absl import flags

from serving.server import main

if __name__ == "__main__":
    # `--help` prints the text and the flags of the main module, which is this one.
    __doc__ = main.__doc__
    flags.adopt_module_key_flags(main)
    main.console_main()
