"""The two builders, each behind outcome(case): msb, and the BuildKit inside dockerd."""
import contextlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from listing import changes, listing
from outcome import image_part, refusal
from root import SHARED

HERE = Path(__file__).resolve().parent
TAG = "conformance-result"
# Between outcome.SOURCES_BEGIN and listing.SET_TIMES_END.
BASE_TIME = 900_000_000
CONTEXT_TIME = 1_500_000_000
LIMIT = 120
APPLETS = """[ cat chmod chown cp echo env false find grep head id ln ls mkdir mkfifo mknod mount mv
             printf pwd readlink rm rmdir sed seq sh sleep sort stat tail test touch tr true wc
             tee sha256sum dd od basename dirname ps sync""".split()
PASSWD = """root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:app:/home/app:/bin/sh
other:x:2000:2000::/home/other:/bin/sh
"""
GROUP = """root:x:0:
staff:x:50:app
app:x:1001:
other:x:2000:
wheel:x:10:app,other
"""


def base_tar(path):
    """The base image of all cases: busybox and two users; the same bytes each time."""

    def add(name, kind, mode, content=b"", link=""):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname = kind, mode, link
        info.size, info.mtime = len(content), BASE_TIME
        tar.addfile(info, io.BytesIO(content))

    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in [".", "bin", "etc", "dev", "home", "proc", "sys", "usr", "usr/bin", "var"]:
            add(name, tarfile.DIRTYPE, 0o755)
        add("root", tarfile.DIRTYPE, 0o700)
        add("tmp", tarfile.DIRTYPE, 0o1777)
        add("bin/busybox", tarfile.REGTYPE, 0o755, Path("/bin/busybox").read_bytes())
        for applet in APPLETS:
            add("bin/" + applet, tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, PASSWD.encode())
        add("etc/hosts", tarfile.REGTYPE, 0o644)
        add("etc/resolv.conf", tarfile.REGTYPE, 0o644)
        add("etc/group", tarfile.REGTYPE, 0o644, GROUP.encode())


def work_folder(stack):
    """A scratch folder with the base image, below a path that other roots share."""
    work = Path(stack.enter_context(
        tempfile.TemporaryDirectory(prefix="msb-conformance.", dir=SHARED)))
    base_tar(work / "base.tar")
    return work


def set_times(folder):
    """Files of a context are as old as each other: git does not keep their times."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (CONTEXT_TIME, CONTEXT_TIME), follow_symlinks=False)


class Builder:
    """What both have in common: a context prepared from the case, and a call."""

    program = []

    def __init__(self, work):
        self.work = work
        self.env = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")

    def call(self, *words, **how):
        how = {"check": True, "capture_output": True, "timeout": LIMIT, "env": self.env, **how}
        return subprocess.run([*self.program, *map(str, words)], stdin=subprocess.DEVNULL, **how)

    def prepare(self, case):
        """A context with the modes, links and times that the case wants. It has a place of its
        own: BuildKit takes a file that looks like one of the last build's for that one."""
        context = self.work / "contexts" / case.name.replace("/", "-")
        shutil.rmtree(context, ignore_errors=True)
        context.parent.mkdir(exist_ok=True)
        if (case.folder / "context").is_dir():
            shutil.copytree(case.folder / "context", context, symlinks=True)
        else:
            context.mkdir()
        set_times(context)
        if (case.folder / "setup.sh").exists():
            subprocess.run(["bash", "-eu", case.folder / "setup.sh"], cwd=context, check=True)
        return context

    def dockerfile(self, case):
        return case.dockerfile

    def build(self, dockerfile, context, *flags, **how):
        return self.call("build", "--no-cache", "--network=host", "-f", dockerfile, *flags,
                         context, **how)

    def outcome(self, case):
        context = self.prepare(case)
        flags = case.folder / "flags"
        flags = flags.read_text().replace("@context@", str(context)) if flags.exists() else ""
        for base in sorted(path.parent for path in case.folder.glob("base*/Dockerfile")):
            copy = self.work / "bases" / case.folder.name / base.name
            shutil.copytree(base, copy, dirs_exist_ok=True)
            self.build(copy / "Dockerfile", copy, "-t", base.name)
        # The Dockerfile stands outside the context, and under the name that messages give it.
        place = self.work / "Dockerfile"
        shutil.copyfile(self.dockerfile(case), place)
        done = self.build(place, context, "-t", TAG, *shlex.split(flags), check=False, cwd=self.work)
        if done.returncode != 0:
            return self.refused(done.stderr.decode(errors="replace"))
        document = self.document()
        return image_part(document, self.history(), self.tree(document))

    def document(self):
        return json.loads(self.call("inspect", TAG).stdout)[0]

    def refused(self, said):
        """Its last line says what was wrong."""
        if "Docker daemon" in said:
            raise RuntimeError(said)
        return refusal(said.strip().splitlines()[-1])

    def history(self):
        """Oldest first, without the base's."""
        lines = self.call("history", "--no-trunc", "--format", "{{.CreatedBy}}", TAG).stdout
        return [line for line in reversed(lines.decode().splitlines()) if line]


class Msb(Builder):
    def __init__(self, work, program):
        super().__init__(work)
        self.program = [program]
        self.env["MSB_ROOT"] = str(work / "store")
        self.mount = work / "mnt"
        self.mount.mkdir()
        self.call("import", work / "base.tar", "base")
        self.call("mount", self.mount)
        self.base = listing(self.mount / "images/base:latest")

    def close(self):
        self.call("umount", self.mount)

    def refused(self, said):
        """Its last line says where and what, also where the line belongs to no instruction."""
        lines = [line for line in said.splitlines() if "Dockerfile" in line]
        last = lines[-1] if lines else said
        return {**refusal(last.strip()), "placed": bool(re.search(r"(Dockerfile|dockerignore)(:\d+)?: ", last))}

    def tree(self, _document):
        return changes(self.base, listing(self.mount / f"images/{TAG}:latest"))


@contextlib.contextmanager
def opened_msb(work):
    """msb with the base image, in a store of its own."""
    program = Path(os.environ.get("MSB_BUILD", HERE.parents[1] / "build")) / "tools/msb/msb"
    msb = Msb(work, program.resolve())
    try:
        yield msb
    finally:
        msb.close()
