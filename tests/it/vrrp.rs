//! Two real Keepalived on a network of their own, beside what the rules say of the same spec.

use std::fs;

use rmqgit::check::try_example;
use rmqgit::policy::{Checker, Rules};

use crate::compile::isolated;
use crate::{rmqgit, run};

/// Three hosts, of which the first two hold the address; `KEEPALIVED` is what a case adds.
const SPEC: &str = "
version: 1
cluster:
  name: pair
  hosts:
    rabbit1: {address: 10.9.0.1, interface: mq1}
    rabbit2: {address: 10.9.0.2, interface: mq2}
    rabbit3: {address: 10.9.0.3}
  rabbitmq:
    version: 4.1.4
    cookie: {secret: erlang-cookie}
    plugins: [rabbitmq_management]
  haproxy: {hosts: [rabbit1, rabbit2], hard_stop_after: 12h}
  keepalived: {vip: 10.9.0.9/24, virtual_router_id: 9, unicast: true, KEEPALIVED}
";

/// Joins two namespaces by a cable, starts Keepalived in both, the first one first, lets the checks of `$3` fail once the first one holds the
/// address, and prints who holds it then: `$2`, or whoever it is when the time is over. Where it shall stay, it has to stay
/// for more than twice the time that a takeover takes.
const RUN: &str = r#"
set -e
mount -t tmpfs tmpfs /run && mkdir /run/netns
mount -t tmpfs tmpfs /usr/libexec && mkdir /usr/libexec/keepalived
printf '#!/bin/bash\n[ -e "/usr/libexec/$HOSTNAME" ]\n' >/usr/libexec/keepalived/check-haproxy
chmod 755 /usr/libexec/keepalived/check-haproxy
for host in rabbit1 rabbit2; do touch /usr/libexec/$host; ip netns add $host; done
ip link add mq1 netns rabbit1 type veth peer name mq2 netns rabbit2
for n in 1 2; do
    ip -n rabbit$n link set lo up
    ip -n rabbit$n addr add 10.9.0.$n/24 dev mq$n
    ip -n rabbit$n link set mq$n up
