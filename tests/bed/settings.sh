# The settings of a test-bed, and what its commands have in common. Sourced, not run.
#
# A bed is a name. Everything that it makes carries it:
#   network namespaces   NAME-switch, NAME-client, NAME-HOST
#   control groups       NAME/HOST (a host), NAME/outside (whatever else was started for it)
#   a directory          $BED_STATE: the hosts' own files, their consoles, keys
# Two beds of different names have the same addresses and never meet. This machine's own network is left alone.
# shellcheck shell=bash
set -euo pipefail

bed=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
BED=${BED:-bed}
BED_STATE=${BED_STATE:-$(dirname "$(dirname "$bed")")/target/bed/$BED}
BED_SUITE=${BED_SUITE:-bookworm}
BED_HOSTS=${BED_HOSTS:-rabbit1=192.168.1.219 rabbit2=192.168.1.220 rabbit3=192.168.1.221}
BED_CLIENT=${BED_CLIENT:-client=192.168.1.10}
# Files and directories of this machine that every host sees, read-only: "FROM:TO ...".
BED_BIND=${BED_BIND:-}
if [ "$(id -u)" -ne 0 ]; then
    exec sudo --non-interactive BED="$BED" BED_STATE="$BED_STATE" BED_SUITE="$BED_SUITE" BED_HOSTS="$BED_HOSTS" \
        BED_CLIENT="$BED_CLIENT" BED_BIND="$BED_BIND" RMQGIT_CACHE="${RMQGIT_CACHE:-}" -- "$0" "$@"
fi

die() {
    printf 'bed: %s\n' "$*" >&2
    exit 1
}

[[ "$BED" =~ ^[a-z0-9][a-z0-9-]{0,39}$ ]] || die "BED: '$BED' is no name"

hosts() {
    local pair
    for pair in $BED_HOSTS; do
        echo "${pair%%=*}"
    done
}

# address NAME: of a host, or of the client.
address() {
    local pair
    for pair in $BED_HOSTS $BED_CLIENT; do
        if [ "${pair%%=*}" = "$1" ]; then
            echo "${pair#*=}"
            return
        fi
    done
    die "no host is called $1"
}

# The control groups: where this machine keeps systemd's, one tree or two.
groups() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo /sys/fs/cgroup
    else
        echo /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
    fi
}
unified=$(groups | cut -d' ' -f1)

# enter GROUP: moves this process, and so what it starts, below the bed's own control group.
enter() {
    local root
    for root in $(groups); do
        mkdir -p "$root/$BED/$1"
        echo $BASHPID >"$root/$BED/$1/cgroup.procs"
    done
}

# processes GROUP: of a control group and those below.
processes() {
    local root
    for root in $(groups); do
        find "$root/$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
    done | sort -u
}

# leader HOST: its PID 1, as this machine numbers it. It is where systemd puts itself once it runs.
leader() {
    local pid
    pid=$(head -n 1 "$unified/$BED/$1/payload/init.scope/cgroup.procs" 2>/dev/null) && [ -n "$pid" ] && echo "$pid"
}

# gone GROUP SECONDS: waits until no process is left.
gone() {
    local end=$((SECONDS + $2))
    while [ -n "$(processes "$1")" ]; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

has_network() {
    [ -e "/run/netns/$BED-$1" ]
}

# fresh NAME: a network namespace of its own. A used one would still have the addresses and rules of who died in it.
fresh() {
    ip netns del "$BED-$1" 2>/dev/null || true
    ip netns add "$BED-$1"
    ip -n "$BED-$1" link set lo up
}

# plug NAME: a cable from its eth0 to the port `p-NAME` of the switch.
plug() {
    local address
    address=$(address "$1")
    unplug "$1"
    # shellcheck disable=SC2046,SC2086
    ip -n "$BED-$1" link add eth0 address "$(printf '02:00:%02x:%02x:%02x:%02x' ${address//./ })" type veth \
        peer name "p-$1" netns "$BED-switch"
    ip -n "$BED-switch" link set "p-$1" master br0 up
    ip -n "$BED-$1" addr add "$address/24" brd + dev eth0
    ip -n "$BED-$1" link set eth0 up
}

unplug() {
    ip -n "$BED-switch" link del "p-$1" 2>/dev/null || true
}
