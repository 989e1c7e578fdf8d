"""What of a build is compared: how it ended, the tree, the configuration, the history."""
import re

from listing import difference

SOURCES_BEGIN = 900_000_000
CONFIG = ["ArgsEscaped", "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels",
          "OnBuild", "Shell", "StopSignal", "User", "Volumes", "WorkingDir"]


def _told_once(rest):
    """RUN's declared ARGs: newer BuildKits list one that is declared again once, Debian 12's twice."""
    listed = re.match(r"\|(\d+) ", rest)
    if not listed:
        return rest
    words, kept, names = rest[listed.end():].split(" "), [], []
    while words and len(names) < int(listed[1]):
        name = re.match(r"(\w+)=", words[0])
        if not name or name[1] not in names:
            kept.append(words[0])
        names += [name[1]] if name else []
        words.pop(0)
    return " ".join([f"|{len(set(names))}", *kept, *words])


def _older(line):
    """A line of history as Debian 12's BuildKit writes it: without flags, which newer ones show,
    without a health check's start interval, which it does not know, and ports as a map. Newer
    ones write an ARG's value, it wrote the default: only the name is compared."""
    word, _, rest = line.partition(" ")
    if word == "RUN":
        rest = _told_once(rest)
    if word in ("ADD", "COPY"):
        rest = re.sub(r"^(--\S+ )*", "", rest)
    if word == "HEALTHCHECK":
        rest = re.sub(r'((?: "\S+"){3}) "\w+" \'', r"\1 '", rest)
    if word == "EXPOSE" and rest.startswith("["):
        rest = "map[" + " ".join(port + ":{}" for port in rest[1:-1].split()) + "]"
    if word == "ARG":
        rest = rest.partition("=")[0].partition(" ")[0]
    return f"{word} {rest}"


def _newer_times(wanted, got):
    """Wanted, but a directory that was copied has its source's time: Debian 12's BuildKit, unlike
    newer ones, loses it where something is in the directory, and buildah always. Cases give sources later times than
    SOURCES_BEGIN, and what is there before the copy earlier ones."""
    wanted = dict(wanted)
    for path, text in wanted.items():
        kind, mode, owner, *rest = (got.get(path, "absent") + " - -").split(" ", 4)
        if kind == "dir" and rest and rest[0] != "now" and float(rest[0]) >= SOURCES_BEGIN:
            wanted[path] = text.replace(f"dir {mode} {owner} now", f"dir {mode} {owner} {rest[0]}")
    return wanted


def image_part(document, history, tree):
    """The outcome of a build that made an image, from its `inspect` document."""
    config = {key: document["Config"].get(key) for key in CONFIG}
    return {
        "built": True,
        "config": {key: value for key, value in config.items() if value},
        "image": {key: document[key] for key in ("Architecture", "Author", "Os")
                  if document.get(key)},
        "history": history,
        "layers": len(document["RootFS"].get("Layers") or []),
        "tree": tree,
    }


def refusal(said):
    """What was said is there to be read, not compared."""
    return {"built": False, "said": said}


def _as_known(wanted, got, oracle):
    """Both without what the oracle cannot say or says as builders of its age did."""
    if oracle == "docker":
        wanted, got = [{**side, "history": [_older(line) for line in side["history"]]}
                       for side in (wanted, got)]
    if oracle != "newer-docker":
        wanted = {**wanted, "tree": _newer_times(wanted["tree"], got["tree"])}
    return wanted, got


def compare(wanted, got, oracle, other_words):
    """What of msb's outcome is not as wanted by that oracle, as lines."""
    if wanted["built"] != got["built"]:
        return [f"{oracle}: {wanted.get('said', 'built')}; msb: {got.get('said', 'built')}"]
    if not got["built"]:
        return [] if got["placed"] else [f"names no file and line: '{got['said']}'"]
    # Of buildah's history every line has words of its own, and its image a single layer.
    skipped = {"history", "layers"} if other_words or oracle == "buildah" else set()
    wanted, got = _as_known(wanted, got, oracle)
    lines = []
    for key in sorted(set(wanted) - skipped):
        lines += difference(wanted[key], got[key], key)
    return lines
