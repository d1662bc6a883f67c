"""`python -m lic.cli`: the program without its script, as torchrun starts it."""

from lic.cli.main import main

main()
