#!/bin/sh
# What `make install` and `make uninstall` do. Everything it needs comes in variables:
#   MUSIC    the music folder; an update needs none
#   PREFIX   where the programs go
#   DESTDIR  a folder that stands for / (packages, tests): the running system is then left alone
#   RUN_AS   the user to run as, instead of the owner of MUSIC
#   PYTHON, PIP_ARGS
set -eu
umask 022

state=/var/lib/spectra
cache=/var/cache/spectra
config=/etc/spectra/spectra.toml
unit=/etc/systemd/system/spectra.service
drop_in=$unit.d/music.conf
command=/usr/local/bin/spectra
mark=.installed-by-spectra
sources=$(cd "$(dirname "$0")/.." && pwd)

say() { # echo would take a backslash in a name for more than that
    printf '%s\n' "$*"
}

fail() {
    say "make install: $*" >&2
    exit 2
}

escaped() { # for the right side of sed's s|..|..|
    printf '%s' "$1" | sed 's/[\\&|]/\\&/g'
}

in_quotes() { # as systemd and TOML read a string in double quotes
    printf '%s' "$1" | sed 's/[\\"]/\\&/g'
}

in_unit() { # systemd's specifiers besides
    in_quotes "$1" | sed 's/%/%%/g'
}

written() { # standard input becomes this file, at once or not at all
    mkdir -p "$(dirname "$1")"
    cat >"$1.new"
    mv "$1.new" "$1"
}

is_live() { # there is a systemd that must be told
    [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]
}

choose_user() {
    if [ -z "$MUSIC" ]; then
        [ -e "$DESTDIR$unit" ] || fail 'say where the music is: make install MUSIC=/path/to/music'
        user=$(sed -n 's/^User=//p' "$DESTDIR$unit")
        group=$(sed -n 's/^Group=//p' "$DESTDIR$unit")
        return
    fi
    [ -d "$MUSIC" ] || fail "$MUSIC is no folder"
    MUSIC=$(cd "$MUSIC" && pwd -P)
    [ "$MUSIC" != / ] || fail 'the music folder can not be /'
    case $MUSIC in *[[:cntrl:]]*) fail 'the name of the music folder holds control characters' ;; esac
    user=${RUN_AS:-$(stat -c %U "$MUSIC")}
    [ "$user" != root ] || fail "$MUSIC belongs to root, and Spectra does not run as root. Name the user whom" \
        'the files in it belong to, as RUN_AS=alice; or create one: useradd --system spectra, chown -R spectra' \
        'the music, and try again'
    id "$user" >/dev/null 2>&1 || fail "$MUSIC belongs to a user without a name ($(stat -c %u "$MUSIC"))." \
        "Create one (useradd --system --uid $(stat -c %u "$MUSIC") spectra), or name another: RUN_AS=alice"
    group=$(stat -c %G "$MUSIC")
    case $group in root | UNKNOWN) group=$(id -gn "$user") ;; esac
}

check_places() {
    case $PREFIX in
    [!/]* | '' | / | *[!A-Za-z0-9._/\ -]*) fail 'PREFIX must be a plain path, as /opt/spectra' ;;
    esac
    if [ -n "$DESTDIR" ]; then
        mkdir -p "$DESTDIR"
        DESTDIR=$(cd "$DESTDIR" && pwd -P)
        DESTDIR=${DESTDIR%/}
    fi
    [ -n "$DESTDIR" ] || [ "$(id -u)" -eq 0 ] || fail 'only root can do that: sudo make ...'
}

