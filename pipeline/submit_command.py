"""`savedmodel-release submit`: a release on Kubeflow Pipelines, from here."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from model.errors import ReleaseError
from pipeline.commands import explained
from pipeline.interruption import interruptible
from pipeline.kubeflow.address import Address
from pipeline.kubeflow.options import Asked, address_options, asked_options
from pipeline.numbers import Seconds

if TYPE_CHECKING:
    from pipeline.kubeflow.following import Pace, Session
    from pipeline.kubeflow.submission import Prepared, Started

#: An hour more than the pipeline's own deadline (`pipeline.limits`), at which the backend ends the run.
TIMEOUT_S = 9 * 3600


@click.command(short_help="Start a run in Kubeflow Pipelines; follow it.")
@click.option("--no-wait", is_flag=True, help="Start the run, and do not follow it.")
@click.option("--follow", metavar="RUN_ID", default="", help="Start nothing; follow that run.")
@click.option(
    "--terminate", metavar="RUN_ID", default="", help="Start nothing; end that run, and follow it to its end."
)
@click.option(
    "--timeout-s",
    default=float(TIMEOUT_S),
    show_default=True,
    type=Seconds(0, min_open=True),
    metavar="SECONDS",
    help="Follow no longer; the run goes on.",
)
@click.option(
    "--poll-s",
    default=5.0,
    show_default=True,
    type=Seconds(0.01, 600),
    metavar="SECONDS",
    help="Between one look at the run and the next.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, last on standard output.")
@asked_options
@address_options
@explained
def submit(
    address: Address,
    asked: Asked,
    no_wait: bool,
    follow: str,
    terminate: str,
    timeout_s: float,
    poll_s: float,
    as_json: bool,
) -> None:
    """Release a model on Kubeflow Pipelines: upload the compiled pipeline if it has changed, start a run, follow it.

    Each step is told when it begins and when it ends, with links to the run's page and to the log of a step that
    fails. Ctrl-C leaves the run going; so does the end of this program by other means.

    Exit status: 0 the run succeeded, 1 it failed, was terminated, or could not be started or followed, 2 wrong usage,
    130 interrupted. With --no-wait: 0 the run has been started. With --terminate: 0 the run is over.

    \b
    Examples:
      kubectl -n kubeflow port-forward svc/ml-pipeline-ui 8080:80 &
      export KF_PIPELINES_ENDPOINT=http://localhost:8080
      savedmodel-release submit --model-name rpm --export-uri gs://BUCKET/sample/exports \\
          --rows-uri gs://BUCKET/sample/visits.csv --set models_root=gs://BUCKET/models \\
          --set label_column=will_buy_on_return_visit --set min_auc=0.6
      savedmodel-release submit --follow RUN_ID
    \b
    Behind Dex, in a profile's namespace:
      savedmodel-release submit --endpoint https://kubeflow.example.com/pipeline --namespace mlops \\
          --cookies "oauth2_proxy_kubeflow=…" --model-name rpm …
    """
    from rich.console import Console

    from pipeline.kubeflow.connection import connect
    from pipeline.kubeflow.following import Pace, Session
    from pipeline.kubeflow.submission import Prepared

    if sum(map(bool, (follow, terminate, no_wait))) > 1:
        raise click.UsageError("--no-wait, --follow and --terminate exclude each other.")
    held = _Held(address, Console(stderr=True, markup=False, highlight=False, emoji=False), as_json=as_json)
    with _explaining(held), interruptible():
        run_id = follow or terminate
        prepared = None if run_id else Prepared.from_options(asked.checked())
        pace = Pace(timeout_s, poll_s=poll_s)
        with contextlib.closing(held.opened(lambda: Session(lambda: connect(address)), run_id, pace=pace)) as session:
            if prepared is None:
                held.adopt(session, run_id, terminate=bool(terminate), pace=pace)
            else:
                held.start(session, prepared)
            if no_wait:
                held.tell()
                return
            succeeded = _see_it_through(session, held, pace=pace)
    sys.exit(0 if succeeded or terminate else 1)


class _Held:
    """What is known of the run while this program may be interrupted, and how to tell it."""

    def __init__(self, address: Address, console: Any, *, as_json: bool) -> None:
        self._address, self.console, self._as_json = address, console, as_json
        self.started: Started | None = None
        self.terminated = False
        self._link = ""
        self._if_any = "the list of runs in the UI says for sure"

    def opened(self, open_session: Callable[[], "Session"], run_id: str, *, pace: "Pace") -> "Session":
        """run_id: of the run to follow; empty for one to start, for which nobody waits. Where nothing listens nobody
        waits either: the endpoint may be wrong."""
        from pipeline.kubeflow.following import patiently

        if run_id:
            self._if_any = f"run {run_id} has not been found yet; if there is one, it goes on"
        return patiently(
            open_session, pace=pace, console=self.console, passes=lambda error: bool(run_id and error.status)
        )

    def start(self, session: "Session", prepared: "Prepared") -> None:
        from pipeline.kubeflow.submission import start

        self._if_any = f"if one has been, the list of runs in the UI has it as {prepared.name!r}"
        self._hold(session, start(session.backend, prepared, console=self.console))

    def adopt(self, session: "Session", run_id: str, *, terminate: bool, pace: "Pace") -> None:
        """A run that was started elsewhere.

        Raises:
            InvalidValue: there is none with that id.
        """
        from pipeline.kubeflow.following import patiently
        from pipeline.kubeflow.submission import Started, existing

        run = patiently(
            lambda: existing(session.backend, run_id), pace=pace, console=self.console, passes=lambda error: True
        )
        self._hold(session, Started(run.run_id, run.name))
        if terminate and not run.is_over:
            session.backend.terminate(run_id)
            self.terminated = True

    def _hold(self, session: "Session", started: "Started") -> None:
        self.started, self._link = started, session.backend.run_link(started.run_id)
        self.console.print(f"run {started.name}: {started.run_id}\n  {self._link}", soft_wrap=True)

    def tell(self, **known: Any) -> None:
        """On standard output. known: as `submission.to_json` takes it."""
        from pipeline.kubeflow.submission import to_json

        if self._as_json:
            click.echo(to_json(self.started, link=self._link, **known))
        elif self._link:
            click.echo(self._link)

    def how_to_go_on(self) -> str:
        if self.started is None:
            return f"No run is known to have been started; {self._if_any}."
        run = f"{self.started.run_id}{self._address.arguments()}"
        return (
            f"The run goes on: {self._link}\n"
            f"  follow it     savedmodel-release submit --follow {run}\n"
            f"  terminate it  savedmodel-release submit --terminate {run}"
        )


def _see_it_through(session: "Session", held: _Held, *, pace: "Pace") -> bool:
    """Follows the run, and tells how it ended. Returns whether it succeeded."""
    from pipeline.kubeflow.failures import failure_of
    from pipeline.kubeflow.following import follow
    from pipeline.kubeflow.submission import show

    assert held.started is not None
    run_id, terminated = held.started.run_id, held.terminated
    run = follow(session, run_id, pace=pace, console=held.console, terminated=terminated)
    failure = None if run.succeeded else failure_of(session.backend, run)
    show(run, failure, backend=session.backend, console=held.console)
    held.tell(run=run, failure=failure)
    return run.succeeded


@contextlib.contextmanager
def _explaining(held: _Held) -> Iterator[None]:
    """Whatever ends this program, it says what becomes of the run."""
    try:
        yield
    except ReleaseError as error:
        held.tell(error=error)
        if held.started is None:
            raise
        click.echo(f"{type(error).__name__}: {error}\n{held.how_to_go_on()}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        message = f"Interrupted. {held.how_to_go_on()}"
        click.echo(message, err=True)
        held.tell(message=message)
        sys.exit(130)
