//! Tables: base, desired, live -> what the plan says.

use std::fmt::Write as _;

use super::*;
use crate::live::{FileState, Kind, Place, Probe, UnitState};
use crate::name::SecretRef;
use crate::release::{Check, OnChange, Owner, Part};

const PATH: &str = "/etc/f";

fn path(text: &str) -> HostPath {
    HostPath::parse(text).expect("the tests name valid paths")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("a time")
}

/// A file as the tables write it: `text mode user`, with `+` for a newline.
fn fields(text: &str) -> (String, u32, u32) {
    let mut fields = text.split(' ');
    let body = fields.next().expect("the text").replace('+', "\n");
    let mode = u32::from_str_radix(fields.next().unwrap_or("644"), 8).expect("an octal mode");
    (body, mode, fields.next().unwrap_or("0").parse().expect("a user"))
}

fn owner(user: u32) -> Owner {
    Owner { user: format!("u{user}"), group: format!("u{user}") }
}

fn wanted(text: &str) -> Wanted {
    let (body, mode, user) = fields(text);
    Wanted {
        content: Ok(Joined::plain(&body)),
        mode,
        owner: owner(user),
        check: None,
        on_change: OnChange::Nothing,
        part: Part::Whole,
    }
}

fn desired(text: &str) -> Desired {
    let mut files = BTreeMap::from([(path("/etc/other"), wanted("other"))]);
    if text != "-" {
        files.insert(path(PATH), wanted(text));
    }
    Desired { files, ..Desired::default() }
}

fn base_file(text: &str) -> BaseFile {
    let wanted = wanted(text);
    BaseFile::of(&wanted, wanted.content.as_ref().expect("the tables have no secrets"))
}

fn base(text: &str) -> Base {
    let mut base = Base { files: [(path("/etc/other"), base_file("other"))].into(), ..Base::default() };
    if text != "-" {
        base.files.insert(path(PATH), base_file(text));
    }
    base
}

fn live(text: &str) -> Probe<FileState> {
    let kind = match text {
        "-" => return Probe::Absent,
        "?" => return Probe::Failed("Input/output error".to_owned()),
        "link" => Kind::Symlink("/x".to_owned()),
        "dir" => Kind::Directory,
        "socket" => Kind::Other,
        text => Kind::Regular(Bytes::new(fields(text).0.into_bytes())),
    };
    let (_, mode, user) = if matches!(kind, Kind::Regular(_)) { fields(text) } else { (String::new(), 0o777, 0) };
    Probe::Seen(FileState {
        kind,
        mode,
        account: Account { user, group: user },
        owner: owner(user),
        modified: at(50),
        stamp: Stamp { device: 1, inode: 2, size: 3, changed: 4 },
    })
}

fn observed(text: &str) -> Observed {
    Observed {
        at: at(100),
        place: Place::Machine,
        files: [(path("/etc/other"), live("other")), (path(PATH), live(text))].into(),
        leftovers: BTreeSet::new(),
        accounts: (0..3)
            .map(|user| (owner(user), Probe::Seen(Account { user, group: user })))
            .chain([(owner(9), Probe::Absent)])
            .collect(),
        user: 0,
        units: BTreeMap::new(),
        versions: BTreeMap::new(),
        cluster: None,
        addresses: BTreeMap::new(),
    }
}

fn words(plan: &Plan) -> String {
    let mut out = Vec::new();
    for change in &plan.changes {
        let mut text = format!("{:?} {:?}", change.action, change.cause);
        if let Some(held) = &change.held {
            let _ = write!(text, " held {:?}", held.code);
        }
        out.push(text);
    }
    out.extend(plan.findings.iter().map(|finding| format!("{:?}", finding.code)));
    out.extend(plan.unknown.iter().map(|unknown| format!("unknown: {}", unknown.why)));
    if out.is_empty() { "nothing".to_owned() } else { out.join("; ") }
}

