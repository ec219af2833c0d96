//! The machine's own root: the real haproxy, keepalived and bash judge candidates. A private mount namespace puts
//! directories of the test over those of the machine, so that nothing outside the test is written.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use rmqgit::plan::StepResult;
use rmqgit::release::{Check, OnChange};
use rmqgit::report::{Report, Verdict};

use super::site::{Site, path, text, unit, with_secrets};

/// The machine's directories that the tests put their own over.
const OVER: [&str; 4] = ["/etc/haproxy", "/etc/keepalived", "/usr/local/sbin", "/run"];

fn machine() -> Site {
    let site = Site::new();
    for dir in OVER {
        fs::create_dir_all(site.live(dir)).unwrap();
    }
    site
}

/// Runs `rmqgit sync --root /` where [`OVER`] are directories of the site.
fn sync(site: &Site, args: &[&str]) -> (i32, Report) {
    let mut script = String::new();
    for dir in OVER {
        writeln!(script, "mount --bind {} {dir}", site.live(dir).display()).unwrap();
    }
    script += "exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", &script, "sh"]).arg(crate::rmqgit().get_program());
    command.args(["sync", "--cluster", "orders", "--host", "rabbit1", "--format", "json", "--signatures", "ignored"]);
    command.arg("--remote");
    command.arg(site.origin.path()).arg("--secrets").arg(site.live("/etc/rmqgit/secrets"));
    command.arg("--state").arg(site.origin.dir.path().join("agent")).args(args);
    let (code, out, err) = crate::run(&mut command);
    assert_eq!(err, "", "{out}");
    (code, serde_json::from_str(&out).unwrap())
}

fn refusals(report: &Report) -> Vec<String> {
    let words = |outcome: &rmqgit::plan::Outcome| match &outcome.result {
        StepResult::Refused { output } => Some(output.clone()),
        StepResult::Unchecked { why } | StepResult::Failed { why } => Some(format!("not judged: {why}")),
        _ => None,
    };
    report.steps.iter().filter_map(words).collect()
}

const GOOD: &str = "defaults\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\nlisten stats\n  mode http\n  \
                    bind 127.0.0.1:11080\n  stats enable\n  stats auth admin:<stats>\n";

#[test]
fn a_candidate_that_its_program_refuses_never_replaces_the_file() {
    let mut site = machine();
    site.secret("stats", "canary-stats-8461");
    let mut haproxy = with_secrets(GOOD, rmqgit::quote::Syntax::Haproxy);
    haproxy.check = Some(Check::Haproxy);
    let mut keepalived = text("global_defs {\n  router_id r1\n}\n");
    keepalived.check = Some(Check::Keepalived);
    let mut script = text("#!/bin/bash\nexit 0\n");
    (script.mode, script.check) = (0o755, Some(Check::Bash));
    site.files.insert(path("/etc/haproxy/haproxy.cfg"), haproxy.clone());
    site.files.insert(path("/etc/keepalived/keepalived.conf"), keepalived.clone());
    site.files.insert(path("/etc/keepalived/check"), script.clone());
    site.publish();
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.verdict, refusals(&report)), (0, Verdict::Converged, vec![]), "{report:?}");
    let before = site.tree();

    let bad = GOOD.replace("stats enable", "stats enabled").replace("mode http", "mode <stats>");
    haproxy.content = with_secrets(&bad, rmqgit::quote::Syntax::Haproxy).content;
    keepalived.content = text("global_defs {\n  router_id r1\n  no_such_keyword 1\n}\n").content;
    script.content = text("#!/bin/bash\nif true; then\n").content;
    site.files.insert(path("/etc/haproxy/haproxy.cfg"), haproxy);
    site.files.insert(path("/etc/keepalived/keepalived.conf"), keepalived);
    site.files.insert(path("/etc/keepalived/check"), script);
    site.files.insert(path("/etc/keepalived/other"), text("fine\n"));
    site.publish();
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.verdict, report.applied.len()), (3, Verdict::Failed, 1), "{report:?}");
    let said = refusals(&report).join("\n---\n");
    assert!(!said.contains("canary"), "{said}");
    insta::with_settings!({filters => vec![
        (r"\(\d+\)", "(PID)"), (r"version is \S+; path to executable is \S+", "VERSION"), (r"\w{3} \w{3} +\d+ [\d:]+ \d{4}", "TIME"),
        (r"haproxy version is \S+", "VERSION"), (r"Keepalived v\S+ .*", "VERSION"), (r"path to executable is \S+", "EXECUTABLE"),
    ]}, { insta::assert_snapshot!("refusals", said) });
    assert_eq!(
        site.tree(),
        format!("{before}\n/etc/keepalived/other 0644 0:0 \"fine\\n\"")
            .lines()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join("\n")
    );
}

