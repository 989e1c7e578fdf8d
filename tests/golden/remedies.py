#!/usr/bin/env python3
"""Every sentence that the given rooms refuse with says what to do instead.

A sentence is the format of an msb_error_say(): it has "; " and what to write, or asks "did you
mean". msb_error_set() is for what the system says, which these rooms never ask.
"""
import pathlib
import re
import sys


def sentences(source):
    for call in re.finditer(r"msb_error_(say|set)\(.*?\);", source, re.S):
        words = re.findall(r'"((?:[^"\\]|\\.)*)"', call.group(0))
        yield source.count("\n", 0, call.start()) + 1, "".join(words)


def main():
    told = missing = 0
    for room in sys.argv[1:]:
        for path in sorted(pathlib.Path(room).glob("*.c")):
            for line, sentence in sentences(path.read_text()):
                told += 1
                # What a helper is handed is another call's sentence.
                if sentence.endswith("syntax error: %s"):
                    continue
                if "; " not in sentence and "(did you mean" not in sentence:
                    missing += 1
                    print(f"{path}:{line}: no remedy: {sentence}")
    print(f"{told} sentences, {missing} without a remedy")
    return 0 if told > 50 and missing == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
