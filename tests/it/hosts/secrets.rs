//! Every kind of secret is rotated on live hosts, through Git alone, and whoever has nothing to do with it keeps working.

use std::io::Write as _;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::bed::{BALANCERS, HOSTS, ended, until};
use super::site::{PASSWORD, Report, Site, VIP};

/// What each secret becomes, but for the cookie.
const NEW: &str = "N3w#pass";

/// All of them, one after the other, while a client stays connected; afterwards the cluster is as it was.
pub(super) fn every_secret_is_rotated_through_git(site: &mut Site) {
    site.stop_timers();
    let hunters = hunt(site);
    let client = Client::connect(site);
    let before = [connections(site), started(site, "rabbitmq-server", &HOSTS)];
    password_of_a_user(site);
    password_of_the_page(site);
    password_of_vrrp(site);
    assert_eq!([connections(site), started(site, "rabbitmq-server", &HOSTS)], before, "somebody was disconnected");
    cookie(site);
    client.end(site);
    end_of_hunt(site, hunters);
    site.start_timers();
}

/// Seals a value, publishes it, and lets the agents of all hosts have it.
fn rotate(site: &Site, name: &str, value: &str) {
    site.seal(name, value);
    site.publish(&format!("Another {name}"));
    for host in HOSTS {
        let report = site.sync(host, &[]);
        is_right(host, &report);
        assert!(!report.json.to_string().contains(value), "{host}: the report holds the value of {name}");
    }
}

/// Complains unless a run left its host as Git says.
fn is_right(host: &str, report: &Report) {
    let verdict = report.json["verdict"].as_str().unwrap_or_default();
    assert!(["in-sync", "converged"].contains(&verdict), "{host}: {:#}", report.json);
}

/// Whether a user of RabbitMQ is let in at the management page of the virtual address.
fn lets_in(site: &Site, user: &str, password: &str) -> bool {
    let url = format!("http://{VIP}:15673/api/whoami");
    let login = format!("{user}:{password}");
    let args = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "10", "-u", &login, &url];
    let said = ended(&mut site.bed.exec("client", &args));
    assert!(["200", "401"].contains(&said.out.as_str()), "{}{}", said.out, said.err);
    said.out == "200"
}

fn password_of_a_user(site: &Site) {
    assert!(lets_in(site, "admin", PASSWORD));
    rotate(site, "admin-password", NEW);
    assert!(lets_in(site, "admin", NEW) && !lets_in(site, "admin", PASSWORD));
    // The agent logs in with it too.
    let report = site.sync("rabbit1", &[]);
    is_right("rabbit1", &report);
    assert!(!report.json["unknown"].to_string().contains("management API"), "{:#}", report.json);
    rotate(site, "admin-password", PASSWORD);
    assert!(lets_in(site, "admin", PASSWORD) && !lets_in(site, "admin", NEW));
}

fn password_of_the_page(site: &Site) {
    let page = |host: &str, password: &str| {
        // The new value comes by standard input, and the old one is not looked for.
        let ask = "curl -s -o /dev/null -w '%{http_code}' -m 10 -K - 'http://127.0.0.1:1080/haproxy?stats'";
        let known = format!("echo 'user = \"admin:{PASSWORD}\"' | {ask}");
        let new = format!("sed 's/.*/user = \"admin:&\"/' | {ask}");
        let output = start(site, host, if password == NEW { &new } else { &known }).wait_with_output();
        String::from_utf8_lossy(&output.expect("it ends").stdout).into_owned()
    };
    let before = started(site, "haproxy", &BALANCERS);
    for (old, new) in [(PASSWORD, NEW), (NEW, PASSWORD)] {
        rotate(site, "stats-password", new);
        for host in BALANCERS {
            assert_eq!((page(host, new), page(host, old)), ("200".to_owned(), "401".to_owned()), "{host}");
        }
    }
    assert_eq!(started(site, "haproxy", &BALANCERS), before, "it was reloaded, and not restarted");
}

fn password_of_vrrp(site: &Site) {
    let before = started(site, "keepalived", &BALANCERS);
    for value in [NEW, PASSWORD] {
        site.seal("vrrp-auth", value);
        site.publish("Another password of VRRP");
        // As long as they have different ones they do not hear each other: both get it at once.
        let reports = std::thread::scope(|scope| {
            let runs = BALANCERS.map(|host| scope.spawn(move || site.sync(host, &[])));
            runs.map(|run| run.join().expect("a run ends"))
        });
        for (host, report) in BALANCERS.iter().zip(reports) {
            is_right(host, &report);
            let output = start(site, host, "grep -cF -f - /etc/keepalived/keepalived.conf").wait_with_output();
            let output = output.expect("it ends");
            let expect = if value == NEW { "1\n" } else { "0\n" };
            assert_eq!(String::from_utf8_lossy(&output.stdout), expect, "{host}");
        }
        site.sync("rabbit3", &[]);
        until("one holder of the virtual address", 60, || site.held_by("rabbit1"));
    }
    assert_eq!(started(site, "keepalived", &BALANCERS), before, "it was reloaded, and not restarted");
}

