"""``python -m hybridfer`` is the command line."""

from hybridfer.cli import main

if __name__ == "__main__":
    main()