check_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail 'Spectra needs Python 3.11 or newer: install it (apt install python3 python3-venv), or name one: PYTHON=...'
    [ -z "$DESTDIR" ] || return 0
    home=$("$PYTHON" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')
    case $home/$PREFIX in
    /home/* | /root/* | /run/user/* | *//home/* | *//root/*)
        fail "the service sees nothing below /home and /root, where $PREFIX or the Python in $home is:" \
            'name others, as PREFIX=/opt/spectra PYTHON=/usr/bin/python3' ;;
    esac
}

install_programs() {
    to=$DESTDIR$PREFIX
    if [ -e "$to" ] && [ ! -e "$to/$mark" ] && [ -n "$(ls -A "$to")" ]; then
        fail "$to holds something else: name an empty or new folder as PREFIX"
    fi
    mkdir -p "$to"
    : >"$to/$mark"
    say "Installing into $to ..."
    "$to/bin/python" -c '' 2>/dev/null || "$PYTHON" -m venv --clear "$to" >/dev/null ||
        fail 'Python has no venv: apt install python3-venv'
    : >"$to/$mark"
    # From a copy: a build leaves its traces where the sources are, and takes along what an older one left.
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    cp -R "$sources/engine" "$sources/daemon" "$sources/plugins" "$sources/pyproject.toml" "$sources/README.md" \
        "$sources/LICENSE" "$copy"
    # shellcheck disable=SC2086 # several arguments
    PYTHONWARNINGS=ignore "$to/bin/python" -m pip install --quiet --disable-pip-version-check \
        --root-user-action=ignore --constraint "$sources/constraints.txt" $PIP_ARGS "$copy"
    [ -z "$DESTDIR" ] || "$to/bin/python" - "$to" "$DESTDIR" <<'PYTHON'
import os, sys
from pathlib import Path

installed, staging = Path(sys.argv[1]), os.fsencode(sys.argv[2])
for path in [installed / "pyvenv.cfg", *(installed / "bin").iterdir()]:
    if path.is_file() and not path.is_symlink() and staging in (content := path.read_bytes()):
        path.write_bytes(content.replace(staging + os.fsencode("/"), b"/"))
PYTHON
}

write_config() {
    if [ -e "$DESTDIR$config" ]; then
        say "Kept $DESTDIR$config as it is."
        return
    fi
    folder=$(in_quotes "$MUSIC")
    mkdir -p "$(dirname "$DESTDIR$config")"
    # Others may not read it: passwords of media servers go there.
    (umask 077 && sed "s|^roots = \[\]|roots = [\"$(escaped "$folder")\"]|" "$sources/config/spectra.toml" |
        written "$DESTDIR$config")
    [ "$(id -u)" -ne 0 ] || chown "$user:" "$DESTDIR$config"
}

write_units() {
    sed -e "s|^User=.*|User=$user|" -e "s|^Group=.*|Group=$group|" -e "s|/opt/spectra|$PREFIX|" \
        "$sources/systemd/spectra.service" | written "$DESTDIR$unit"
    if [ -e "$DESTDIR$drop_in" ]; then
        say "Kept $DESTDIR$drop_in as it is."
        return
    fi
    case $MUSIC/ in
    /home/* | /root/* | /run/user/* | /tmp/* | /var/tmp/*) option=BindPaths folder=$(in_unit "$MUSIC") ;;
    *) option=ReadWritePaths folder=$(in_unit "$MUSIC") ;;
    esac
    {
        sed '/^#.*"-\/\|^ReadWritePaths\|^# A folder/d' "$sources/systemd/music.conf.example"
        printf '%s="-%s"\n' "$option" "$folder"
    } | written "$DESTDIR$drop_in"
}

write_command() {
    written "$DESTDIR$command" <<COMMAND
#!/bin/sh
# Written by Spectra's \`make install\`: the commands, as the service's user and with what the service uses.
: "\${SPECTRA_CONFIG:=$config}" "\${STATE_DIRECTORY:=$state}"
export SPECTRA_CONFIG STATE_DIRECTORY
if [ "\$(id -u)" -eq 0 ]; then
    # Never as root: what a command wrote would be closed to the service.
    exec setpriv --reuid='$user' --regid='$group' --init-groups env HOME='$cache' sh -c '[ -x . ] || cd /; exec "\$@"' \\
        spectra '$PREFIX/bin/spectra' "\$@"
fi
if [ ! -r "\$SPECTRA_CONFIG" ]; then
    echo "spectra: \$SPECTRA_CONFIG can't be read; the service belongs to $user: use sudo" >&2
    exit 2
fi
exec '$PREFIX/bin/spectra' "\$@"
COMMAND
    chmod 0755 "$DESTDIR$command"
}

install_all() {
    check_places
    choose_user
    check_python
    install_programs
    write_config
    write_units
    write_command
    if is_live; then systemctl daemon-reload; fi
    cat <<NEXT

Spectra is installed in $PREFIX and runs as $user.
  Configuration      $config (then: systemctl reload spectra)
  Music folders      $drop_in
  Start, now and at every boot:   systemctl enable --now spectra
  After an update:                systemctl restart spectra
  The page:                       http://127.0.0.1:8765/
  Token for other machines:       sudo spectra token
  What it does:                   systemctl status spectra; journalctl -u spectra
NEXT
}

uninstall_all() {
    check_places
    if is_live && [ -e "$unit" ]; then
        systemctl disable --now spectra
    fi
    if [ -e "$DESTDIR$command" ] && grep -q '^# Written by Spectra' "$DESTDIR$command"; then
        rm -f "$DESTDIR$command"
    fi
    if [ -e "$DESTDIR$PREFIX/$mark" ]; then
        rm -rf "$DESTDIR$PREFIX"
    elif [ -e "$DESTDIR$PREFIX" ]; then
        say "$DESTDIR$PREFIX was not made by make install, and is left."
    fi
    rm -f "$DESTDIR$unit" "$DESTDIR$drop_in"
    rmdir "$DESTDIR$unit.d" 2>/dev/null || true # drop-ins of yours stay
    rm -rf "${DESTDIR:?}$cache"
    if is_live; then systemctl daemon-reload; fi
    say "Removed. What it knows is still in $state, its configuration in $(dirname "$config"): delete them, or install again."
}

case $1 in
install) install_all ;;
uninstall) uninstall_all ;;
esac
