#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs sets of Debian packages from the list in /packages of this tree.
#
#   packages.sh install SET...   installs what is missing, as root or with sudo
#   packages.sh missing SET...   prints what is missing, one a line
#   packages.sh list SET...      prints the sets' packages, one a line
#
# Exit 0 when everything is there, 1 when apt could not provide it, 2 on wrong usage.
set -eu

list_file=${DNP3_PACKAGES:-$(dirname "$0")/../../packages}

usage() {
    echo "usage: packages.sh install|missing|list SET..." >&2
    exit 2
}

fail() {
    echo "packages: $*" >&2
    exit 1
}

# Entries of one set, alternatives not yet chosen.
entries_of() {
    sed 's/#.*//' "$list_file" | awk -v s="$1" '$1 == s { print $2 }'
}

entries() {
    for set_name in "$@"; do
        entries_of "$set_name"
    done | sort -u
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

known() {
    apt-cache show "$1" >/dev/null 2>&1
}

# One package of an entry: an installed alternative, else one that apt knows, else the last.
choose() {
    last=
    for name in $(echo "$1" | tr '|' ' '); do
        last=$name
        if installed "$name"; then echo "$name"; return; fi
    done
    for name in $(echo "$1" | tr '|' ' '); do
        if known "$name"; then echo "$name"; return; fi
    done
    echo "$last"
}

chosen() {
    for entry in $(entries "$@"); do
        case $entry in
        *\|*) choose "$entry" ;;
        *) echo "$entry" ;;
        esac
    done
}

missing() {
    for name in $(chosen "$@"); do
        installed "$name" || echo "$name"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

have_lists() {
    for file in /var/lib/apt/lists/*_Packages*; do
        [ -e "$file" ] && return 0
    done
    return 1
}

apt_install() {
    as_root apt-get install -y -q --no-install-recommends "$@"
}

# The package index is fetched only where there is none, or where it is too old to install from.
install() {
    wanted=$(missing "$@" | tr "\n" " ")
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null ||
        fail "no apt-get here; install the counterparts of:" "$wanted"
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        fail "neither root nor sudo; as root, run: apt-get install" "$wanted"

    fresh=no
    if ! have_lists; then
        as_root apt-get update -q || fail "apt-get update failed: is there a network?"
        fresh=yes
        wanted=$(missing "$@" | tr "\n" " ")
    fi
    # shellcheck disable=SC2086 # a list of names
    if apt_install $wanted; then return 0; fi
    if [ "$fresh" = no ]; then
        as_root apt-get update -q || fail "apt-get update failed: is there a network?"
        wanted=$(missing "$@" | tr "\n" " ")
        # shellcheck disable=SC2086
        if apt_install $wanted; then return 0; fi
    fi
    fail "apt-get could not install: $wanted(no network? an old Debian? its messages are above)"
}

[ $# -ge 2 ] || usage
action=$1
shift
for set_name in "$@"; do
    [ -n "$(entries_of "$set_name")" ] || fail "no set named '$set_name' in $list_file"
done
case $action in
install) install "$@" ;;
missing) missing "$@" ;;
list) chosen "$@" ;;
*) usage ;;
esac
