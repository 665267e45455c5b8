"""Requests to servers on this machine, which no proxy of the environment may come between."""

import requests


def get(url: str, *, timeout_s: float) -> requests.Response | None:
    """The answer, or None where nothing answers."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, timeout=timeout_s)
        except requests.RequestException:
            return None
