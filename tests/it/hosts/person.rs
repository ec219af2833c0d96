//! What a person does on a host: installs its agent, pauses it, lets a broker restart.

use serde_json::json;

use super::bed::{HOSTS, until};
use super::site::Site;

/// What a broker is told that it only reads when it starts.
const BEFORE: &str = "vm_memory_high_watermark.relative: 0.4";
const AFTER: &str = "vm_memory_high_watermark.relative: 0.5";

/// The agent is installed once, by a timer or by cron, and a person who pauses a host is left alone.
pub(super) fn the_agent_heeds_a_person(site: &mut Site) {
    starters(site);
    site.stop_timers();
    pause(site);
    site.start_timers();
}

fn starters(site: &Site) {
    let host = HOSTS[2];
    let said = site.bed.must(host, "rmqgit agent install --interval 1m");
    assert!(said.starts_with("nothing to do\norders/rabbit3 converges, every minute by a systemd timer: "), "{said}");
    let units = "/etc/systemd/system/rmqgit-sync.service /etc/systemd/system/rmqgit-sync.timer";
    let said = site.bed.sh(host, &format!("systemd-analyze verify {units}"));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let said =
        site.bed.sh(host, "install -m 755 -o nobody /usr/bin/rmqgit /tmp/x && rmqgit agent install --program /tmp/x");
    assert!(said.code == 3 && said.err.contains("must not be started as root"), "{}", said.err);

    site.bed.must(host, "rmqgit agent install --interval 1m --cron");
    let timer = "systemctl is-active rmqgit-sync.timer; systemctl is-enabled rmqgit-sync.timer 2>/dev/null; true";
    assert_eq!(site.bed.must(host, timer).lines().next(), Some("inactive"));
    let ran = || site.bed.sh(host, "rmqgit status --format json | grep -m 1 '^  \"at\"'").out;
    let before = ran();
    until("a run by cron", 180, || if ran() == before { Err(before.clone()) } else { Ok(()) });
    // Between the timer's end and the timer's begin cron alone has run it.
    site.bed.must(host, "rmqgit agent install --interval 1m && ! test -e /etc/cron.d/rmqgit");
    assert_eq!(site.bed.must(host, timer), "active\nenabled\n");
}

fn pause(site: &Site) {
    let host = HOSTS[0];
    let drifted = "/etc/haproxy/haproxy.cfg";
    let spoil = format!("ls {drifted} && echo '# by hand' >> {drifted}");
    site.bed.must(host, "SUDO_USER=alice rmqgit pause --for 1h --reason 'looking at HAProxy'");
    site.bed.must(host, &spoil);
    let report = site.sync(host, &[]);
    assert_eq!((report.code, &report.json["verdict"]), (1, &json!("drifted")), "{:#}", report.json);
    assert_eq!(report.json["paused"]["by"]["name"], json!("alice"));
    // The service that the timer starts heeds it too, and drift is no failed unit.
    site.bed.must(host, &format!("systemctl start rmqgit-sync.service && grep -q 'by hand' {drifted}"));
    let text = site.bed.sh(host, "rmqgit status").out;
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("paused    by alice")), "{text}");
    site.bed.must(host, "rmqgit resume");
    let report = site.sync(host, &[]);
    assert_eq!(report.json["verdict"], "converged", "{:#}", report.json);
    site.bed.must(host, &format!("! grep -q 'by hand' {drifted}"));
}

/// A change that needs a restart waits for a person, and the person's run restarts one broker at a time.
pub(super) fn a_broker_restarts_when_a_person_says_so(site: &mut Site) {
    site.stop_timers();
    let spec = site.spec.clone();
    assert_eq!(spec.matches(BEFORE).count(), 1);
    site.spec = spec.replace(BEFORE, AFTER);
    let without_windows = site.spec.clone();
    // A window that opens in twelve hours.
    let hour: u32 = site.bed.must(HOSTS[0], "date -u -d '12 hours' +%H").trim().parse().unwrap();
    let window = format!("  maintenance: {{windows: [{{from: \"{hour:02}:00\", to: \"{hour:02}:01\"}}]}}\n");
    site.spec += &window;
    site.publish("More memory");
    let broker = |host: &str| site.bed.must(host, "systemctl show rabbitmq-server --property=MainPID,NRestarts");
    let before = HOSTS.map(broker);
    for host in HOSTS {
        let report = site.sync(host, &[]);
        assert_eq!((report.code, &report.json["verdict"]), (1, &json!("converged")), "{host}: {:#}", report.json);
        let shut = &report.json["waiting"][0]["shut"];
        assert_eq!(shut[0]["code"], json!("window"), "{host}: {:#}", report.json);
    }
    let refused = |host: &str, args: &[&str], codes: &[&str]| {
        let report = site.sync(host, args);
        let shut = report.json["waiting"][0]["shut"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> = shut.iter().map(|one| one["code"].clone()).collect();
        assert_eq!(
            (report.code, found),
            (3, codes.iter().map(|code| json!(code)).collect()),
            "{host}: {:#}",
            report.json
        );
    };
    refused("rabbit1", &["--now"], &["window"]);
    site.bed.must("rabbit3", "rabbitmqctl -q stop_app");
    until("rabbit1 sees that rabbit3 stopped", 60, || {
        let said = site.bed.eval("rabbit1", "length(rabbit_nodes:all_running()).");
        if said.out.trim() == "2" { Ok(()) } else { Err(said.out + &said.err) }
    });
    // Since 4.3 what a cluster knows of itself is replicated too, and two members of three are the least it needs.
    let all = ["paused", "window", "member-down", "critical"];
    let codes = if site.bed.suite.name == "sid" { &all[..] } else { &all[..3] };
    refused("rabbit1", &["--now", "--outside-window"], &codes[2..]);
    refused("rabbit1", &["--now"], &codes[1..]);
    site.bed.must("rabbit1", "rmqgit pause --for 1h --reason 'not now'");
    refused("rabbit1", &["--now"], codes);
    site.bed.must("rabbit1", "rmqgit resume");
    assert_eq!(HOSTS.map(broker), before, "no broker was restarted");

    site.bed.must("rabbit3", "rabbitmqctl -q start_app");
    for host in HOSTS {
        until("one cluster of three", 120, || site.formed());
        let report = site.sync(host, &["--now", "--outside-window"]);
        assert!(report.is_fine() && report.json["waiting"].is_null(), "{host}: {:#}", report.json);
        let level = site.bed.eval(host, "vm_memory_monitor:get_vm_memory_high_watermark().");
        assert_eq!(level.out.trim(), "0.5", "{host}: {}", level.err);
    }
    for (host, before) in HOSTS.into_iter().zip(before) {
        assert_ne!(broker(host), before, "{host}");
    }
    until("one cluster of three", 120, || site.formed());
    site.spec = without_windows;
    site.publish("No windows");
    for host in HOSTS {
        assert!(site.sync(host, &[]).is_fine());
    }
    site.start_timers();
}
