"""Systems tuned on annotations of one's own, side by side: F1, minutes and speed by training size.

    python benchmarks/tuning.py --data DATA [--base BASE ...] [--output FILE.jsonl]
    python benchmarks/tuning.py --report

DATA holds the sets: `<set>/train.jsonl.gz`, `dev.jsonl.gz`, `test.jsonl.gz`, or those in folders,
lines {"text": ..., "ents": [[start, end, label], ...]}. Each cell (set, size, system, seed) runs in
a process of its own, with one thread, and its result is a line of the output, written as it ends.
Run again, the command does what is not there yet; several may share one output.
"""

import signal
import sys

from tuning.command import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended, too
    sys.exit(main(sys.argv[1:]))
