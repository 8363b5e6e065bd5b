"""``python -m cevnsjax`` is the command ``cevnsjax``."""

from cevnsjax.cli.main import run

if __name__ == "__main__":
    run()
