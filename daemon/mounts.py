"""Tell which file system holds a path: not every one reports its changes."""

import os
import re

_NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|gfs2|glusterfs|lustre|9p|vboxsf|vmhgfs|prl_fs|drvfs|virtiofs|fuse(\..+)?"
)
"""Where somebody else may change a file without our kernel hearing of it. (fuseblk is a local NTFS disk.)"""


def file_system_of(path: bytes, mountinfo: bytes) -> str:
    """Return the type of the file system that holds a real path, by /proc/self/mountinfo's text; "": unknown.

    Of several mounts on one point the last one covers the others. Format: proc_pid_mountinfo(5).
    """
    best_length, best_type = -1, ""
    for line in mountinfo.splitlines():
        fields, separator, rest = line.partition(b" - ")
        columns = fields.split()
        if not separator or len(columns) < 5 or not rest.split():
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 0xFF]), columns[4])
        prefix = point.rstrip(b"/") + b"/"
        if len(prefix) >= best_length and (path + b"/").startswith(prefix):
            best_length, best_type = len(prefix), os.fsdecode(rest.split()[0])
    return best_type


def is_network_file_system(file_system: str) -> bool:
    """Tell whether changes can be made there that inotify doesn't report."""
    return _NETWORK_FILE_SYSTEMS.fullmatch(file_system) is not None
