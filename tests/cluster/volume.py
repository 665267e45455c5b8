"""A volume with rows on the cluster's node, and a pod that sees what is written there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.cluster.conftest import apply, kubectl

_FILL = "import pathlib, time; pathlib.Path('/mnt/data').chmod(0o777); time.sleep(3600)"


@dataclass(frozen=True)
class Volume:
    """claim: of its PersistentVolumeClaim. It is mounted at /mnt/data."""

    claim: str
    namespace: str

    def shell(self, command: str, *, stdin: str = "") -> str:
        """What the command prints in a pod that has mounted it."""
        inside = ("exec", "--stdin", self.claim, "--namespace", self.namespace, "--", "sh", "-c", command)
        return kubectl(*inside, stdin=stdin)


@contextmanager
def volume(namespace: str) -> Iterator[Volume]:
    """Of the node's own disk, so that no storage class is needed. It is emptied afterwards."""
    name = f"rows-{uuid.uuid4().hex[:6]}"
    meta = {"name": name}
    size, modes = {"storage": "64Mi"}, ["ReadWriteMany"]
    host = {"path": f"/var/tmp/{name}", "type": "DirectoryOrCreate"}
    claim = {"accessModes": modes, "storageClassName": "", "volumeName": name, "resources": {"requests": size}}
    container = {
        "name": "filler",
        "image": "python:3.11-slim",
        "command": ["python3", "-c", _FILL],
        "volumeMounts": [{"name": "data", "mountPath": "/mnt/data"}],
    }
    pod = {"containers": [container], "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}
    disk = {"capacity": size, "accessModes": modes, "hostPath": host, "persistentVolumeReclaimPolicy": "Retain"}
    kinds = {"PersistentVolume": disk, "PersistentVolumeClaim": claim, "Pod": pod}
    here = ("--namespace", namespace)
    try:
        for kind, spec in kinds.items():
            apply({"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}, namespace=namespace)
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", *here, "--timeout=60s")
        made = Volume(name, namespace)
        yield made
        made.shell("rm -rf /mnt/data/*")
    finally:
        gone = [f"{kind}/{name}" for kind in ("pod", "pvc", "pv")]
        kubectl("delete", *gone, *here, "--grace-period=1", "--ignore-not-found")
