#!/usr/bin/env python3
"""Builds the cases below cases/ with msb and compares what comes out with BuildKit's answers.

  tests/conformance/run.py [--live | --record] [CASE...]

  (nothing)   against the answers stored in each case (oracle.json): needs no dockerd
  --live      against a dockerd that is started for it, and the stored answers against it too
  --record    asks that dockerd and stores its answers
  --meant     stores msb's answer as meant (meant.json) where it differs from BuildKit's

MSB_BUILD names the build directory whose msb is tried. README.md tells what a case is.
"""
import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import builders
from listing import difference
from outcome import compare

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"


class Case:
    """One Dockerfile of a folder. A folder with several names them NAME.Dockerfile."""

    def __init__(self, dockerfile):
        self.dockerfile = dockerfile
        self.folder = dockerfile.parent
        self.part = dockerfile.name.removesuffix("Dockerfile").rstrip(".")
        self.name = "/".join(filter(None, [self.folder.name, self.part]))

    def _stored(self, file):
        path = self.folder / file
        return json.loads(path.read_text()) if path.exists() else {}

    def oracle(self):
        return self._stored("oracle.json").get(self.part)

    def meant(self):
        """What msb answers instead, where that is meant; case.md gives the reason."""
        return self._stored("meant.json").get(self.part)

    def store(self, outcome, file="oracle.json"):
        answers = self._stored(file)
        answers[self.part] = outcome
        text = json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=True)
        (self.folder / file).write_text(text + "\n")

    def words(self):
        """True where BuildKit is asked in other words than msb: see NAME.oracle."""
        return self.dockerfile.with_name(self.dockerfile.name + ".oracle").exists()


def find_cases(wanted):
    cases = [Case(path) for path in sorted(CASES.glob("*/*Dockerfile"))]
    if wanted:
        unknown = set(wanted) - {c.name for c in cases} - {c.folder.name for c in cases}
        if unknown:
            sys.exit("run.py: no such case: " + " ".join(sorted(unknown)))
        cases = [c for c in cases if c.name in wanted or c.folder.name in wanted]
    return cases


def without_words(answer):
    """Refusals name folders and times: only that it was one is compared."""
    return {key: value for key, value in (answer or {}).items() if key != "said"}


def try_case(case, msb, docker, options):
    """The list of what is wrong; empty: all is well."""
    wrong = []
    if docker:
        answer = docker.outcome(case)
        if options.record:
            case.store(answer)
        else:
            stale = difference(without_words(case.oracle()), without_words(answer))
            wrong += ["stored answer: " + line for line in stale]
    answer = case.oracle()
    if answer is None:
        return ["there is no stored answer: run.py --record " + case.name]
    got = msb.outcome(case)
    if options.meant and compare(answer, got, case.words()):
        case.store(got, "meant.json")
    meant = case.meant()
    if meant is not None and "Meant: " not in (case.folder / "case.md").read_text():
        wrong.append("case.md gives no reason (\"Meant: ...\") for meant.json")
    if meant is not None and not compare(answer, got, case.words()):
        wrong.append("meant.json says that msb differs here, but it does not")
    return wrong + compare(meant if meant is not None else answer, got, case.words())


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--meant", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    cases = find_cases(options.cases)
    if not cases:
        sys.exit("run.py: there are no cases")
    os.umask(0o022)
    failed = 0
    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory(prefix="msb-conformance.", dir="/var/tmp") as work:
        work = Path(work)
        with builders.opened(work, options.live or options.record) as (msb, docker):
            for number, case in enumerate(cases, 1):
                begin = time.monotonic()
                wrong = try_case(case, msb, docker, options)
                seconds = time.monotonic() - begin
                failed += bool(wrong)
                print(f"{'not ' if wrong else ''}ok {number} - {case.name} ({seconds:.1f} s)")
                for line in wrong:
                    print("#   " + line)
                sys.stdout.flush()
    print(f"# {len(cases) - failed} of {len(cases)} cases are as they should be")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
