"""Where `spectra` and `python -m daemon` begin."""


def main() -> None:
    """Run the command line."""
    # Imported here: worker processes begin by importing what the daemon's own process began with.
    from daemon.cli import cli

    cli()


if __name__ == "__main__":
    main()