/// The cookie waits for its grant, and is then taken without a restart.
fn cookie(site: &mut Site) {
    let file = "/var/lib/rabbitmq/.erlang.cookie";
    let (spec, first) = (site.spec.clone(), site.bed.must("rabbit1", &format!("cat {file}")));
    let before = started(site, "rabbitmq-server", &HOSTS);
    for value in ["MNBVCXZLKJHGFDSAPOIU", first.as_str()] {
        site.seal("erlang-cookie", value);
        site.publish("Another cookie");
        let report = site.sync("rabbit2", &[]);
        assert!(report.code == 3 && report.json["changes"].to_string().contains("rotate-cookie"), "{:#}", report.json);
        site.spec = format!("{}\n  grants: [rotate-cookie]\n", spec.trim_end());
        site.publish("Let it happen");
        for host in HOSTS {
            is_right(host, &site.sync(host, &[]));
            assert_eq!(site.bed.must(host, &format!("cat {file}")), value);
        }
        until("one cluster with the new cookie", 60, || site.formed());
        site.spec.clone_from(&spec);
        site.publish("It happened");
    }
    for host in HOSTS {
        is_right(host, &site.sync(host, &[]));
    }
    assert_eq!(started(site, "rabbitmq-server", &HOSTS), before);
}

/// When a unit was started on some hosts, and its main process.
fn started(site: &Site, unit: &str, hosts: &[&str]) -> String {
    let ask = format!("systemctl show {unit} --property=MainPID,ActiveEnterTimestamp");
    hosts.iter().map(|host| site.bed.must(host, &ask)).collect()
}

/// The AMQP connections of the application, by the names that they have for as long as they last.
fn connections(site: &Site) -> String {
    let ask = "rabbitmqctl -q --formatter json list_connections user name connected_at";
    let said = site.bed.must("rabbit2", ask);
    let all: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let mut names: Vec<String> = all.iter().filter(|one| one["user"] == "shop").map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names.len(), 1, "{said}");
    names.concat()
}

/// An application that stays connected, and publishes all the while.
struct Client {
    child: Child,
    confirmed: String,
}

/// The queue that its messages go through.
const QUEUE: &str = "shop.rotated";

impl Client {
    fn connect(site: &Site) -> Self {
        let confirmed = site.bed.dir().join("rotated").display().to_string();
        // Not through the virtual address, which may move for a moment while the balancers do not hear each other.
        let uri = Site::uri().replace(VIP, "192.168.1.219");
        let declared = ended(&mut site.bed.amqp(&["declare", &uri, QUEUE, site.queue_type()]));
        assert_eq!(declared.code, 0, "{}{}", declared.out, declared.err);
        let mut command = site.bed.amqp(&["publish", &uri, QUEUE, &confirmed]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/bed/exec starts");
        let client = Self { child, confirmed };
        until("the client is connected", 60, || {
            let lines = std::fs::read_to_string(&client.confirmed).unwrap_or_default().lines().count();
            if lines > 10 { Ok(()) } else { Err(format!("{lines} messages")) }
        });
        client
    }

    /// Lets it end, and looks whether it ever had to connect again, and whether every message is there.
    fn end(mut self, site: &Site) {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(" over 1 connections,"), "{said}");
        println!("  {}", said.lines().last().unwrap_or_default());
        let uri = Site::uri();
        let consumed = ended(&mut site.bed.amqp(&["consume", &uri, QUEUE, &self.confirmed]));
        assert_eq!(consumed.code, 0, "{}{}", consumed.out, consumed.err);
        site.bed.must("rabbit1", &format!("rabbitmqctl -q delete_queue {QUEUE}"));
    }
}

/// Starts a script on a host, with the new value as its standard input: as an argument, a search would find itself.
fn start(site: &Site, host: &str, script: &str) -> Child {
    let mut command = site.bed.exec(host, &["bash", "-c", script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/bed/exec starts");
    child.stdin.take().expect("it was asked for").write_all(format!("{NEW}\n").as_bytes()).unwrap();
    child
}

/// Looks on each host at the arguments and environment of every process, until it is told to stop, for the new value.
fn hunt(site: &Site) -> Vec<(&'static str, Child)> {
    let script = "
        umask 077; cat >/run/hunted; count=0
        while [ ! -e /run/hunt-ends ]; do
            grep -lsaF -f /run/hunted /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>/run/hunt-found
            count=$((count + 1)); sleep 0.05
        done
        rm /run/hunted; echo $count";
    let begin = |host: &'static str| {
        site.bed.must(host, "rm -f /run/hunt-ends /run/hunt-found");
        (host, start(site, host, script))
    };
    HOSTS.map(begin).into()
}

/// Ends the search, and looks for the values in what is left: logs, the journal, the agent's state, temporary files, core dumps.
fn end_of_hunt(site: &Site, hunters: Vec<(&'static str, Child)>) {
    for (host, child) in hunters {
        site.bed.must(host, "touch /run/hunt-ends");
        let output = child.wait_with_output().expect("it ends");
        let count: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
        assert!(count > 50, "{host}: the processes were looked at {count} times only");
        assert_eq!(site.bed.must(host, "sort -u /run/hunt-found"), "", "{host}: a process showed a value");
        let script = r#"
            read -r needle
            journalctl -o export | grep -qaF -e "$needle" && echo journal
            grep -rlaF -e "$needle" /var/log /var/lib/rmqgit /tmp /run /var/lib/systemd /var/lib/rabbitmq/*.json 2>/dev/null
            find /var/lib/systemd/coredump /var/crash /core* -type f 2>/dev/null; true"#;
        let left = start(site, host, script).wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{host}: a value was left");
        let dirs = "find /var/lib/rmqgit -maxdepth 0 -printf '%m %u'";
        assert_eq!(site.bed.must(host, dirs), "700 root", "{host}");
    }
}
