#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build into a prefix, component by component, and builds the library's examples from
# there as a stranger would: by pkg-config, and by find_package.
#
#   install.sh BUILD_FOLDER
set -eu
build=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

for component in dev gateway; do
    cmake --install "$build" --prefix "$work/$component" --component "$component" >"$work/log" ||
        fail "$(cat "$work/log")"
done

# The daemon alone: what a container of it needs.
found=$(cd "$work/gateway" && find . -type f ! -path './share/dnp3-mqtt/mappings/*')
[ "$found" = ./bin/dnp3-mqtt ] || fail "component gateway holds: $found"

# Moved after it was installed: nothing in it knows where it was.
mv "$work/dev" "$work/prefix"
prefix=$work/prefix
if find "$prefix" -name '*_internal.h' | grep .; then
    fail "internal headers are installed"
fi
if grep -rlF -e "$top" -e "$work" "$prefix" --include='*.cmake' --include='*.pc' --include='*.h'; then
    fail "installed files name the folders that they were built in"
fi

# Each header by itself, with the strictness of others.
for header in "$prefix"/include/dnp3/*.h; do
    echo "#include \"dnp3/$(basename "$header")\"" >"$work/one.c"
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only "$work/one.c" ||
        fail "$(basename "$header") does not stand alone"
done

# The examples without the source tree around them.
cp -r "$top/dnp3/examples" "$work/examples"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name dnp3.pc)")
export PKG_CONFIG_PATH
version=$(pkg-config --modversion dnp3)
for example in master outstation; do
    # shellcheck disable=SC2046 # a list of options
    cc -std=c11 "$work/examples/$example.c" $(pkg-config --cflags --libs dnp3) -o "$work/$example"
done

if ! cmake -S "$work/examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/log" ||
    ! cmake --build "$work/build" >>"$work/log"; then
    fail "$(cat "$work/log")"
fi

for program in "$work/master" "$work/outstation" "$work/build/dnp3-example-master" \
    "$work/build/dnp3-example-outstation"; do
    code=0
    "$program" 2>"$work/log" || code=$?
    if [ "$code" != 2 ] || ! grep -q '^arguments: ' "$work/log"; then
        fail "$program ended with $code: $(cat "$work/log")"
    fi
done
echo "version $version by pkg-config and find_package"
