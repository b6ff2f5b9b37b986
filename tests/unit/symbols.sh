#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the library asks of its host: nothing but the few functions named here. A socket, a clock,
# an allocation or a print in dnp3/ shows up as a symbol that is not on the list.
set -eu
archive=$1

allowed='memcpy memmove memset memcmp strcmp strlen __stack_chk_fail _GLOBAL_OFFSET_TABLE_
__memcpy_chk __memmove_chk __memset_chk __assert_fail'

symbols=$(nm -g "$archive")
defined=$(echo "$symbols" | awk 'NF == 3 && $2 != "U" { print $3 }' | sort -u)
[ -n "$defined" ] || { echo "no symbol is defined in $archive"; exit 1; }
wanted=$(echo "$symbols" | awk '$1 == "U" { print $2 }' | sort -u)

known=$(echo "$defined" "$allowed" | tr '\n' ' ')
status=0
for name in $wanted; do
    case " $known " in
    *" $name "*) ;;
    *)
        echo "not allowed in the library: $name, used by:"
        nm -A -u "$archive" | awk -v s="$name" '$NF == s { print "  " $1 }' | sort -u
        status=1
        ;;
    esac
done
[ "$status" -ne 0 ] || echo "undefined symbols, all allowed: $(echo "$wanted" | wc -l)"
exit "$status"