#[test]
fn three_ways() {
    for (was, asks, is, expect) in [
        // base, desired, live
        ("a", "a", "a", "nothing"),
        ("-", "a", "a", "nothing"),
        ("b", "a", "a", "nothing"),
        ("-", "a", "-", "Create Release"),
        ("a", "a", "-", "Create Drift"),
        ("b", "a", "-", "Create Both"),
        ("-", "a", "b", "Replace Release"),
        ("a", "a", "b", "Replace Drift"),
        ("b", "a", "b", "Replace Release"),
        ("b", "a", "c", "Replace Both"),
        ("a 644", "a 600", "a 644", "Mode Release"),
        ("a 600", "a 600", "a 644", "Mode Drift"),
        ("a 600", "a 600", "a 4600", "Mode Drift"),
        ("a 600", "a 640", "a 644", "Mode Both"),
        ("a 644 1", "a 644 2", "a 644 1", "Owner Release"),
        ("a 644 2", "a 644 2", "a 644 1", "Owner Drift"),
        ("a 644 0", "a 600 1", "a 644 0", "Replace Release"),
        ("a 644 0", "a 644 1", "b 644 0", "Replace Both"),
        ("b 644 0", "a 600 0", "b 600 0", "Replace Release"),
        ("a", "a", "link", "Replace Drift"),
        ("-", "a", "link", "Replace Release"),
        ("a", "a", "dir", "Replace Drift held NotAFile"),
        ("a", "a", "socket", "Replace Drift held NotAFile"),
        ("a", "a", "?", "unknown: Input/output error"),
        ("a", "-", "a", "Remove Release"),
        ("a", "-", "b", "Remove Both held LeftBehind"),
        ("a", "-", "a 600", "Remove Both held LeftBehind"),
        ("a", "-", "dir", "Remove Both held LeftBehind"),
        ("a", "-", "-", "nothing"),
        ("a", "-", "?", "unknown: Input/output error"),
        ("-", "-", "b", "nothing"),
        // No such user on the machine.
        ("a", "a 644 9", "a", "Owner Release held NoAccount"),
        ("-", "a 644 9", "-", "Create Release held NoAccount"),
    ] {
        let plan = plan(&base(was), &desired(asks), &observed(is));
        assert_eq!(words(&plan), expect, "base {was}, desired {asks}, live {is}");
    }
}

#[test]
fn what_a_killed_run_had_begun_is_no_drift() {
    for (was, intent, asks, is, expect) in [
        // base, intent, desired, live
        ("a", "b", "b", "a", "Replace Release"),
        ("a", "b", "b", "b", "nothing"),
        ("a", "b", "c", "b", "Replace Release"),
        ("a", "b", "a", "b", "Replace Release"),
        ("a", "b", "b", "x", "Replace Both"),
        ("-", "b", "c", "b", "Replace Release"),
        ("-", "b", "c", "-", "Create Release"),
        ("a 644 0", "a 600 1", "a 600 1", "a 644 1", "Mode Release"),
        ("a", "-", "-", "-", "nothing"),
        ("a", "-", "-", "a", "Remove Release"),
        ("a", "-", "a", "-", "Create Release"),
    ] {
        let mut base = base(was);
        let becomes = (intent != "-").then(|| base_file(intent));
        base.intent = Some(Intent { at: at(10), files: [(path(PATH), becomes)].into(), joins: false });
        let plan = plan(&base, &desired(asks), &observed(is));
        assert_eq!(words(&plan), expect, "base {was}, intent {intent}, desired {asks}, live {is}");
    }
}

#[test]
fn a_run_that_is_not_root_cannot_tell_owners() {
    let mut observed = observed("a 644 1");
    observed.user = 1;
    observed.place = Place::Sandbox;
    let plan = plan(&base("a 644 0"), &desired("a 644 0"), &observed);
    assert_eq!(words(&plan), "unknown: owner u1:u1 instead of u0:u0; this run is not root");
    assert_eq!(plan.unknown.iter().filter(|unknown| unknown.blocks).count(), 0);
}

#[test]
fn a_release_that_is_empty_or_lost_most_files_is_refused() {
    let many = |n: usize| Base {
        files: (0..n).map(|i| (path(&format!("/etc/{i}")), base_file("a"))).collect(),
        ..Base::default()
    };
    let have = |n: usize, grants: &[&str]| Desired {
        files: (0..n).map(|i| (path(&format!("/etc/{i}")), wanted("a"))).collect(),
        grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        ..Desired::default()
    };
    for (was, asks, grants, expect) in [
        (0, 0, &[][..], Some(FindingCode::EmptyRelease)),
        (4, 0, &[GRANT_SHRINK], Some(FindingCode::EmptyRelease)),
        (4, 1, &[], Some(FindingCode::ShrunkenRelease)),
        (4, 2, &[], None),
        (4, 1, &[GRANT_SHRINK], None),
        (0, 3, &[], None),
    ] {
        let refused = refused(&many(was), &have(asks, grants)).map(|finding| finding.code);
        assert_eq!(refused, expect, "{was} files, now {asks}, grants {grants:?}");
    }
}

