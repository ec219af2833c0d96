//! The virtual address moves, no two hosts hold it, and no confirmed message is lost.

use std::process::{Child, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::bed::{BALANCERS, ended, until};
use super::site::{Site, VIP};

/// Keepalived says every second that it holds the address, and another one that hears it lets go. Two hosts that both have
/// it for longer than that did not hear each other.
const ADVERTISED: Duration = Duration::from_secs(1);

/// A fault: what breaks, who holds the address meanwhile, and what mends it.
struct Fault {
    name: &'static str,
    breaks: fn(&Site),
    /// Where the address is as long as it is broken.
    holder: &'static str,
    mends: fn(&Site),
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "HAProxy killed",
        breaks: |site| {
            site.bed.must("rabbit1", "systemctl kill --signal=KILL haproxy");
        },
        // systemd starts it again before Keepalived's check has failed twice.
        holder: "rabbit1",
        mends: |_| {},
    },
    Fault {
        name: "HAProxy stopped for good",
        breaks: |site| {
            site.bed.must("rabbit1", "systemctl mask --quiet --now haproxy");
        },
        holder: "rabbit2",
        mends: |site| {
            // The agent says that it is masked and leaves it; once it is not, the agent starts it.
            site.bed.must("rabbit1", "systemctl unmask --quiet haproxy");
        },
    },
    Fault {
        name: "host cut off",
        breaks: |site| site.bed.link("down", "rabbit1"),
        holder: "rabbit2",
        mends: |site| site.bed.link("up", "rabbit1"),
    },
    Fault {
        name: "host without power",
        breaks: |site| site.bed.power("cut", &["rabbit1"]),
        holder: "rabbit2",
        mends: |site| site.bed.power("on", &["rabbit1"]),
    },
    Fault {
        name: "broker's host without power",
        breaks: |site| site.bed.power("cut", &["rabbit3"]),
        holder: "rabbit1",
        mends: |site| site.bed.power("on", &["rabbit3"]),
    },
];

/// Every fault, with a client that publishes all the while.
pub(super) fn the_address_moves_and_nothing_is_lost(site: &mut Site) {
    for (number, fault) in FAULTS.iter().enumerate() {
        // A queue for each: what a broker that was cut off keeps of a queue of the same name is not this test's business.
        survive(site, fault, &format!("shop.orders{number}"));
    }
}

/// One fault. Messages go through a queue whose leader is where it was declared.
fn survive(site: &Site, fault: &Fault, queue: &str) {
    until("the virtual address at its place", 60, || site.held_by("rabbit1"));
    let uri = Site::uri();
    let leader = if fault.name.starts_with("broker") { "192.168.1.221" } else { "192.168.1.219" };
    let direct = uri.replace(&format!("{VIP}:5673"), &format!("{leader}:5672"));
    let declared = ended(&mut site.bed.amqp(&["declare", &direct, queue, site.queue_type()]));
    assert_eq!(declared.code, 0, "{}{}", declared.out, declared.err);
    until("the queue is on all hosts", 60, || replicated(site));
    let at_first = since(site);
    let confirmed = site.bed.dir().join("confirmed").display().to_string();
    let _ = std::fs::remove_file(&confirmed);
    let publisher = start(site, &["publish", &uri, queue, &confirmed]);
    let watcher = start(site, &["watch", &uri]);
    let count = || std::fs::read_to_string(&confirmed).map_or(0, |text| text.lines().count());
    until("messages flow", 30, || if count() > 50 { Ok(()) } else { Err(format!("{}", count())) });

    (fault.breaks)(site);
    let cut = Timestamp::now();
    let moved = until(fault.name, 60, || site.held_by(fault.holder));
    let before = count();
    until("messages flow again", 90, || if count() > before + 200 { Ok(()) } else { Err(format!("{}", count())) });
    (fault.mends)(site);
    site.until_it_runs("rabbit1");
    println!("  {}: at {} after {moved:.1?}", fault.name, fault.holder);
    for child in [publisher, watcher] {
        print!("    {}", stop(child).replace('\n', "\n    ").trim_end_matches("    "));
    }
    let consumed = ended(&mut site.bed.amqp(&["consume", &uri, queue, &confirmed]));
    assert_eq!(consumed.code, 0, "{}: {}{}", fault.name, consumed.out, consumed.err);
    print!("    {}", consumed.out);
    let both = together(site, &at_first, cut);
    println!("    two holders for {both:?}");
    assert!(both < ADVERTISED, "{}: two hosts held the address for {both:?}", fault.name);
    site.bed.must("rabbit2", &format!("rabbitmqctl -q delete_queue {queue}"));
}

