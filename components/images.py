"""What each step's container holds: the public Python image and pinned packages, or one prebuilt image."""

PYTHON_IMAGE = "python:3.11-slim"

#: Versions as in requirements.lock, held to it by a test.
PINS = {
    "google-cloud-storage": "3.17.1",
    "google-crc32c": "1.9.0",
    "kfp": "2.17.0",
    "kserve": "0.21.0",
    "kubernetes": "30.1.0",
    "numpy": "2.4.6",
    "protobuf": "6.33.6",
    "pyarrow": "26.0.1",
    "requests": "2.33.0",
    "tensorflow": "2.21.0",
}

_STORAGE = ("google-cloud-storage", "google-crc32c")
#: Which has fastapi, pandas and more behind it, so that it is installed only where an InferenceService is written.
_KSERVE = ("kserve", "kubernetes", "numpy")

#: Step -> packages, beside protobuf. No step but validate_release carries TensorFlow.
PACKAGES = {
    "inspect_signature": (*_STORAGE, "numpy"),
    "stage_release": (*_STORAGE, "numpy"),
    "validate_release": (*_STORAGE, "numpy", "pyarrow", "tensorflow"),
    "deploy_candidate": (*_STORAGE, *_KSERVE, "requests"),
    "score_batch": ("kubernetes",),
    "smoke_test_webapp": ("kubernetes", "requests"),
    "promote_release": (*_KSERVE, "requests"),
    "finish_release": _KSERVE,
}


def packages_to_install(step: str) -> list[str]:
    """Pip requirements of a step, pinned and sorted."""
    return [f"{name}=={PINS[name]}" for name in sorted({"protobuf", *PACKAGES[step]})]
