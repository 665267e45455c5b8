"""Which platforms there are. Apart from the protocol: a step that needs only that carries no platform's code."""

from components.platform_names import unknown_platform
from components.platforms import Platform


def open_platform(name: str) -> Platform:
    """The platform of that name; only this and `webapps` know which ones there are.

    Raises:
        InvalidValue: there is no such platform.
    """
    if name == "local":
        from components.platforms.local.platform import LocalPlatform

        return LocalPlatform.from_environment()
    if name == "kubernetes":
        from components.platforms.kubernetes.platform import KubernetesPlatform

        return KubernetesPlatform.from_environment()
    raise unknown_platform(name)