fn unit(name: &str) -> UnitName {
    UnitName::parse(name).expect("a unit")
}

/// A release with one file of each action, and a host without any.
fn actions() -> (Desired, Observed) {
    let mut files = BTreeMap::new();
    let mut add = |name: &str, check: Option<Check>, on_change: OnChange| {
        files.insert(path(name), Wanted { check, on_change, ..wanted("a") });
    };
    add("/etc/haproxy/haproxy.cfg", Some(Check::Haproxy), OnChange::Reload(unit("haproxy.service")));
    add("/etc/keepalived/keepalived.conf", Some(Check::Keepalived), OnChange::Reload(unit("keepalived.service")));
    add("/etc/rabbitmq/enabled_plugins", None, OnChange::Plugins);
    add("/etc/rabbitmq/rabbitmq.conf", None, OnChange::Restart(unit("rabbitmq-server.service")));
    add("/etc/sysctl.d/60.conf", None, OnChange::Sysctl);
    add("/etc/systemd/system/x.d/l.conf", None, OnChange::DaemonReload(unit("rabbitmq-server.service")));
    add("/usr/libexec/check", Some(Check::Bash), OnChange::Nothing);
    let mut observed = observed("-");
    observed.files = files.keys().map(|path| (path.clone(), Probe::Absent)).collect();
    (Desired { files, ..Desired::default() }, observed)
}

fn shown(plan: &Plan) -> String {
    let mut out = String::new();
    for Planned { step, skip } in &plan.steps {
        let text = serde_json::to_string(step).expect("a step is JSON");
        let _ = writeln!(out, "{text}{}", skip.as_deref().map(|why| format!(" skipped: {why}")).unwrap_or_default());
    }
    for waiting in &plan.waiting {
        let _ = writeln!(out, "waiting {} since {} for {:?}", waiting.unit, waiting.since, waiting.files);
    }
    for unknown in &plan.unknown {
        let _ = writeln!(out, "unknown {}: {}", unknown.subject, unknown.why);
    }
    out
}

#[test]
fn steps_are_in_order() {
    let (desired, mut observed) = actions();
    let seen = |active, since| Probe::Seen(UnitState { active, since: Some(at(since)), ..UnitState::default() });
    insta::assert_snapshot!("steps_before_units_are_known", shown(&plan(&Base::default(), &desired, &observed)));
    observed.units.insert(unit("haproxy.service"), seen(true, 5));
    observed.units.insert(unit("keepalived.service"), seen(false, 5));
    observed.units.insert(unit("rabbitmq-server.service"), seen(true, 5));
    insta::assert_snapshot!("steps_on_a_machine", shown(&plan(&Base::default(), &desired, &observed)));
    for state in observed.units.values_mut() {
        *state = Probe::Failed("systemd does not run here".to_owned());
    }
    insta::assert_snapshot!("steps_without_systemd", shown(&plan(&Base::default(), &desired, &observed)));
    observed.place = Place::Sandbox;
    observed.units.clear();
    insta::assert_snapshot!("steps_in_a_sandbox", shown(&plan(&Base::default(), &desired, &observed)));
}

#[test]
fn a_file_that_went_is_told_to_whom_it_concerns() {
    let mut base = base("-");
    for (name, on_change) in [
        ("/etc/systemd/system/x.d/l.conf", OnChange::DaemonReload(unit("x.service"))),
        ("/etc/haproxy/haproxy.cfg", OnChange::Reload(unit("haproxy.service"))),
    ] {
        base.files.insert(path(name), BaseFile { on_change, ..base_file("a") });
    }
    let mut desired = desired("-");
    desired.grants = vec![GRANT_SHRINK.to_owned()];
    let mut observed = observed("-");
    observed.files.extend(base.files.keys().map(|path| (path.clone(), live("a"))));
    observed.files.insert(path("/etc/other"), live("other"));
    let plan = plan(&base, &desired, &observed);
    let findings: Vec<_> = plan.findings.iter().map(|finding| format!("{}\n", finding.message)).collect();
    insta::assert_snapshot!("steps_after_a_removal", shown(&plan) + &findings.concat());
}

