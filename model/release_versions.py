"""Which versions of a model there are."""

from model.storage import Storage


def versions_at(root: str, *, storage: Storage) -> list[int]:
    """The numbers below a model's `releases`, the highest first; some may be claimed and no release (yet).

    Raises:
        StorageError: the store refuses.
    """
    names = storage.subdirectories(root)
    return sorted((int(name) for name in names if name.isdecimal() and name == str(int(name))), reverse=True)
