"""``python -m harness`` is ``btf-harness``."""

import signal


def entry():
    """Run the command line as the whole process."""
    # until it handles signals, a Ctrl-C ends it without a traceback
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from harness.cli import entry as cli_entry

    cli_entry()


if __name__ == "__main__":
    entry()
