"""What the commands say of themselves."""

import pytest

from tests.pipeline.kubeflow.commands import run


@pytest.mark.parametrize("command", ["submit", "schedule"])
def test_help_teaches_with_examples_and_exit_statuses(command: str) -> None:
    done = run(command, "--help")

    assert done.status == 0
    assert f"savedmodel-release {command} --" in done.out
    assert "Exit status: 0" in done.out
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_IAP_OAUTH2_CLIENT_ID", "--existing-token", "--cookies"):
        assert name in done.out


def test_the_options_of_kfps_own_command_line_have_its_names() -> None:
    import click
    from kfp.cli.cli import cli

    from pipeline.submit_command import submit

    of_kfp = {name for option in cli.params if isinstance(option, click.Option) for name in option.opts}
    ours = {name for option in submit.params for name in option.opts}

    assert of_kfp - ours == {"--output", "--version", "--show-completion", "--install-completion"}
