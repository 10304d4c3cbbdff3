"""`python -m tests.chaos --kills 20`: the long form. Prints the verdict as JSON; exit code 1 when anything is wrong."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from .trial import hold


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="repeat an earlier run's order and moments")
    parser.add_argument("--home", type=Path, default=None, help="keep the installation here instead of forgetting it")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    with tempfile.TemporaryDirectory(prefix="tessera-chaos-") as folder:
        verdict = hold(
            options.home or Path(folder) / "home",
            kills=options.kills,
            seed=seed,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    print(json.dumps(asdict(verdict), indent=2))
    return 1 if verdict.faults else 0


if __name__ == "__main__":
    sys.exit(main())
