"""Whether compiled/ is what the sources compile to: `python -m pipeline.freshness`."""

import sys

from pipeline.compile import compiled_files
from pipeline.environments import COMPILED


def stale_files() -> list[str]:
    """Paths below compiled/ that are missing or differ from what the sources compile to now."""
    return [
        str(path.relative_to(COMPILED.parent.parent))
        for path, text in compiled_files().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main() -> None:
    stale = stale_files()
    if stale:
        sys.exit(f"stale: {', '.join(stale)}. Run `make compile` and commit the result.")


if __name__ == "__main__":
    main()
