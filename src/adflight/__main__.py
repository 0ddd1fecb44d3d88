"""`python -m adflight`, where the command is not on the path."""

from adflight.cli import main

main()
