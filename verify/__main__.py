"""`python -m verify` is the command line as well."""

from verify.cli import main

main()
