"""`python -m daemon` is `spectra`."""

from daemon.cli import main

if __name__ == "__main__":
    main()