done
start() {
    ip netns exec $1 unshare --uts bash -c "hostname $1; exec keepalived --dont-fork --log-console --vrrp \
        --use-file $2/pair/$1/rootfs/etc/keepalived/keepalived.conf \
        --pid /run/$1.pid --vrrp_pid /run/$1.vrrp" >/run/$1.log 2>&1 &
}
holder() {
    local all=
    for host in rabbit1 rabbit2; do ip -n $host -o addr | grep -q ' 10.9.0.9/' && all+=" $host"; done
    echo ${all:-nobody}
}
# Polls until the holder is $1, or not, for at most $2 seconds.
until_holder() {
    local end=$((SECONDS + $2))
    while [ $SECONDS -lt $end ] && [ "$(holder)" != "$1" ]; do sleep 0.1; done
}
# The second one starts when the first one holds the address: with `nopreempt` the first to start keeps it.
start rabbit1 $1
until_holder rabbit1 40
start rabbit2 $1
until grep -qs 'VRRP_Script(check_haproxy) succeeded' /run/rabbit2.log; do sleep 0.1; done
[ "$(holder)" = rabbit1 ] || { cat /run/*.log; exit 1; }
for host in $3; do rm /usr/libexec/$host; done
for host in $3; do until grep -qs 'VRRP_Script(check_haproxy) failed' /run/$host.log; do sleep 0.1; done; done
if [ "$2" = rabbit1 ]; then
    end=$((SECONDS + 9))
    while [ $SECONDS -lt $end ] && [ "$(holder)" = rabbit1 ]; do sleep 0.1; done
else
    until_holder "$2" 40
fi
holder
"#;

/// One spec, the hosts whose HAProxy dies, who holds the address after that, and the rules that say so.
struct Case {
    keepalived: &'static str,
    dead: &'static str,
    holder: &'static str,
    codes: &'static [&'static str],
}

const CASES: [Case; 6] = [
    Case {
        keepalived: "priorities: {rabbit1: 150, rabbit2: 140}, check: {weight: -20, interval: 1}",
        dead: "rabbit1",
        holder: "rabbit2",
        codes: &[],
    },
    Case {
        keepalived: "priorities: {rabbit1: 150, rabbit2: 120}, check: {weight: -4, interval: 1}",
        dead: "rabbit1",
        holder: "rabbit1",
        codes: &["vrrp-wrong-holder"],
    },
    Case {
        keepalived: "check: {weight: 0, interval: 1}",
        dead: "rabbit1 rabbit2",
        holder: "nobody",
        codes: &["vrrp-no-holder"],
    },
    Case {
        keepalived: "nopreempt: true, check: {weight: -20, interval: 1}",
        dead: "rabbit1",
        holder: "rabbit1",
        codes: &["vrrp-pinned-address"],
    },
    Case {
        keepalived: "nopreempt: true, check: {weight: 0, interval: 1}",
        dead: "rabbit1",
        holder: "rabbit2",
        codes: &[],
    },
    Case {
        keepalived: "preempt_delay: 60, check: {weight: -20, interval: 1}",
        dead: "rabbit1",
        holder: "rabbit1",
        codes: &["preempt-delay-of-takeover"],
    },
];

#[test]
fn keepalived_does_what_the_rules_say() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = CASES.iter().map(|case| scope.spawn(|| play(case))).collect();
        for (case, run) in CASES.iter().zip(runs) {
            let found = run.join().expect("the case ends");
            let codes: Vec<String> = case.codes.iter().map(ToString::to_string).collect();
            assert_eq!(found, (case.holder.to_owned(), codes), "{}", case.keepalived);
        }
    });
}

/// Checks, compiles and runs a case; returns who holds the address at the end, and what the rules found about VRRP.
fn play(case: &Case) -> (String, Vec<String>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("rmqgit.yaml"), SPEC.replace("KEEPALIVED", case.keepalived)).expect("a file is written");
    let (_, found, _) = run(rmqgit().args(["check", "--format", "json"]).arg(dir.path()));
    let found: serde_json::Value = serde_json::from_str(&found).expect("it is JSON");
    let codes = found["diagnostics"].as_array().expect("a list").iter().filter_map(|diag| diag["code"].as_str());
    let codes = codes.filter(|code| code.starts_with("vrrp-") || code.starts_with("preempt-")).map(str::to_owned);
    let codes = codes.collect();

    // A spec with an error compiles into nothing: the error is waived, as somebody might who knows better.
    let mut waivers = String::new();
    for code in case.codes {
        waivers.push_str("    ");
        waivers.push_str(code);
        waivers.push_str(": {level: allow, reason: to see it}\n");
    }
    let spec = SPEC.replace("KEEPALIVED", case.keepalived);
    let spec = if waivers.is_empty() { spec } else { format!("{spec}  rules:\n{waivers}") };
    fs::write(dir.path().join("rmqgit.yaml"), spec).expect("a file is written");
    let out = dir.path().join("out");
    let compiled = run(rmqgit().arg("compile").arg(dir.path()).arg("--out").arg(&out));
    assert_eq!(compiled.0, 0, "{compiled:?}");
    let (status, holder, errors) =
        run(isolated().args(["bash", "-c", RUN, "vrrp"]).arg(&out).args([case.holder, case.dead]));
    assert_eq!((status, errors.as_str()), (0, ""), "{}: {holder}", case.keepalived);
    (holder.trim().to_owned(), codes)
}

#[test]
fn the_scenario_is_told_in_one_line() {
    let rules = Rules::built_in();
    let checker = Checker::new(&rules);
    let mut told = String::new();
    for rule in rules.iter().filter(|rule| rule.check.as_ref().is_some_and(|check| check.starts_with("vrrp-"))) {
        for example in rules.examples(&rule.code).iter().filter(|example| example.fails) {
            let tried = try_example(&checker, example, None).expect("the example is a sound spec");
            let own = tried.diags.iter().filter(|diag| *diag.code == *rule.code.value);
            told.extend(own.map(|diag| format!("{}: {}\n", diag.code, diag.message)));
        }
    }
    insta::assert_snapshot!(told);
}
