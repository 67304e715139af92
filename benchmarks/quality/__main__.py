"""Runs the benchmark: `python -m benchmarks.quality --dataset=ml100k`."""

from absl import app, flags

from benchmarks.quality import command

if __name__ == "__main__":
    # `--help` prints the text and the flags of the main module, which is this one.
    __doc__ = command.__doc__
    flags.adopt_module_key_flags(command)
    app.run(command.main)
