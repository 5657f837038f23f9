"""What an audit has found out, put into words."""

from daemon.audit_broken import find_broken
from daemon.audit_duplicates import find_duplicates
from daemon.audit_names import find_mislabelled
from daemon.audit_rows import AuditedFile, Finding, Related, SuspectFile


def build_report(
    files: list[AuditedFile], pairs: list[Related], suspect_files: list[SuspectFile]
) -> list[Finding]:
    """Return the findings: what contradicts itself, what is there several times, what is broken."""
    return [*find_mislabelled(files, pairs), *find_duplicates(files, pairs), *find_broken(suspect_files)]
