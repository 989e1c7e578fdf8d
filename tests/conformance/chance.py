#!/usr/bin/env python3
"""Builds random Dockerfiles with msb and BuildKit and tells where what comes out differs.

  tests/conformance/chance.py KIND FIRST LAST [ORACLE]    seeds FIRST to LAST - 1 of KIND: text, copy,
                                                          ignore; ORACLE: as run.py's --ask

The same seed gives the same Dockerfile and context. What differs is printed with the Dockerfile: a
difference that is not one of those that README.md or a case calls meant is a bug in want of a case.
"""
import contextlib
import os
import random
import sys
from pathlib import Path

import builders
from oracles import USUAL, Oracles
from outcome import compare
from run import Case

NAMES = ["A", "B", "long_name", "PATH", "HOME"]
PLAIN = ["1", "abc", "a.b", "/x/y", "\u00fc", "a,b", "~", "*", "a#b", "=", "{a}", "[b]", "a;b", "<<x"]
QUOTED = ['"a b"', '"$A"', '"${B}"', '"\\$A"', '"\\"q"', "\"'s'\"", '"a\\b"', "'a b'", "'$A'",
          "'\\'", '""', "''", "a\\ b", "\\$A", "\\\\", "\\'", "$$", "$", "$Ab", "$1", "a$"]
SOURCES = ["a", "b.txt", "dir", "dir/", "./dir", "dir/.", "dir/x", "*.txt", "dir/*", "d*", "dir*/x",
           "link", "dlink", "dlink/x", "dlin?/x", "dir/uplink", ".", ".*", "../a", "empty", "deep/*/f",
           "[[]br]/f", "no*pe", "gone/*", "dir/[xy]*", "a.tar", "d*/sub", "dir//x", "dir/../a", "\\\\a"]
PLACES = ["/", "/n", "/n/", "/n/m/", "/etc/", "x", "x/", "./", "..", "/var/../z", "/n/.", "/dl",
          "/dl/", "/fl", "/up/x", "/ex", "/ex/", "/ex/x", "/ex/f/", "$D", "${D}/", "/chain/k", ""]
PATTERNS = ["a", "*.txt", "**/*.txt", "!b.txt", "dir", "!dir/sub", "dir/sub", "*", "!*.sh", "**",
            "!deep/1", "deep/**", "**/sub", "!**/x", "# c", " ", "/dir", ".*", "dir/*", "*/x", "?",
            "[a-b]*", "\\[br\\]", "dlink", "deep/*/f", "  b.txt  ", "!*/x", "../a", "!dir/"]
GROUND = ("RUN mkdir -p /real /ex/sub /ex/f && chmod 700 /ex && chown 5:6 /ex && echo old >/ex/x && "
          "ln -s /real /dl && ln -s /dl /chain && ln -s /ex/x /fl && echo y >/ex/f/y && "
          "touch -d @800000000 /ex/sub /ex/x /ex/f/y /ex/f /ex")
FILES = ["a", "b.txt", ".hid", "dir/x", "dir/y.txt", "dir/sub/z", "dir2/x", "dir2/sub", "deep/1/f",
         "[br]/f", "e.sh"]
LINKS = {"link": "a", "dlink": "dir", "dir/uplink": "../a", "dir2/selfdir": "../dir2"}


def context(chance, root):
    for name in FILES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name + "\n")
        path.chmod(chance.choice([0o644, 0o644, 0o600, 0o755, 0o4755]))
    (root / "empty").mkdir()
    (root / "dir").chmod(chance.choice([0o755, 0o700, 0o2775]))
    for name, target in LINKS.items():
        if chance.random() < 0.8:
            os.symlink(target, root / name)
    (root / "a.tar").write_bytes(b"no archive\n")


def value(chance, depth=0):
    name = chance.choice(NAMES + ["UNSET"])
    word = value(chance, depth + 1) if depth < 2 else "w"
    return chance.choice([
        chance.choice(PLAIN), chance.choice(QUOTED), f"${name}", f"${{{name}}}",
        f"${{{name}{chance.choice([':-', ':+'])}{word}}}"])


def pairs(chance, names):
    return " ".join(f"{chance.choice(names)}={value(chance)}" for _ in range(chance.choice([1, 1, 2])))


