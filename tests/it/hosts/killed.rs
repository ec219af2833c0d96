//! Runs that are killed in the middle of what they do to units, plugins, objects and the cluster: the next one completes
//! it.

use std::collections::BTreeSet;

use super::bed::until;
use super::site::{PASSWORD, Site};

/// Stands in for a program that the agent starts. When the agent comes to a verb, it is killed before the program runs,
/// after that, or while the program still has to run: then nobody is left who waits for it.
const STAND_IN: &str = r#"#!/bin/bash
kill_agent() {
    touch /run/kill/now
    while pgrep -x rmqgit >/dev/null; do sleep 0.02; done
}
read -r verb when </run/kill/at
if [ -e /run/kill/now ] || [[ " $* " != *" $verb "* ]]; then exec "$0.own" "$@"; fi
case $when in
before) kill_agent ;;
after) "$0.own" "$@"; kill_agent ;;
beside) kill_agent; exec "$0.own" "$@" ;;
esac
"#;
/// Runs the agent until it is killed; the programs that kill it run as another user. Says whether it was.
const RUN: &str = r#"rm -f /run/kill/now; echo "$0 $1" >/run/kill/at
rmqgit sync --wait >/run/kill/said 2>&1 &
agent=$!
while kill -0 $agent 2>/dev/null; do
    if [ -e /run/kill/now ]; then kill -KILL $agent; fi
    sleep 0.02
done
wait $agent 2>/dev/null
echo $?"#;

/// What the agent does on its way to a state, through one program.
struct Way {
    name: &'static str,
    program: &'static str,
    verbs: &'static [&'static str],
    /// What is done by hand, so that it has to.
    by_hand: &'static str,
}

const WAYS: [Way; 4] = [
    Way {
        name: "units",
        program: "/usr/bin/systemctl",
        verbs: &["daemon-reload", "enable", "start", "reload"],
        by_hand: "systemctl disable --quiet haproxy; systemctl disable --quiet --now keepalived
            echo '# by hand' >>/etc/haproxy/haproxy.cfg
            echo '# by hand' >>/etc/systemd/system/haproxy.service.d/50-rmqgit.conf",
    },
    Way {
        name: "plugins",
        program: "/usr/lib/rabbitmq/bin/rabbitmq-plugins",
        verbs: &["set"],
        by_hand: "rabbitmq-plugins -q disable rabbitmq_federation",
    },
    Way {
        name: "objects, from the command line",
        program: "/usr/lib/rabbitmq/bin/rabbitmqctl",
        verbs: &["import_definitions"],
        by_hand: "rabbitmq-plugins -q disable rabbitmq_management
            rabbitmqctl -q clear_policy ha-all; rabbitmqctl -q set_user_tags shop monitoring; rabbitmqctl -q change_password shop other",
    },
    Way {
        name: "a member",
        program: "/usr/lib/rabbitmq/bin/rabbitmqctl",
        verbs: &["stop_app", "reset", "join_cluster", "start_app"],
        // With its own file it would find the others by itself.
        by_hand: "cp -p /etc/rabbitmq/rabbitmq.conf /run/kill/conf; rabbitmqctl -q stop_app; rabbitmqctl -q reset
            sed -i '/^cluster_formation/d' /etc/rabbitmq/rabbitmq.conf; systemctl restart rabbitmq-server
            cp -p /run/kill/conf /etc/rabbitmq/rabbitmq.conf",
    },
];
/// The host of each way: the one that changes objects, and one that is not needed for a majority.
const HOSTS: [&str; 4] = ["rabbit1", "rabbit2", "rabbit1", "rabbit3"];

/// All of them.
pub(super) fn killed_runs_are_completed(site: &mut Site) {
    site.stop_timers();
    for (way, host) in WAYS.iter().zip(HOSTS) {
        site.bed.put(host, "/run/kill/stand-in", "755", STAND_IN.as_bytes());
        let program = way.program;
        site.bed.must(
            host,
            &format!("chmod 777 /run/kill; mv {program} {program}.own; cp -p /run/kill/stand-in {program}"),
        );
        let mut killed = BTreeSet::new();
        for verb in way.verbs {
            for when in ["before", "after", "beside"] {
                site.bed.must(host, "echo none none >/run/kill/at");
                site.bed.must(host, way.by_hand);
                let said = super::bed::ended(&mut site.bed.exec(host, &["bash", "-c", RUN, verb, when]));
                if said.out.trim() == "137" {
                    killed.insert(*verb);
                }
                site.bed.must(host, "echo none none >/run/kill/at");
                completed(site, host, &format!("{}, killed {when} {verb}", way.name));
            }
        }
        site.bed.must(host, &format!("mv {program}.own {program}; rm -r /run/kill"));
        assert_eq!(killed, way.verbs.iter().copied().collect(), "{}: not killed at every verb", way.name);
        println!("  {}: killed around {}", way.name, way.verbs.join(", "));
    }
    objects_by_the_api(site);
    site.start_timers();
}

/// The next run makes the host what it shall be, and the one after it has nothing to do.
fn completed(site: &Site, host: &str, what: &str) {
    // What was started beside the killed run may still be at work.
    until(what, 120, || {
        let report = site.sync(host, &[]);
        if report.json["verdict"] == "in-sync" { Ok(()) } else { Err(format!("{:#}", report.json)) }
    });
    until("one cluster of three", 60, || site.formed());
    for user in ["admin", "shop"] {
        let script = format!("rabbitmqctl -q authenticate_user {user} '{PASSWORD}'");
        assert_eq!(site.bed.sh("rabbit1", &script).code, 0, "{what}: the password of {user}");
    }
    let left = site.bed.must(
        host,
        "find /etc /usr/libexec /var/lib/rabbitmq -name '*rmqgit*' -newer /run/kill/at ! -name '50-rmqgit.conf'",
    );
    assert_eq!(left, "", "{what}");
}

/// Killed on its way into each word that it says to the management API, from the first to the last.
fn objects_by_the_api(site: &Site) {
    let by_hand = "mkdir -p /run/kill; touch /run/kill/at
        rabbitmqctl -q clear_policy ha-all; rabbitmqctl -q delete_user shop; rabbitmqctl -q set_user_tags admin monitoring";
    let mut killed = 0;
    loop {
        site.bed.must("rabbit1", by_hand);
        let script = format!(
            "strace -f -o /run/kill/trace -e trace=sendto -e inject=sendto:signal=KILL:when={} rmqgit sync --wait >/dev/null 2>&1; echo $?",
            killed + 1
        );
        let code = site.bed.must("rabbit1", &script);
        completed(site, "rabbit1", &format!("killed at word {} to the API", killed + 1));
        if code.trim() != "137" {
            break;
        }
        killed += 1;
        assert!(killed < 100, "it does not end");
    }
    site.bed.must("rabbit1", "rm -r /run/kill");
    println!("  objects, by the API: killed at each of {killed} words");
    assert!(killed > 8, "{killed}");
}
