"""The second witness: what buildah makes of flags that the stored BuildKit does not know."""
import json

from builders import Builder, TAG
from listing import changes, listing
from outcome import image_part


class Buildah(Builder):
    # Never more than a caller without privileges has, and nothing that a kernel may lack.
    FLAGS = ["--format=docker", "--identity-label=false", "--isolation=chroot", "--runtime=runc",
             "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]

    def __init__(self, work, root):
        super().__init__(work)
        self.root = root
        store = work / "buildah"
        self.program = root.words("buildah", "--storage-driver=overlay", f"--root={store}/root",
                                  f"--runroot={store}/run")
        container = self._said("from", "scratch")
        self.call("add", container, work / "base.tar", "/")
        self.call("commit", "--format=docker", "--identity-label=false", "--rm", container, "base")
        self.base = self._tree("base")

    def _said(self, *words):
        return self.call(*words).stdout.decode().strip()

    def _tree(self, image):
        container = self._said("from", "--pull=never", image)
        try:
            return listing(self.root.outside(self._said("mount", container)))
        finally:
            self.call("rm", container)

    def build(self, dockerfile, context, *flags, **how):
        return super().build(dockerfile, context, *self.FLAGS, *flags, **how)

    def document(self):
        """As docker's `inspect` tells it, which leaves out what goes without saying."""
        told = json.loads(self.call("inspect", "--type=image", TAG).stdout)["Docker"]
        config = told["config"]
        if config.get("WorkingDir") == "/":
            del config["WorkingDir"]
        return {"Config": config, "RootFS": {"Layers": told["rootfs"]["diff_ids"]},
                "Architecture": told["architecture"], "Author": told.get("author"),
                "Os": told["os"]}

    def history(self):
        """It has words of its own for each line, and one layer for all of them."""
        return []

    def tree(self, _document):
        return changes(self.base, self._tree(TAG))
