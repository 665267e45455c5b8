"""`savedmodel-release schedule`: releases that recur, on Kubeflow Pipelines."""

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from model.errors import InvalidValue, ReleaseError
from pipeline.commands import explained
from pipeline.interruption import interruptible
from pipeline.kubeflow import names
from pipeline.kubeflow.address import Address
from pipeline.kubeflow.options import Asked, address_options, asked_options

if TYPE_CHECKING:
    from pipeline.kubeflow.backend import Backend
    from pipeline.kubeflow.schedules import RecurringRun
    from pipeline.kubeflow.triggers import Trigger

_PERHAPS = {
    "put": ("The schedule may have been made.", "Call again: that makes it, or finds that it is there."),
    **{
        each: (f"The schedule may have been {each}d.", "Call again to be sure.")
        for each in ("disable", "enable", "delete")
    },
}


@click.command(short_help="Let releases recur in Kubeflow Pipelines.")
@click.option("--name", default="", metavar="NAME", help="Of the schedule. Default: `release MODEL_NAME`.")
@click.option("--cron", default="", metavar="FIELDS", help="Six fields, seconds first, in UTC: '0 0 3 * * *'.")
@click.option("--interval", default="", metavar="TIME", help="Between one run and the next: 6h, 90m, 1d12h.")
@click.option("--list", "listing", is_flag=True, help="List the schedules that this command has made.")
@click.option("--disable", is_flag=True, help="Let the schedule of that name rest.")
@click.option("--enable", is_flag=True, help="Let it go on.")
@click.option("--delete", is_flag=True, help="Delete it; its runs stay.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@asked_options
@address_options
@explained
def schedule(
    address: Address,
    asked: Asked,
    name: str,
    cron: str,
    interval: str,
    listing: bool,
    disable: bool,
    enable: bool,
    delete: bool,
    as_json: bool,
) -> None:
    """Release a model again and again on Kubeflow Pipelines, for what retraining exports.

    Each run releases the newest export below --export-uri. If that is live already, the run scores the rows and tests
    the web application through the live model, and deploys nothing. Runs that were missed are not made up for, and
    one goes at a time.

    Makes the schedule of that name as asked for, whatever it was before: called again with nothing changed, it changes
    nothing; where parameters, time or pipeline have changed, a new one is made and then the former deleted. One that
    is disabled stays so. Schedules that were made otherwise are never touched.

    Exit status: 0 done, or nothing to do; 1 the backend refused or does not answer; 2 wrong usage; 130 interrupted.

    \b
    Examples:
      savedmodel-release schedule --cron "0 0 3 * * *" --model-name rpm --export-uri gs://BUCKET/sample/exports \\
          --rows-uri gs://BUCKET/sample/visits.csv --set models_root=gs://BUCKET/models
      savedmodel-release schedule --interval 6h --model-name rpm …
      savedmodel-release schedule --list
      savedmodel-release schedule --disable --model-name rpm
      savedmodel-release schedule --delete --name "release rpm"
    """
    asked_for = [flag for flag, wanted in _flags(listing, disable, enable, delete).items() if wanted]
    if len(asked_for) + bool(cron) + bool(interval) != 1:
        raise click.UsageError("One of --cron, --interval, --list, --disable, --enable, --delete, and only one.")
    with _explaining(asked_for[0] if asked_for else "put", as_json=as_json), interruptible():
        if listing:
            _list(address, as_json=as_json)
        elif asked_for:
            _change(address, _name(name, asked), asked_for[0], as_json=as_json)
        else:
            _put(address, asked.checked(), _name(name, asked), _trigger(cron, interval), as_json=as_json)


@contextlib.contextmanager
def _explaining(action: str, *, as_json: bool) -> Iterator[None]:
    """Whatever ends this program, it says so in JSON too, and whether something may have been changed."""
    try:
        yield
    except ReleaseError as error:
        if as_json:
            click.echo(json.dumps({"action": "failed", "error": json.loads(error.to_json())}, ensure_ascii=False))
        raise
    except KeyboardInterrupt:
        message = " ".join(["Interrupted.", *_PERHAPS.get(action, ())])
        click.echo(message, err=True)
        if as_json:
            click.echo(json.dumps({"action": "interrupted", "error": {"message": message}}, ensure_ascii=False))
        sys.exit(130)


def _flags(listing: bool, disable: bool, enable: bool, delete: bool) -> dict[str, bool]:
    return {"list": listing, "disable": disable, "enable": enable, "delete": delete}


def _name(name: str, asked: Asked) -> str:
    if not name.strip() and not asked.model_name:
        raise click.UsageError("Missing option '--name', or '--model-name', which gives one.")
    wanted = name.strip() or f"release {asked.model_name}"
    names.check_schedule(wanted)
    return wanted


def _trigger(cron: str, interval: str) -> "Trigger":
    from pipeline.kubeflow import triggers

    return triggers.at(cron) if cron else triggers.every(interval)


def _put(address: Address, asked: Asked, name: str, trigger: "Trigger", *, as_json: bool) -> None:
    from rich.console import Console

    from pipeline.kubeflow import schedules
    from pipeline.kubeflow.connection import connected
    from pipeline.kubeflow.submission import Prepared, tell_version
    from pipeline.kubeflow.versions import ensure

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    prepared = Prepared.from_options(asked, name=name)
    with connected(address) as backend:
        schedules.ours(backend, name)  # a name that is taken is refused before anything is uploaded
        version = ensure(backend, prepared.compiled, pipeline_name=prepared.pipeline_name)
        tell_version(version, backend=backend, console=console)
        wanted = schedules.Schedule.releasing(
            name=name,
            model_name=asked.model_name,
            export_uri=asked.export_uri,
            trigger=trigger,
            experiment_id=backend.experiment_id(prepared.experiment),
            pipeline_id=version.pipeline_id,
            version_id=version.version_id,
            parameters=prepared.parameters,
            service_account=prepared.service_account,
        )
        outcome = schedules.put(backend, wanted)
        _tell(outcome.action, outcome.recurring_run, backend, deleted=outcome.deleted, as_json=as_json)


def _change(address: Address, name: str, action: str, *, as_json: bool) -> None:
    """action: disable, enable or delete."""
    from pipeline.kubeflow import schedules
    from pipeline.kubeflow.connection import connected

    with connected(address) as backend:
        found = schedules.ours(backend, name)
        if not found:
            do = "`savedmodel-release schedule --list` lists those that there are."
            raise InvalidValue(expected="the name of a schedule", found=f"none named {name!r}", where="--name", do=do)
        # Of several, as a call that did not end may have left them, only the newest is to go on.
        for each in found[:1] if action == "enable" else found:
            if action == "delete":
                backend.delete_recurring_run(each.identifier)
            else:
                backend.enable_recurring_run(each.identifier, enabled=action == "enable")
        deleted = tuple(each.identifier for each in found) if action == "delete" else ()
        now = schedules.RecurringRun(found[0].identifier, found[0].schedule, enabled=action == "enable")
        _tell(f"{action}d", now, backend, deleted=deleted, as_json=as_json)


def _list(address: Address, *, as_json: bool) -> None:
    from pipeline.kubeflow.connection import connected

    with connected(address) as backend:
        found = [each for each in backend.recurring_runs() if each.is_ours]
        if as_json:
            click.echo(json.dumps({"schedules": [_fields(each, backend) for each in found]}, ensure_ascii=False))
        elif not found:
            click.echo("No schedules; `savedmodel-release schedule --help` shows how to make one.")
        else:
            click.echo("\n".join(_lines(each, backend) for each in found))


def _tell(
    action: str, recurring_run: "RecurringRun", backend: "Backend", *, deleted: tuple[str, ...], as_json: bool
) -> None:
    if as_json:
        told = {"action": action, **_fields(recurring_run, backend), "deleted": list(deleted)}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    leftover = action in ("unchanged", "created") and deleted
    also = f"; {len(deleted)} more of that name deleted, of a call that did not end or came as well" if leftover else ""
    click.echo(f"{recurring_run.schedule.name}: {action}{also}")
    if action != "deleted":
        click.echo(_lines(recurring_run, backend).partition("\n")[2])
        if not recurring_run.enabled and action != "disabled":
            click.echo("It is disabled, and stays so until --enable.")


def _lines(each: "RecurringRun", backend: "Backend") -> str:
    had = each.schedule
    releases = f"{had.parameters.get('model_name')} from {had.parameters.get('export_uri')}"
    state = "enabled" if each.enabled else "disabled"
    link = backend.recurring_run_link(each.identifier)
    return f"{had.name}\n  {had.trigger}, {state}\n  releases {releases}\n  {link}"


def _fields(each: "RecurringRun", backend: "Backend") -> dict[str, Any]:
    had = each.schedule
    return {
        "name": had.name,
        "recurring_run_id": each.identifier,
        "url": backend.recurring_run_link(each.identifier),
        "enabled": each.enabled,
        "cron": had.trigger.cron or None,
        "interval_s": had.trigger.interval_s or None,
        "pipeline_version_id": had.version_id,
        "parameters": dict(had.parameters),
    }
