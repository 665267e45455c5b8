"""What docs/kubeflow.md tells a notebook to do, done."""

import re
import warnings
from pathlib import Path

from tests.kfp_standin.server import Standin
from tests.servers import ROOT

TEXT = (ROOT / "docs" / "kubeflow.md").read_text(encoding="utf-8")


def test_the_notebooks_lines_run_as_they_stand(standin: Standin) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(
            code.replace("http://localhost:8080", standin.url).replace("sleep_duration=5", "sleep_duration=0.05"), names
        )

    (run,) = standin.store.runs.values()
    assert (run.display_name, run.state) == ("rpm from a notebook", "SUCCEEDED")
    assert run.runtime_config.parameters["min_auc"] == 0.6
    names["client"]._run_api.api_client.rest_client.pool_manager.clear()  # type: ignore[attr-defined]


def test_errors_and_options_that_it_names_exist() -> None:
    from pipeline.kubeflow import errors, failures, following
    from pipeline.submit_command import submit

    options = {name for option in submit.params for name in option.opts}
    named = set(re.findall(r"`(--[a-z-]+)`", TEXT.partition("## Where it is")[2]))
    kinds = re.findall(r"^\| `([A-Z]\w+)` \|", TEXT, re.MULTILINE)

    assert named <= options
    assert len(kinds) == 7
    assert all(
        hasattr(errors, kind) or hasattr(following, kind) or kind in Path(failures.__file__).read_text()
        for kind in kinds
    )