#[test]
fn a_run_that_was_killed_before_it_told_a_daemon_owes_it() {
    let mut base = base("a");
    let becomes = BaseFile { on_change: OnChange::Reload(unit("haproxy.service")), ..base_file("b") };
    base.intent = Some(Intent { at: at(10), files: [(path(PATH), Some(becomes))].into(), joins: false });
    let mut desired = desired("b");
    desired.files.get_mut(&path(PATH)).expect("the file").on_change = OnChange::Reload(unit("haproxy.service"));
    let steps = |desired: &Desired, live: &str| shown(&plan(&base, desired, &observed(live)));
    let reload = "{\"step\":\"reload\",\"unit\":\"haproxy.service\",\"files\":[\"/etc/f\"]}\n";
    assert_eq!(steps(&desired, "b"), reload);
    assert_eq!(steps(&desired, "a"), format!("{{\"step\":\"write\",\"path\":\"/etc/f\"}}\n{reload}"));
    // Nothing was begun: nothing is owed to a file that is as it was.
    assert_eq!(steps(&self::desired("a"), "a"), "");
}

#[test]
fn what_is_owed_stays_until_it_is_done() {
    let (desired, mut observed) = actions();
    let everything = plan(&Base::default(), &desired, &observed);
    let is_told = |step: &Step| !matches!(step, Step::Restart { .. });
    let owed = |written: bool, done: bool| {
        let owed = owed_after(&everything, &Base::default(), &observed, |_| written, |step| done && is_told(step));
        owed.iter().map(|owed| format!("{:?}", owed.action)).collect::<Vec<_>>()
    };
    assert_eq!(owed(false, false), [""; 0]);
    let restart = "Restart(UnitName(\"rabbitmq-server.service\"))";
    assert_eq!(owed(true, true), [restart]);
    let reloads = ["haproxy", "keepalived"].map(|name| format!("Reload(UnitName(\"{name}.service\"))"));
    let daemon = "DaemonReload(UnitName(\"rabbitmq-server.service\"))".to_owned();
    assert_eq!(owed(true, false), [&reloads[..], &["Sysctl".to_owned(), daemon]].concat());

    // The next run finds the files as they should be, and the broker still as it was.
    let base =
        Base { owed: owed_after(&everything, &Base::default(), &observed, |_| true, is_told), ..Base::default() };
    for (path, wanted) in &desired.files {
        let Probe::Seen(mut state) = live("a") else { panic!("a file") };
        state.mode = wanted.mode;
        observed.files.insert(path.clone(), Probe::Seen(state));
    }
    let broker = unit("rabbitmq-server.service");
    let waiting = |observed: &Observed| plan(&base, &desired, observed).waiting.len();
    assert_eq!(waiting(&observed), 1);
    observed
        .units
        .insert(broker.clone(), Probe::Seen(UnitState { active: true, since: Some(at(99)), ..UnitState::default() }));
    assert_eq!(waiting(&observed), 1);
    observed
        .units
        .insert(broker.clone(), Probe::Seen(UnitState { active: true, since: Some(at(101)), ..UnitState::default() }));
    assert_eq!(waiting(&observed), 0);
    observed.units.insert(broker, Probe::Seen(UnitState::default()));
    assert_eq!(waiting(&observed), 0);
}