/// A systemctl that answers as told and writes down what it is asked; systemd itself cannot run inside a test.
fn systemctl(site: &Site, answers: &str) {
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> /run/asked\nverb=$1\nshift\nif [ $verb != show ]; then set -- $verb; fi\n\
         for word; do case \"$word\" in\n{answers}\nesac; done\nexit 0\n"
    );
    site.put("/usr/local/sbin/systemctl", &script, 0o755);
    fs::create_dir_all(site.live("/run/systemd/system")).unwrap();
}

fn asked(site: &Site) -> Vec<String> {
    let text = fs::read_to_string(site.live("/run/asked")).unwrap_or_default();
    fs::write(site.live("/run/asked"), "").unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn daemons_are_told_once_and_restarts_wait_for_a_person() {
    let mut site = machine();
    let running = |unit: &str, since: &str| {
        format!(
            "{unit}) printf 'LoadState=loaded\\nActiveState=active\\nActiveEnterTimestampMonotonic={since}\\n\\n';;"
        )
    };
    let both = format!("{}\n{}", running("haproxy.service", "1000"), running("rabbitmq-server.service", "1000"));
    systemctl(&site, &both);
    let mut haproxy = text("one\n");
    haproxy.on_change = OnChange::Reload(unit("haproxy.service"));
    let mut broker = text("one\n");
    broker.on_change = OnChange::Restart(unit("rabbitmq-server.service"));
    let mut limits = text("one\n");
    limits.on_change = OnChange::DaemonReload(unit("rabbitmq-server.service"));
    site.files.insert(path("/etc/haproxy/extra.cfg"), haproxy);
    site.files.insert(path("/etc/haproxy/rabbitmq.conf"), broker);
    site.files.insert(path("/etc/haproxy/limits.conf"), limits);
    site.publish();
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.verdict), (1, Verdict::Converged), "{report:?}");
    assert_eq!(
        report.waiting.iter().map(|w| (w.unit.as_str(), w.files.len())).collect::<Vec<_>>(),
        [("rabbitmq-server.service", 2)]
    );
    let told: Vec<_> = asked(&site).into_iter().filter(|line| !line.starts_with("show")).collect();
    assert_eq!(told, ["daemon-reload", "reload -- haproxy.service"]);

    // It still waits, and nothing is told twice.
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.verdict, report.waiting.len()), (1, Verdict::InSync, 1));
    assert_eq!(asked(&site).iter().filter(|line| !line.starts_with("show")).count(), 0);

    // A reload that fails is a failure: the host goes back to the release before, and does not try this one again.
    systemctl(&site, &format!("{both}\nreload) echo no such luck; exit 1;;"));
    site.edit("/etc/haproxy/extra.cfg", |file| file.content = text("two\n").content);
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.verdict), (3, Verdict::Failed));
    assert_eq!(site.get("/etc/haproxy/extra.cfg"), "one\n");
    systemctl(&site, &both);
    asked(&site);
    let (code, report) = sync(&site, &["--mode", "converge"]);
    assert_eq!((code, report.release.map(|release| release.newest)), (3, Some(false)));
    assert!(report.failures[0].message.contains("no such luck"), "{:?}", report.failures);
    // The old file was written after the daemon was last told anything.
    assert!(asked(&site).contains(&"reload -- haproxy.service".to_owned()));
    sync(&site, &["--mode", "converge"]);
    assert!(!asked(&site).contains(&"reload -- haproxy.service".to_owned()));
    // A person may try it again, and a newer release is tried anyway.
    let (code, _) = sync(&site, &["--mode", "converge", "--retry"]);
    assert_eq!((code, site.get("/etc/haproxy/extra.cfg").as_str()), (1, "two\n"));
    site.edit("/etc/haproxy/extra.cfg", |file| file.content = text("three\n").content);
    assert_eq!(sync(&site, &["--mode", "converge"]).0, 1);

    // The person restarts the broker: nothing waits any more, and systemctl is left alone.
    systemctl(
        &site,
        &format!("{}\n{}", running("haproxy.service", "1000"), running("rabbitmq-server.service", "99000000000000000")),
    );
    let (code, report) = sync(&site, &["--mode", "report"]);
    assert_eq!((code, report.verdict, report.waiting.len()), (0, Verdict::InSync, 0), "{report:?}");
    asked(&site);
    sync(&site, &["--mode", "converge"]);
    assert_eq!(asked(&site), [""; 0]);
}
