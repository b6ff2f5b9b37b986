# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Runs slow commands as named steps: one line each, a spinner on a terminal, and the command's
# output only if it fails. Sourced by ./demo and tests/run; wants `step_log`, a file to write to.

step_log=${step_log:-/dev/null}
top=${top:-.}
step_tty=no
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then step_tty=yes; fi

step_wait() { # pid, text
    step_i=0
    while kill -0 "$1" 2>/dev/null; do
        case $((step_i % 4)) in
        0) step_c='|' ;; 1) step_c='/' ;; 2) step_c='-' ;; *) step_c="\\" ;;
        esac
        printf '\r  %s %s' "$step_c" "$2"
        step_i=$((step_i + 1))
        sleep 0.2
    done
    printf '\r\033[K'
}

# step TEXT COMMAND...: returns the command's status.
step() {
    step_text=$1
    shift
    step_begin=$(date +%s)
    : >>"$step_log"
    step_offset=$(wc -l <"$step_log")
    "$@" >>"$step_log" 2>&1 </dev/null &
    step_pid=$!
    if [ "$step_tty" = yes ]; then
        step_wait "$step_pid" "$step_text"
    else
        echo "  $step_text ..."
    fi
    step_status=0
    wait "$step_pid" || step_status=$?
    step_pid=
    if [ "$step_status" -eq 0 ]; then
        echo "  $step_text: $(($(date +%s) - step_begin)) s"
        return 0
    fi
    echo "  $step_text: FAILED (exit $step_status). Its last lines, all of it in $step_log:"
    tail -n "+$((step_offset + 1))" "$step_log" | tail -n 25 | sed 's/^/    /'
    return "$step_status"
}

# For a trap: ends the step that is running.
step_stop() {
    [ -z "${step_pid:-}" ] || kill "$step_pid" 2>/dev/null || true
}

# install_sets SET...: a step only where something is missing.
install_sets() {
    step_missing=$("$top/tests/lib/packages.sh" missing "$@") || return 1
    [ -n "$step_missing" ] || return 0
    step_what="$(echo "$step_missing" | wc -l) packages"
    [ "$step_what" != "1 packages" ] || step_what=$step_missing
    step "installing $step_what" "$top/tests/lib/packages.sh" install "$@"
}
