"""Names that both ends of the API write: what serves it, and the command line."""

OUTCOME_HEADER = "X-Spectra-Outcome"
HEADLINE_HEADER = "X-Spectra-Headline"
"""Percent-encoded UTF-8: a header holds ASCII."""
VERSION_PARAMETER = "fingerprint_version"
