"""The builders that know the right answers: each is started when the first case asks it."""
import os

from buildah import Buildah
from docker import Docker, client, dockerd
from root import Root

USUAL = "docker"
# What only a root of newer.sh has. A case names one of them in its file "witness".
WITNESSES = ("newer-docker", "buildah")


class Oracles:
    def __init__(self, stack, work, root):
        self.stack = stack
        self.work = work
        self.path = root
        self.root = None
        self.started = {}

    def has(self, name):
        return name == USUAL or self.path is not None

    def named(self, name):
        if name not in self.started:
            start = {USUAL: self._docker, "newer-docker": self._newer_docker,
                     "buildah": lambda: Buildah(self.work, self._entered())}
            self.started[name] = start[name]()
        return self.started[name]

    def _entered(self):
        if self.root is None:
            self.root = Root(self.path, self.work)
            self.stack.callback(self.root.close)
        return self.root

    def _docker(self):
        """MSB_CONFORMANCE_DOCKER names a daemon that runs already."""
        host = os.environ.get("MSB_CONFORMANCE_DOCKER")
        host = host or self.stack.enter_context(dockerd(self.work / "docker"))
        return Docker(self.work, client(host), rewording=True)

    def _newer_docker(self):
        """With its own client, which is the one that reads contexts."""
        root = self._entered()
        host = self.stack.enter_context(dockerd(self.work / "newer-docker", root.words))
        return Docker(self.work, root.words(*client(host)))
