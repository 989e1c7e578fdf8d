#!/usr/bin/env python3
"""Builds the cases below cases/ with msb and compares what comes out with other builders' answers.

  tests/conformance/run.py [--live | --record] [--root DIR] [CASE...]

  (nothing)   against the answers stored in each case (oracle.json): needs no other builder
  --live      against a dockerd that is started for it, and the stored answers against it too
  --record    asks that dockerd and stores its answers
  --root DIR  a root made by newer.sh (or $MSB_CONFORMANCE_ROOT), in which the other witnesses are;
              without it the cases that name one are held against the stored answers alone
  --ask WHO   asks docker, newer-docker or buildah, whomever the case names; stores nothing
  --meant     stores msb's answer as meant (meant.json) where it differs from the oracle's

MSB_BUILD names the build directory whose msb is tried. README.md tells what a case is.
"""
import argparse
import contextlib
import json
import os
import sys
import time
from pathlib import Path

import builders
from listing import difference
from oracles import USUAL, WITNESSES, Oracles
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

    def answer(self, who):
        """What that witness said, as stored."""
        return self._stored(self._file(who)).get(self.part)

    def _file(self, who):
        return "oracle.json" if who == self.witnesses()[0] else f"{who}.json"

    def meant(self):
        """What msb answers instead, where that is meant; case.md gives the reason."""
        return self._stored("meant.json").get(self.part)

    def store(self, outcome, who=None):
        """As that witness's answer, or as what is meant."""
        file = self._file(who) if who else "meant.json"
        answers = self._stored(file)
        answers[self.part] = outcome
        text = json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=True)
        (self.folder / file).write_text(text + "\n")

    def says(self, word):
        return word + ": " in (self.folder / "case.md").read_text()

    def witnesses(self):
        """Who is asked, where it is not Debian 12's BuildKit alone; the first one is right."""
        path = self.folder / "witness"
        names = path.read_text().split() if path.exists() else [USUAL]
        if not names or not set(names) <= {USUAL, *WITNESSES}:
            sys.exit(f"run.py: {path} names {names}; known are {USUAL}, " + ", ".join(WITNESSES))
        return names

    def reworded(self):
        """The Dockerfile in words that BuildKit of 2021 knows, or None."""
        path = self.dockerfile.with_name(self.dockerfile.name + ".oracle")
        return path if path.exists() else None


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


def ask(case, who, oracles, options):
    """What they answer now, or None where only stored answers are wanted or at hand."""
    live = options.live or options.record
    return oracles.named(who).outcome(case) if live and oracles.has(who) else None


def stored(case, who, oracles, options):
    """(what that witness says, lines that tell where this is not what is stored)"""
    now = ask(case, who, oracles, options)
    if options.record and not now:
        return None, [f"{who} lives in a root: --root DIR"]
    if options.record:
        case.store(now, who)
    answer = case.answer(who)
    if answer is None:
        return None, [f"there is no stored answer of {who}: run.py --record {case.name}"]
    if not now:
        return answer, []
    return answer, ["stored answer: " + line
                    for line in difference(without_words(answer), without_words(now))]


def try_case(case, msb, oracles, options):
    """The list of what is wrong; empty: all is well."""
    if options.ask:
        answer = ask(case, options.ask, oracles, options)
        reworded = case.reworded() and options.ask == USUAL
        return compare(answer, msb.outcome(case), options.ask, reworded)
    got = msb.outcome(case)
    wrong = []
    for who in case.witnesses():
        answer, stale = stored(case, who, oracles, options)
        if answer is None:
            return stale
        differs = compare(answer, got, who, case.reworded())
        first = who == case.witnesses()[0]
        wrong += stale + (against(got, differs, who, case, options) if first else
                          excused(differs, who, case))
    return wrong


def against(got, differs, who, case, options):
    """What of msb's outcome is neither as in the oracle's answer nor as meant."""
    if options.meant and differs:
        case.store(got)
    meant = case.meant()
    if meant is None:
        return differs
    wrong = compare(meant, got, who, case.reworded())
    if not case.says("Meant"):
        wrong.append("case.md gives no reason (\"Meant: ...\") for meant.json")
    if not differs:
        wrong.append("meant.json says that msb differs here, but it does not")
    return wrong


def excused(differs, who, case):
    """A further witness may disagree with the first one where case.md says why."""
    said = case.says(who.capitalize())
    if said and not differs and not case.part:
        return [f"case.md says that {who} differs here, but it does not"]
    return [] if said else differs


def read_options():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--root", default=os.environ.get("MSB_CONFORMANCE_ROOT"))
    parser.add_argument("--ask", choices=(USUAL, *WITNESSES))
    parser.add_argument("--meant", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    options.live |= options.ask is not None
    if options.ask in WITNESSES and not options.root:
        parser.error(f"{options.ask} lives in a root: --root DIR")
    return options


def main():
    options = read_options()
    cases = find_cases(options.cases)
    if not cases:
        sys.exit("run.py: there are no cases")
    os.umask(0o022)
    failed = 0
    print(f"1..{len(cases)}")
    with contextlib.ExitStack() as stack:
        work = builders.work_folder(stack)
        oracles = Oracles(stack, work, options.root)
        msb = stack.enter_context(builders.opened_msb(work))
        for number, case in enumerate(cases, 1):
            begin = time.monotonic()
            wrong = try_case(case, msb, oracles, options)
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