/// Complains unless all three nodes have the whole queue.
fn replicated(site: &Site) -> Result<(), String> {
    let columns = if site.mirrors() { "synchronised_slave_pids" } else { "online" };
    let said = site.bed.sh("rabbit2", &format!("rabbitmqctl -q --formatter json list_queues name {columns}"));
    let queues: serde_json::Value = serde_json::from_str(&said.out).map_err(|_| format!("{}{}", said.out, said.err))?;
    let wanted = if site.mirrors() { 2 } else { 3 };
    match queues[0][columns].as_array() {
        Some(copies) if copies.len() == wanted => Ok(()),
        _ => Err(queues.to_string()),
    }
}

fn start(site: &Site, args: &[&str]) -> Child {
    let mut command = site.bed.amqp(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("tests/bed/exec starts")
}

/// Ends a client, which must not have failed, and returns what it printed.
fn stop(mut child: Child) -> String {
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

/// Starts to write down when each balancer gets and loses the address; returns who has it now.
fn since(site: &Site) -> Vec<(&'static str, Timestamp)> {
    for host in BALANCERS {
        // A unit of its own: it starts again with the host.
        let unit = "[Service]\nExecStart=/bin/sh -c 'exec ip -ts -o monitor address >>/var/log/address'\n\
                    [Install]\nWantedBy=sysinit.target\n[Unit]\nDefaultDependencies=no\nBefore=keepalived.service\n";
        site.bed.put(host, "/etc/systemd/system/watch-address.service", "644", unit.as_bytes());
        let script = "systemctl stop watch-address 2>/dev/null; rm -f /var/log/address; systemctl daemon-reload
                      systemctl enable --quiet --now watch-address";
        site.bed.must(host, script);
    }
    site.holders().into_iter().map(|host| (host, Timestamp::now())).collect()
}

/// Returns the longest time for which both balancers had the address. A host without power loses it at `cut`.
fn together(site: &Site, at_first: &[(&'static str, Timestamp)], cut: Timestamp) -> Duration {
    let mut spans: Vec<Vec<(Timestamp, Timestamp)>> = Vec::new();
    for host in BALANCERS {
        let log = site.bed.must(host, "systemctl disable --quiet --now watch-address; cat /var/log/address");
        let mut held = at_first.iter().find(|(name, _)| *name == host).map(|(_, at)| *at);
        let mut of_host = Vec::new();
        for line in log.lines().filter(|line| line.contains(&format!(" {VIP}/"))) {
            let at = line[1..].split(']').next().expect("a line begins with its time");
            let at = at.parse::<DateTime>().expect("an ISO 8601 time").to_zoned(TimeZone::UTC).unwrap().timestamp();
            if line.contains("Deleted") {
                of_host.extend(held.take().map(|from| (from, at)));
            } else if let Some(from) = held.replace(at) {
                // It never said that it lost it: it had no power.
                of_host.push((from, cut));
            }
        }
        of_host.extend(held.map(|from| (from, Timestamp::now())));
        spans.push(of_host);
    }
    let overlap = |one: &(Timestamp, Timestamp), two: &(Timestamp, Timestamp)| {
        let (from, to) = (one.0.max(two.0), one.1.min(two.1));
        Duration::try_from(to.duration_since(from)).unwrap_or_default()
    };
    assert!(spans.iter().any(|spans| !spans.is_empty()), "nobody ever held the address");
    spans[0].iter().flat_map(|one| spans[1].iter().map(move |two| overlap(one, two))).max().unwrap_or_default()
}
