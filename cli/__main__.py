"""The start of the program: of its script, and of `python -m lic.cli`, as torchrun starts it."""

from lic.cli.signals import end_on_interruption


def main() -> None:
    """Load the program and run it."""
    end_on_interruption()
    from lic.cli.main import main

    main()


if __name__ == "__main__":
    main()
