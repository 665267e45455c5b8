"""The directory that one machine has instead of a cluster and buckets.

<home>/models/<model_name>/releases/…      the releases (models_root)
<home>/predictions/<model_name>/<run_id>/  predictions and failed rows
<home>/runs/<run_id>/                      log, report, steps' artifacts of each run
<home>/serving/live/<model_name>.json      what is live: the source of models.config
<home>/serving/models.config               the model server's configuration, derived
<home>/serving/{server,webapp}.json        the processes that answer now
<home>/serving/candidates/                 the candidates, each a process of its own
<home>/locks/                              who is releasing what
"""

import os
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "SAVEDMODEL_RELEASE_HOME"
DEFAULT_HOME = ".savedmodel-release"


@dataclass(frozen=True)
class Home:
    root: Path

    @classmethod
    def at(cls, directory: str | os.PathLike[str]) -> "Home":
        return cls(Path(directory).expanduser().resolve())

    @classmethod
    def from_environment(cls) -> "Home":
        """The home that SAVEDMODEL_RELEASE_HOME names, else `./.savedmodel-release`."""
        return cls.at(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME)

    @property
    def serving(self) -> Path:
        return self.root / "serving"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def models_config(self) -> Path:
        return self.serving / "models.config"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def predictions(self, model_name: str) -> Path:
        return self.root / "predictions" / model_name

    def run(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def live(self, model_name: str) -> Path:
        return self.serving / "live" / f"{model_name}.json"

    def candidate(self, model_name: str) -> Path:
        return self.serving / "candidates" / f"{model_name}.json"

    def candidate_config(self, model_name: str) -> Path:
        return self.serving / "candidates" / f"{model_name}.config"

    def lock(self, name: str) -> Path:
        return self.root / "locks" / f"{name}.lock"


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all, so that a reader or a crash never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
