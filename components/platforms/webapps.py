"""The web application of each platform. Apart from the platforms: a step that needs only that carries no more."""

from components.platform_names import unknown_platform


def webapp_url(platform: str) -> str:
    """Scheme, host and port of the web application, reachable from the steps.

    Raises:
        InvalidValue: there is no such platform.
        ServingFailed: it is not installed.
    """
    if platform == "local":
        from components.platforms.local.platform import LocalPlatform

        return LocalPlatform.from_environment().webapp_url()
    if platform == "kubernetes":
        from components.platforms.kubernetes import webapp
        from components.platforms.kubernetes.connection import Connection

        return webapp.webapp_url(Connection.from_environment())
    raise unknown_platform(platform)
