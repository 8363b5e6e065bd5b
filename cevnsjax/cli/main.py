"""Entry point: errors a user can mend become one line and exit status 2."""

import sys

from cevnsjax.cli.app import app
from cevnsjax.errors import CevnsjaxError


def main() -> None:
    """Run the command line."""
    try:
        app()
    except CevnsjaxError as problem:
        print(f"cevnsjax: {problem}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("cevnsjax: interrupted; nothing was written", file=sys.stderr)  # noqa: T201
        sys.exit(130)


if __name__ == "__main__":
    main()
