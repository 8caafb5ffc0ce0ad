"""The experiment of PaDeLLM-NER (Lu et al., NeurIPS 2024) with small models: F1 and latency.

    python benchmarks/paper.py --data DATA [--sets conll03 weibo resume] [--output FILE.jsonl]
    python benchmarks/paper.py --report [--output FILE.jsonl]

One base is tuned three times on the same texts, with the same steps, optimiser and adapter: to
write counts and mentions (PaDeLLM), a list of label and mention pairs (AutoReg-structured), and the
text with its mentions marked (AutoReg-augmented). Each cell runs in a process of its own and goes
on where it was stopped; its result is a line of the output. Weights are removed as soon as they
have been measured; `--keep-models` leaves them.
"""

import signal
import sys

from paper.command import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children are ended, too
    sys.exit(main(sys.argv[1:]))
