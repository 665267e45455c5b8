"""The DAG of a release.

    inspect_signature ─▶ stage_release ─▶ validate_release ─▶ deploy_candidate
        ─▶ score_batch ─▶ smoke_test_webapp ─▶ promote_release

All inside an ExitHandler: finish_release comes last, whatever happened.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from kfp import dsl, kubernetes

from components.deploy_candidate.component import deploy_candidate
from components.finish_release.component import finish_release
from components.handing_on import CODE, ONWARD
from components.inspect_signature.component import inspect_signature
from components.packaging import as_chain, as_component
from components.parameters import PLACEHOLDER
from components.platforms.names import ACCESS_SECRET, DATA
from components.promote_release.component import promote_release
from components.score_batch.component import score_batch
from components.smoke_test_webapp.component import smoke_test_webapp
from components.stage_release.component import stage_release
from components.validate_release.component import validate_release
from model.endpoint_access import DIRECTORY
from model.sample.places import EXPORTS, VISITS
from pipeline.limits import DEADLINE_S, STEP_TIMEOUTS_S

STEPS = (
    inspect_signature,
    stage_release,
    validate_release,
    deploy_candidate,
    score_batch,
    smoke_test_webapp,
    promote_release,
    finish_release,
)
PIPELINE_NAME = "savedmodel-release"
#: A pipeline that was compiled for no bucket says in its defaults how one is to be named; a run refuses it.
NO_BUCKET = PLACEHOLDER.rstrip("/")
#: Where the steps that read the bucket find a key, if a Secret has one.
STORAGE_DIRECTORY, STORAGE_KEY = "/etc/savedmodel-release/storage", "key.json"


class Options(TypedDict, total=False):
    """What cannot be a parameter, since it changes the steps' pods.

    image: a prebuilt one, see `components.packaging.as_component`.
    bucket: from where the defaults release the sample, as `savedmodel-release sample` has put it there.
    volume_claim: a PersistentVolumeClaim for rows and predictions.
    storage_secret: a Secret whose `key.json` is the key of a Google service account that may use the bucket; where
        pods have an identity there (Workload Identity) none is needed.
    storage_emulator: the URL of a server that stands in for Cloud Storage.
    without_deadline: for a backend that does not know the run's deadline. It skips, without a word, all that stands
        beside it: the steps' timeouts, the Secrets and the volume (kubeflow/pipelines#13187).
    """

    image: str
    bucket: str
    volume_claim: str
    storage_secret: str
    storage_emulator: str
    without_deadline: bool


def build_components(*, image: str = "") -> dict[str, Any]:
    """Step name -> KFP component; see `components.packaging.as_component` for `image`."""
    return {step.__name__: as_component(step, image=image) for step in STEPS}


def build_pipeline(**options: Unpack[Options]) -> Any:
    """The pipeline as a KFP GraphComponent, its steps carrying their code."""
    bucket, volume_claim = options.get("bucket", NO_BUCKET), options.get("volume_claim", "")
    image = options.get("image", "")
    # The exit task may take nothing from the steps, and so carries all of its code.
    steps = {**as_chain(STEPS[:-1], image=image), "finish_release": as_component(finish_release, image=image)}

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=PIPELINE_NAME,
        display_name="Release a SavedModel",
        description="Takes a TensorFlow SavedModel to production on KServe, or puts everything back.",
        pipeline_config=None
        if options.get("without_deadline")
        else dsl.PipelineConfig(active_deadline_seconds=DEADLINE_S),
    )
    def release_pipeline(
        model_name: str = "rpm",
        export_uri: str = f"{bucket}/{EXPORTS}",
        rows_uri: str = f"{bucket}/{VISITS}",
        models_root: str = f"{bucket}/models",
        predictions_uri: str = f"{bucket}/predictions",
        label_column: str = "will_buy_on_return_visit",
        min_auc: float = 0.6,
        min_accuracy: float = 0.0,
        platform: str = "kubernetes",
        signature_name: str = "serving_default",
        allow_operations: str = "",
        allow_signature_change: bool = False,
        invoke_endpoint: str = "yes",
        prediction_output: str = "",
        score_output: str = "",
        score_index: int = -1,
        positive_label: str = "1",
        outputs: str = "",
        max_failed_rows: float = 0.0,
        batch_rows: int = 8192,
        webapp_url: str = "",
        ready_timeout_s: int = 600,
        scoring_timeout_s: int = 3600,
        deployment_mode: str = "Standard",
        serving_image_version: str = "2.19.0",
        serving_replicas: int = 0,
        serving_cpu: str = "",
        serving_memory: str = "",
        serving_node_selector: str = "",
        serving_tolerations: str = "",
        serving_service_account: str = "",
        serving_gateway_url: str = "",
        spark_image: str = "",
        spark_executors: int = 0,
        spark_executor_cores: int = 0,
        spark_memory: str = "",
        spark_node_selector: str = "",
        spark_tolerations: str = "",
        spark_volume_claim: str = volume_claim,
    ) -> None:
        """Releases a SavedModel.

        Args:
            model_name: Name of the live service, and of the model in its URL.
            export_uri: A SavedModel directory, or a parent of several exports, of which the newest is released.
            rows_uri: CSV with a header, or Parquet, with a column for each input; scored through the candidate.
            models_root: Where releases are kept, as models_root/model_name/releases/version.
            predictions_uri: Where predictions and failed rows go, in a directory for each run.
            label_column: The rows' column with the true label; empty if there is none, with no threshold then.
            min_auc: Least area under the ROC curve, 0 to 1.
            min_accuracy: Least accuracy, 0 to 1.
            platform: kubernetes, or local for one machine.
            signature_name: The signature that callers use.
            allow_operations: Comma-separated unsafe operations that this graph may hold.
            allow_signature_change: Release although callers of the live signature would break.
            invoke_endpoint: yes, or no to do everything but call the model from Spark and the web application.
            prediction_output: Output that holds the predicted label; empty to go by its name.
            score_output: Output that holds the positive label's probability; empty to go by its name.
            score_index: Position of that probability in the output; -1 to find it.
            positive_label: The label whose probability the score is.
            outputs: Comma-separated outputs to write; empty for all.
            max_failed_rows: Fraction of rows, 0 to 1, that may fail.
            batch_rows: Rows in one request.
            webapp_url: The web application; empty for the platform's own.
            ready_timeout_s: Seconds that a server has to become ready.
            scoring_timeout_s: Seconds that the batch may take.
            deployment_mode: Standard or Knative, KServe's deployment modes.
            serving_image_version: Tag of TensorFlow Serving's image; empty for the cluster's own.
            serving_replicas: Replicas of the live service; 0 for as it is, at first 1.
            serving_cpu: CPU of each replica, such as 500m or 2; empty for the runtime's.
            serving_memory: Memory of each replica, such as 2Gi; empty for the runtime's.
            serving_node_selector: Labels of the nodes for replicas, key=value, comma-separated.
            serving_tolerations: Taints that replicas tolerate, key=value:Effect, comma-separated.
            serving_service_account: The replicas' service account, which reads the bucket; empty for the default one.
            serving_gateway_url: Gateway through which the steps call the model; empty for its Service in the cluster.
            spark_image: Image of driver and executors on a cluster; empty for the one set up there.
            spark_executors: Executors on a cluster; 0 for as many as are set up there (2).
            spark_executor_cores: Cores of each executor; 0 for as set up there (1).
            spark_memory: Memory of the driver and of each executor, such as 2g; empty for as set up there (1g).
            spark_node_selector: Labels of the nodes for driver and executors, key=value, comma-separated.
            spark_tolerations: Taints that they tolerate, key=value:Effect, comma-separated.
            spark_volume_claim: PersistentVolumeClaim that they mount at /mnt/data, for rows and predictions there.
        """
        run_id = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        finished = steps["finish_release"](model_name=model_name, platform=platform, run_id=run_id)
        _settle(finished, display_name="Finish: put back what is unfinished")
        with dsl.ExitHandler(finished, name="release"):
            inspected = steps["inspect_signature"](
                export_uri=export_uri,
                signature_name=signature_name,
                allow_operations=allow_operations,
            )
            inspection = inspected.outputs["inspection"]
            staged = steps["stage_release"](
                **_handed(inspected),
                inspection=inspection,
                models_root=models_root,
                model_name=model_name,
                run_id=run_id,
                platform=platform,
            )
            release = staged.outputs["release"]
            validated = steps["validate_release"](
                **_handed(staged), release=release, inspection=inspection, rows_uri=rows_uri, timeout_s=ready_timeout_s
            )
            expectations = validated.outputs["expectations"]
            deployed = steps["deploy_candidate"](
                **_handed(validated),
                release=release,
                inspection=inspection,
                platform=platform,
                run_id=run_id,
                allow_signature_change=allow_signature_change,
                timeout_s=ready_timeout_s,
                deployment_mode=deployment_mode,
                serving_image_version=serving_image_version,
                serving_replicas=serving_replicas,
                serving_cpu=serving_cpu,
                serving_memory=serving_memory,
                serving_node_selector=serving_node_selector,
                serving_tolerations=serving_tolerations,
                serving_service_account=serving_service_account,
                serving_gateway_url=serving_gateway_url,
            )
            endpoint = deployed.outputs["endpoint"]
            scored = steps["score_batch"](
                **_handed(deployed),
                endpoint=endpoint,
                inspection=inspection,
                rows_uri=rows_uri,
                predictions_uri=predictions_uri,
                label_column=label_column,
                prediction_output=prediction_output,
                score_output=score_output,
                score_index=score_index,
                positive_label=positive_label,
                outputs=outputs,
                max_failed_rows=max_failed_rows,
                min_auc=min_auc,
                min_accuracy=min_accuracy,
                invoke_endpoint=invoke_endpoint,
                batch_rows=batch_rows,
                timeout_s=scoring_timeout_s,
                platform=platform,
                run_id=run_id,
                spark_image=spark_image,
                spark_executors=spark_executors,
                spark_executor_cores=spark_executor_cores,
                spark_memory=spark_memory,
                spark_node_selector=spark_node_selector,
                spark_tolerations=spark_tolerations,
                spark_volume_claim=spark_volume_claim,
            )
            smoked = steps["smoke_test_webapp"](
                **_handed(scored),
                endpoint=endpoint,
                webapp_url=webapp_url,
                platform=platform,
                invoke_endpoint=invoke_endpoint,
                timeout_s=ready_timeout_s,
                expectations=expectations,
            )
            promoted = steps["promote_release"](
                **_handed(smoked),
                release=release,
                platform=platform,
                run_id=run_id,
                expectations=expectations,
                timeout_s=ready_timeout_s,
            )
            _settle(inspected, display_name="Inspect the signature")
            _settle(staged, display_name="Stage an immutable release")
            _settle(validated, display_name="Validate in process", memory="1Gi")  # TensorFlow, and the model
            _settle(deployed, display_name="Deploy the candidate")
            _settle(scored, display_name="Score a batch with Spark")
            _settle(smoked, display_name="Smoke-test the web application")
            _settle(promoted, display_name="Promote")
            if volume_claim:
                kubernetes.mount_pvc(validated, pvc_name=volume_claim, mount_path=DATA)
            _let_read_the_bucket((inspected, staged, validated, deployed), options)
            for calling in (deployed, promoted):
                kubernetes.use_secret_as_volume(calling, secret_name=ACCESS_SECRET, mount_path=DIRECTORY, optional=True)

    return release_pipeline


def _handed(task: Any) -> dict[str, Any]:
    """The code of the steps so far, for the one after `task`; so one begins when the other is over."""
    return {CODE: task.outputs[ONWARD]}


def _settle(task: Any, *, display_name: str, memory: str = "512Mi") -> None:
    """Every step acts on the world, so none may be answered from a cache."""
    task.set_display_name(display_name)
    task.set_caching_options(False)
    task.set_cpu_request("200m").set_memory_request(memory)
    kubernetes.set_timeout(task, STEP_TIMEOUTS_S[task.name.replace("-", "_")])


def _let_read_the_bucket(tasks: Sequence[Any], options: Options) -> None:
    secret, emulator = options.get("storage_secret"), options.get("storage_emulator")
    for task in tasks:
        if secret:
            kubernetes.use_secret_as_volume(task, secret_name=secret, mount_path=STORAGE_DIRECTORY)
            task.set_env_variable("GOOGLE_APPLICATION_CREDENTIALS", f"{STORAGE_DIRECTORY}/{STORAGE_KEY}")
        if emulator:
            task.set_env_variable("STORAGE_EMULATOR_HOST", emulator)