#[test]
fn drift_that_a_broker_never_read_needs_no_restart() {
    let broker = unit("rabbitmq-server.service");
    let mut desired = desired("a");
    desired.role.services.push(broker.clone());
    desired.files.get_mut(&path(PATH)).expect("the file").on_change = OnChange::Restart(broker.clone());
    let host = |file: Probe<FileState>, since: i64| {
        let mut observed = observed("-");
        observed.files.insert(path(PATH), file);
        let state = UnitState { active: true, enabled: Some(true), since: Some(at(since)), ..UnitState::default() };
        observed.units.insert(broker.clone(), Probe::Seen(state));
        observed
    };
    let written = |content: &str, modified: i64| {
        let Probe::Seen(state) = live(content) else { panic!("a file") };
        Probe::Seen(FileState { modified: at(modified), ..state })
    };
    let seen = Base::default().settled(&desired, &host(written("a", 10), 20));
    let waits = |base: &Base, file: Probe<FileState>, since: i64| {
        let plan = plan(base, &desired, &host(file, since));
        assert_eq!(plan.changes.len(), 1);
        plan.waiting.len()
    };
    // Edited, deleted, or edited with a forged time: it still runs with what it read when it started.
    for file in [written("x", 30), Probe::Absent, written("x", 5)] {
        assert_eq!(waits(&seen, file, 20), 0);
    }
    // Started again since: it may have read what was there then, even if the file looks older or newer.
    for file in [written("x", 30), Probe::Absent, written("x", 50), written("x", 5)] {
        assert_eq!(waits(&seen, file, 40), 1);
    }
    // Never seen with the right file: nobody knows what it read.
    assert_eq!(waits(&Base::default(), written("x", 30), 20), 1);
    // Repaired and not started again: what was recorded still holds. Started with the repaired file: that one does.
    let repaired = seen.settled(&desired, &host(written("a", 30), 20));
    assert_eq!(waits(&repaired, written("x", 35), 20), 0);
    let restarted = repaired.settled(&desired, &host(written("a", 30), 40));
    assert_eq!(waits(&restarted, written("x", 50), 40), 0);
    // Started between the edit and the repair: the repaired file was not read.
    let unread = seen.settled(&desired, &host(written("a", 50), 40));
    assert_eq!(waits(&unread, written("x", 60), 40), 1);
}

/// Joins a template in which `<name>` is a secret with the value `canary-name`.
fn joined(template: &str) -> Joined {
    let (mut bytes, mut secrets) = (Vec::new(), Vec::new());
    for part in template.split_inclusive('>') {
        let (head, name) = part.split_once('<').unwrap_or((part, ""));
        bytes.extend_from_slice(head.as_bytes());
        if !name.is_empty() {
            let name = SecretRef::parse(name.trim_end_matches('>')).expect("a secret's name");
            let value = format!("canary-{name}").into_bytes();
            let range = bytes.len()..bytes.len() + value.len();
            bytes.extend_from_slice(&value);
            secrets.push(JoinedSecret { name, range, value: Bytes::new(value) });
        }
    }
    Joined { bytes: Bytes::new(bytes), secrets }
}

#[test]
fn diffs_show_no_secret() {
    let show = |live: &str, new: &str| {
        let diff = diff::unified(live.as_bytes(), &joined(new), &[]).unwrap_or_else(|| "(no diff)".to_owned());
        assert!(!diff.contains("canary"), "{diff}");
        format!("== {new:?}\n{diff}\n")
    };
    let ours = "a\nauth admin:<x> rest\nb\n";
    let out = [
        show("a\nauth admin:canary-x rest\nc\n", ours),
        show("a\nauth admin:canary-foreign\nb\n", ours),
        show("a\nauth root:canary-foreign\nb\n", ours),
        show("a\ncanary-foreign\nb\n", ours),
        show("a\nx canary-x y\nauth admin:canary-x rest\nb\n", ours),
        show("a\n  Password = canary-foreign\nb\n", "a\nb\n"),
        show("a\nb", "a\nb\n"),
        show("a\r\nb\u{1b}[31m\n", "a\nb\n"),
        show("canary-other", "<x>"),
        show("canary-other\n", "<x>\n"),
        show("k1\ncanary-other\n", "k1\n<x>\n"),
        show("binary\0", "a\n"),
    ];
    insta::assert_snapshot!(out.concat());
}

#[test]
fn program_output_shows_no_secret() {
    let file = joined("stats auth admin:<x>\n");
    let check = |said: &str, expect: &str| {
        assert_eq!(diff::mask(said, &file.secrets, file.bytes.as_slice()), expect);
    };
    check("[ALERT] unknown word 'canary-x' here", "[ALERT] unknown word '%{secret:x}' here");
    check("nothing to hide", "nothing to hide");
}
