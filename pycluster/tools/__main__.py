"""`pycluster`, from its first moment to its last: Ctrl-C while it is being loaded ends it at once, and without a
traceback; Ctrl-C when all is done and told comes too late to change the exit status.
"""

import signal
import sys


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pycluster.tools.command import main as carry_out  # takes some tenths of a second

    status = carry_out()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)


if __name__ == "__main__":
    main()