def text_line(chance):
    lines = [
        "ENV " + pairs(chance, NAMES), f"ENV {chance.choice(NAMES)} {value(chance)} x",
        "LABEL " + pairs(chance, ["k.a", '"q k"', "'s'", "k$A", '"$UNSET"', "k\\ x"]),
        "ARG " + pairs(chance, NAMES), "ARG " + chance.choice(NAMES),
        "WORKDIR " + chance.choice(["/w", "w", "w/", "../u", "./v", "/", "$A", "/${B}/x",
                                     "a b", "/a//b"]),
        "USER " + chance.choice(["app", "1000:1001", "${UNSET:-root}", "$A", "a b"]),
        "EXPOSE " + chance.choice(["80 81/udp", "8000-8002", "90/TCP", "${UNSET:-7 8/udp}"]),
        "VOLUME " + chance.choice(["/v /w", '["/v", "/w x"]', "/${UNSET:-z}", "'/q'", '["a"']),
        "CMD " + chance.choice(['["a", "b c"]', "a  b", "['a']", "echo $A", '["\\u00e4"]', "[ -x /a ]"]),
        "ENTRYPOINT " + chance.choice(['["a"]', 'exec $A "$@"', "[]", '["a"']),
        "HEALTHCHECK " + chance.choice(["NONE", "CMD a  b ", '--interval=5s --retries=3 CMD ["a"]']),
        "STOPSIGNAL " + chance.choice(["SIGTERM", "9", "${UNSET:-INT}"]),
        "SHELL " + chance.choice(['["/bin/sh", "-ec"]', '["a"]']),
        "ONBUILD " + chance.choice(["RUN echo $A", "COPY a /b", "USER  app ", 'LABEL a="b c"']),
        "# comment", "   # indented", "", "MAINTAINER me <a@b.c>"]
    line = chance.choice(lines)
    blanks = [at for at, character in enumerate(line) if character == " "]
    if blanks and not line.startswith(" ") and chance.random() < 0.2:
        at = chance.choice(blanks)
        between = chance.choice(["", "# comment\n", "  # c \\\n", "\n", "\t"])
        line = line[:at] + " \\\n" + between + line[at:]
    return chance.choice(["", "", "", "  ", "\t"]) + line


def copy_line(chance, stages):
    words = [chance.choice(["COPY", "COPY", "COPY", "ADD"])]
    if chance.random() < 0.2:
        words.append("--chown=" + chance.choice(["1:2", "app", "app:staff", "5", "$U"]))
    if stages and words[0] == "COPY" and chance.random() < 0.35:
        words.append("--from=" + chance.choice(stages))
    count = chance.choice([1, 1, 1, 2])
    words += chance.choices(SOURCES, k=count)
    return " ".join([*words, chance.choice(PLACES) if count == 1 else "/many/"])


def text_case(chance, _folder):
    lines = ["FROM " + chance.choice(["scratch", "base AS one", "base"])]
    return lines + [text_line(chance) for _ in range(chance.choice([3, 5, 8]))]


def copy_case(chance, folder):
    context(chance, folder)
    stages = ["st", "0", "ST"] if chance.random() < 0.4 else []
    lines = ["FROM base AS st", copy_line(chance, [])] if stages else []
    lines += ["FROM base", "ARG D=/d U=12"] + chance.choice([[GROUND], []])
    return lines + [copy_line(chance, stages) for _ in range(chance.choice([1, 2, 3]))]


def ignore_case(chance, folder):
    context(chance, folder)
    patterns = chance.choices(PATTERNS, k=chance.choice([1, 2, 3, 5]))
    (folder / ".dockerignore").write_text("\n".join(patterns) + "\n")
    return ["FROM scratch", chance.choice(["COPY . /x/", "COPY . .", "COPY dir /x", "COPY * /x/"])]


KINDS = {"text": text_case, "copy": copy_case, "ignore": ignore_case}


def write_case(kind, seed, folder):
    chance = random.Random(f"{kind} {seed}")
    (folder / "context").mkdir(parents=True)
    lines = KINDS[kind](chance, folder / "context")
    end = chance.choice(["\n"] * 9 + ["\r\n"])
    (folder / "Dockerfile").write_text("".join(line + "\n" for line in lines), newline=end)
    return Case(folder / "Dockerfile")


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in KINDS:
        sys.exit(__doc__)
    kind, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    who = sys.argv[4] if len(sys.argv) > 4 else USUAL
    os.umask(0o022)
    differ = 0
    with contextlib.ExitStack() as stack:
        work = builders.work_folder(stack)
        oracle = Oracles(stack, work, os.environ.get("MSB_CONFORMANCE_ROOT")).named(who)
        msb = stack.enter_context(builders.opened_msb(work))
        for seed in range(first, last):
            case = write_case(kind, seed, work / "cases" / f"{kind}-{seed}")
            wrong = compare(oracle.outcome(case), msb.outcome(case), who, False)
            differ += bool(wrong)
            if wrong:
                print(f"--- {kind} {seed}", case.dockerfile.read_text(), *wrong, sep="\n")
                sys.stdout.flush()
    print(f"{last - first} tried, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
