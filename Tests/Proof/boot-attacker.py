# SPDX-License-Identifier: GPL-3.0-or-later
"""boot-attacker.py ADDRESS SECONDS: tries to connect to port 5432 many times a second, and says how often it got through.

A line is printed for each connection that got through, and one now and then; the last one, also on SIGTERM, is the sum.
"""

import signal
import socket
import sys
import time

end = time.monotonic() + float(sys.argv[2])
tries = through = refused = 0


def say():
    print(f"tries={tries} through={through} refused={refused}", flush=True)


def stop(*_):
    global end
    end = 0


signal.signal(signal.SIGTERM, stop)
while time.monotonic() < end and through < 20:
    tries += 1
    with socket.socket() as attempt:
        attempt.settimeout(0.06)
        try:
            attempt.connect((sys.argv[1], 5432))
            through += 1
            say()
        except ConnectionRefusedError:
            refused += 1
        except OSError:
            pass
    time.sleep(0.02)
    if tries % 20 == 0:
        say()
say()
