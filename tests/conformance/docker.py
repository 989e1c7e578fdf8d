"""The real BuildKit: inside a dockerd, and asked by docker's client."""
import contextlib
import json
import subprocess
import time

from builders import Builder, TAG
from listing import changes, listing


def client(host):
    """Words that call a client of that daemon; its environment is no matter."""
    return ["env", f"DOCKER_HOST={host}", "DOCKER_BUILDKIT=1", "/usr/bin/docker"]


@contextlib.contextmanager
def dockerd(place, entered=lambda *words: list(words)):
    """A daemon with everything of its own. entered() makes words that call others in a root."""
    place.mkdir()
    host = f"unix://{place}/socket"
    with open(place / "log", "wb") as log:
        daemon = subprocess.Popen(
            entered("/usr/sbin/dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none",
                    "--data-root", place / "data", "--exec-root", place / "exec",
                    "--pidfile", place / "pid", "-H", host),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(entered(*client(host)), daemon, place / "log")
        yield host
    finally:
        daemon.terminate()
        daemon.wait(30)
        # It mounts its data onto itself.
        subprocess.run(["umount", place / "data"], check=False, capture_output=True)


def wait_for(docker, daemon, log):
    for _ in range(300):
        if daemon.poll() is not None:
            break
        if subprocess.run([*docker, "version"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("dockerd does not answer:\n" + log.read_text()[-2000:])


class Docker(Builder):
    """By its client; its images are read where the daemon keeps them."""

    def __init__(self, work, program, rewording=False):
        super().__init__(work)
        self.program = program
        self.rewording = rewording
        self.call("import", work / "base.tar", "base")
        self.base = self._tree("base")

    def dockerfile(self, case):
        return case.reworded() if self.rewording and case.reworded() else case.dockerfile

    def _tree(self, name):
        document = json.loads(self.call("inspect", name).stdout)[0]
        return self._listing(document["GraphDriver"]["Data"])

    def _listing(self, layers):
        """The layers as dockerd keeps them, laid over each other."""
        if not layers:
            return {"/": self.base["/"]}
        if "LowerDir" not in layers:
            return listing(layers["UpperDir"])
        place = self.work / "merged"
        place.mkdir(exist_ok=True)
        lower = f"lowerdir={layers['UpperDir']}:{layers['LowerDir']}"
        subprocess.run(["mount", "-t", "overlay", "-o", "ro," + lower, "overlay", place],
                       check=True)
        try:
            return listing(place)
        finally:
            subprocess.run(["umount", place], check=True)

    def history(self):
        """Line breaks as blanks, as msb shows them: a text shall not move a terminal's cursor."""
        lines = self.call("history", "--no-trunc", "--format", "{{json .CreatedBy}}", TAG).stdout
        texts = [json.loads(line) for line in reversed(lines.decode().splitlines())]
        return [text.replace("\n", " ") for text in texts if text]

    def tree(self, document):
        return changes(self.base, self._listing(document["GraphDriver"]["Data"]))
