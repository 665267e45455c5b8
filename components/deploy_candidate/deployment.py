"""Serving a release beside the live one, where only the steps that check it call it."""

import logging
from collections.abc import Sequence

from components.platforms import PROMOTED, Platform
from components.platforms.serving import ServingSettings
from components.recovery import undo_unfinished_promotion
from model.endpoint import Endpoint
from model.errors import IncompatibleSignature
from model.release_layout import Release
from model.release_records import read_record
from model.signature import Signature, breaking_changes

log = logging.getLogger(__name__)

NOTHING_SET = ServingSettings()


def deploy(
    release: Release,
    *,
    signature: Signature,
    platform: Platform,
    run_id: str,
    allow_signature_change: bool = False,
    timeout_s: float = 300.0,
    settings: ServingSettings = NOTHING_SET,
) -> Endpoint:
    """Serves the release as a candidate and waits until it answers; a release that is live already stays as it is.

    This is the first step that touches the platform, so it first undoes a promotion that an earlier run began and did
    not end. A candidate that such a run left is adopted or replaced by the platform.

    Returns:
        Where the candidate answers, or the live service if that serves this very release.

    Raises:
        IncompatibleSignature: the live service's callers would break, and that is not allowed; or no caller could use
            the signature over REST.
        InvalidValue: a setting breaks its rule.
        ReleaseInProgress: another run of this model is at work.
        ServingFailed: the server does not become ready, with its own reason and last log lines.
    """
    settings.check()
    refuse_unspoken(signature, dtypes=platform.refused_dtypes)
    with platform.holding(release.model_name, run_id=run_id):
        undo_unfinished_promotion(release.model_name, platform=platform)
        live = platform.live_service(release.model_name)
        if live is not None and live.phase == PROMOTED and live.release.digest == release.digest:
            log.info("release %d is live already: nothing to deploy, serving_… are for the next", live.release.version)
            return platform.wait_until_live(live.release, timeout_s=timeout_s)
        if live is not None and not allow_signature_change:
            refuse_breaking_changes(live.release, release=release, signature=signature)
        endpoint = platform.deploy_candidate(release, run_id=run_id, timeout_s=timeout_s, settings=settings)
    log.info("candidate %s serves release %d at %s", endpoint.model_name, endpoint.version, endpoint.rest_url)
    return endpoint


def refuse_unspoken(signature: Signature, *, dtypes: Sequence[str]) -> None:
    """
    Raises:
        IncompatibleSignature: naming the inputs and outputs that have one of the dtypes.
    """
    found = [str(spec) for spec in (*signature.inputs, *signature.outputs) if spec.dtype in dtypes]
    if found:
        raise IncompatibleSignature(
            expected=f"inputs and outputs of other dtypes than {' and '.join(dtypes)}",
            found=f"{', '.join(found)}, which TensorFlow Serving's REST API cannot write",
            where=f"signature {signature.name}",
            do="Cast them in the signature that you export, to float32 or int32.",
        )


def refuse_breaking_changes(live: Release, *, release: Release, signature: Signature) -> None:
    """Compares with the signature of the same name that the live release was recorded with.

    Raises:
        IncompatibleSignature: naming every change that a caller would stumble over.
    """
    record = read_record(live.uri)
    if record is None:
        log.warning("%s has no record any more: signatures are not compared", live.uri)
        return
    served = next((each for each in record.signatures if each.name == signature.name), None)
    changes = breaking_changes(served, signature) if served else []
    if changes:
        raise IncompatibleSignature(
            expected=f"a signature that callers of the live release {live.version} can go on using",
            found="; ".join(changes),
            where=f"signature {signature.name} of release {release.version} of {release.model_name}",
            do="Release it under another model name, or set allow_signature_change if all callers are ready.",
        )
