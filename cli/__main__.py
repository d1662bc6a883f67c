"""The start of the program: of its script, and of `python -m lic.cli`, as torchrun starts it."""

from lic.cli.signals import INTERRUPTED, TERMINATED, end_on_interruption, say_no_more


def main() -> None:
    """Load the program and run it."""
    end_on_interruption()
    from lic.cli.main import main

    try:
        main()
    except SystemExit as end:
        if end.code in (INTERRUPTED, TERMINATED):
            say_no_more()
        raise


if __name__ == "__main__":
    main()
