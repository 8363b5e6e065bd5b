"""Entry point: errors a user can mend become one line and exit status 2."""

import sys

from cevnsjax.cli.app import app
from cevnsjax.errors import CevnsjaxError


def main() -> None:
    """Run the command line."""
    try:
        status = app(standalone_mode=False)
    except CevnsjaxError as problem:
        _stop(str(problem), 2)
    except KeyboardInterrupt:
        _stop("interrupted", 130)
    except Exception as problem:
        # Errors of the command-line parser; it keeps their class to itself.
        if type(problem).__name__ == "Abort":
            _stop("interrupted", 130)
        if type(problem).__name__ == "NoArgsIsHelpError":
            sys.exit(2)
        if not hasattr(problem, "format_message"):
            raise
        _stop(f"{problem.format_message()} See cevnsjax --help.", 2)  # pyright: ignore[reportAttributeAccessIssue]
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _stop(message: str, status: int) -> None:
    print(f"cevnsjax: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


if __name__ == "__main__":
    main()
