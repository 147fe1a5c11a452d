# SPDX-License-Identifier: GPL-3.0-or-later
"""boot-attacker.py ADDRESS SECONDS: tries to connect to port 5432 many times a second, and says how often it got through."""

import socket
import sys
import time

end = time.monotonic() + float(sys.argv[2])
tries = through = refused = 0
while time.monotonic() < end and through < 20:
    tries += 1
    with socket.socket() as attempt:
        attempt.settimeout(0.06)
        try:
            attempt.connect((sys.argv[1], 5432))
            through += 1
        except ConnectionRefusedError:
            refused += 1
        except OSError:
            pass
    time.sleep(0.02)
    if tries % 20 == 0 or through == 20:
        print(f"tries={tries} through={through} refused={refused}", flush=True)
