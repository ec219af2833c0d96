//! What may be wrong with `alerts`, and that all of it is found.

use super::super::{AlertsFile, check};

/// Returns what is wrong with settings, each as `path: message`.
fn mistakes(settings: &str) -> Vec<String> {
    let file: AlertsFile = serde_json::from_str(settings).expect("the form is right");
    let knows = |zone: &str| ["UTC", "Europe/Berlin"].contains(&zone);
    check(&file, &knows).into_iter().map(|one| format!("{}: {}", one.path.join("."), one.message)).collect()
}

fn target(settings: &str) -> Vec<String> {
    let found = mistakes(&format!("{{\"targets\": {{\"t\": {settings}}}}}"));
    found.into_iter().map(|line| line.strip_prefix("targets.t").expect("it is of the target").to_owned()).collect()
}

#[test]
fn what_is_sound_is_taken() {
    for sound in [
        "{}",
        r#"{"remind-after": 0, "deadline": 120, "proxy": "http://u:p@proxy:3128", "ca-file": "/etc/ca.pem"}"#,
        r#"{"remind-after": "1h", "runbook": "https://w/{kind}?h={host}#{cluster}", "release-link": "https://g/{spec}/{commit}"}"#,
        r#"{"targets": {"ops-1.a": {"webhook": {"url-file": "/f"}}, "böse": {"slack": {"token-file": "/f", "channel": "C1"}}}}"#,
        r#"{"targets": {"a": {"alertmanager": {"server": "http://am:9093/prefix", "labels": {"team": "x"}}}}}"#,
        r#"{"targets": {"a": {"telegram": {"token-file": "/f", "chat": "-100123"}, "kinds": ["drift"]}}}"#,
        r#"{"targets": {"a": {"matrix": {"server": "http://127.0.0.1:8008", "token-file": "/f", "room": "!a:b"}}}}"#,
        r#"{"targets": {"a": {"email": {"server": "mail", "from": "R <r@b.org>", "to": ["a@b.org"], "port": 25}}}}"#,
        r#"{"targets": {"a": {"webhook": {"url-file": "/f", "template": "{{ title }}", "content-type": "text/plain; charset=utf-8"}}}}"#,
        r#"{"targets": {"a": {"teams": {"url-file": "/f"},
            "quiet": {"windows": [{"from": "20:00", "to": "07:00"}, {"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}]}}}}"#,
    ] {
        assert_eq!(mistakes(sound), [""; 0], "{sound}");
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let all = r#"{"remind-after": "1s", "deadline": 0, "proxy": "socks5://127.0.0.1:1080", "ca-file": "ca.pem",
        "runbook": "wiki page {knd}", "release-link": "git/{commit}",
        "targets": {"": {"webhook": {"url-file": "/f"}}, "a b\n": {"webhook": {"url-file": "/f"}}, "a": {},
            "b": {"slack": {"channel": "x"}}, "c": {"teams": {"url-file": "/f"}, "wecom": {"url-file": "/f"}}}}"#;
    let expect = [
        "remind-after: a reminder of every open incident in less than an hour is too much",
        "deadline: the deadline is not one of 1 to 120 seconds",
        "proxy: the proxy is not an address of http or https",
        "ca-file: `ca-file` is not the path of a file",
        "runbook: `runbook` holds a placeholder that is none",
        "release-link: `release-link` is not a link",
        "targets.: the name of this target is none",
        "targets.a: the target names no service",
        "targets.a b\n: the name of this target is none",
        "targets.b.slack: this is neither a webhook nor a bot",
        "targets.c: the target names 2 services: teams, wecom",
    ];
    assert_eq!(mistakes(all), expect);
    assert_eq!(mistakes(r#"{"deadline": 999999999}"#).len(), 1);
    assert_eq!(mistakes(r#"{"runbook": "wiki page"}"#), ["runbook: `runbook` is not a link"]);
}

#[test]
fn quiet_times_are_those_of_a_clock() {
    let quiet = |settings: &str| target(&format!(r#"{{"teams": {{"url-file": "/f"}}, "quiet": {settings}}}"#));
    let window = |window: &str| quiet(&format!(r#"{{"windows": [{window}]}}"#));
    let zone = r#"{"timezone": "Mars/Base", "windows": []}"#;
    assert_eq!(
        quiet(zone),
        [".quiet.timezone: this host knows no time zone `Mars/Base`", ".quiet.windows: the quiet has no window"]
    );
    assert_eq!(
        window(r#"{"days": [], "from": "8pm", "to": "25:00"}"#),
        [
            ".quiet.windows.0.days: the window is on no day",
            ".quiet.windows.0.from: `8pm` is not a time of the day",
            ".quiet.windows.0.to: `25:00` is not a time of the day",
        ]
    );
    assert_eq!(
        window(r#"{"from": "24:00", "to": "7:00"}"#),
        [
            ".quiet.windows.0.from: `24:00` is not a time of the day",
            ".quiet.windows.0.to: `7:00` is not a time of the day"
        ]
    );
    assert_eq!(window(r#"{"from": "08:00", "to": "08:00"}"#), [".quiet.windows.0.to: the window ends when it begins"]);
    let never_ends = [".quiet: the quiet never ends: nothing but what is critical would ever be told"];
    assert_eq!(window(r#"{"from": "00:00", "to": "24:00"}"#), never_ends);
    assert_eq!(window(r#"{"from": "22:00", "to": "12:00"}, {"from": "11:00", "to": "22:00"}"#), never_ends);
    assert_eq!(window(r#"{"from": "22:00", "to": "12:00"}, {"from": "12:01", "to": "22:00"}"#), [""; 0]);
    let but_sunday = r#"{"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "from": "00:00", "to": "24:00"}"#;
    assert_eq!(window(but_sunday), [""; 0]);
}

#[test]
fn a_server_is_an_address_without_secrets() {
    let alertmanager = |server: &str| target(&format!(r#"{{"alertmanager": {{"server": "{server}"}}}}"#));
    assert_eq!(alertmanager("am:9093"), [".alertmanager.server: `server` is not an address of https or http"]);
    assert_eq!(alertmanager("http://user:pw@am:9093"), [".alertmanager.server: `server` holds a user or a password"]);
    assert_eq!(alertmanager("http://am:9093/x?y#z"), [".alertmanager.server: `server` holds a query or a fragment"]);
    let plain = ": a secret would go to `server` in plain text";
    let token = r#"{"alertmanager": {"server": "http://am:9093", "token-file": "/f"}}"#;
    assert_eq!(target(token), [format!(".alertmanager.server{plain}")]);
    let matrix = |server: &str| {
        target(&format!(r#"{{"matrix": {{"server": "{server}", "token-file": "/f", "room": "!a:b"}}}}"#))
    };
    assert_eq!(matrix("matrix.example.org"), [".matrix.server: `server` is not an address of https or http"]);
    assert_eq!(matrix("http://matrix.example.org"), [format!(".matrix.server{plain}")]);
    assert_eq!(
        target(r#"{"mattermost": {"server": "https://m/?x", "token-file": "/f", "channel": ""}}"#),
        [".mattermost.server: `server` holds a query or a fragment", ".mattermost.channel: the channel has no name"]
    );
    assert_eq!(
        target(r#"{"mattermost": {"token-file": "f", "channel": "c"}}"#),
        [".mattermost.token-file: `token-file` is not the path of a file", ".mattermost: a bot needs `server`"]
    );
}

#[test]
fn a_secret_that_stands_where_a_file_belongs_is_not_repeated() {
    for settings in [
        r#"{"webhook": {"url-file": "https://hooks.example.org/canary"}}"#,
        r#"{"slack": {"url-file": "https://hooks.example.org/canary", "token-file": "canary", "channel": "c"}}"#,
        r#"{"telegram": {"token-file": "canary", "chat": "1", "server": "https://canary:x@t/"}}"#,
        r#"{"alertmanager": {"server": "http://x:canary@am"}}"#,
        r#"{"email": {"server": "x:canary@m", "from": "canary", "to": ["canary"], "user": "u", "password-file": "canary"}}"#,
    ] {
        let found = target(settings);
        assert!(!found.is_empty() && !found.concat().contains("canary"), "{found:?}");
    }
    assert_eq!(
        target(r#"{"teams": {"url-file": "relative"}}"#),
        [".teams.url-file: `url-file` is not the path of a file"]
    );
}

#[test]
fn each_service_has_settings_of_its_own() {
    assert_eq!(
        target(r#"{"email": {"server": "", "from": "nobody at all", "to": ["x"], "port": 0}}"#),
        [
            ".email.server: the server is not the name of a host",
            ".email.port: there is no port 0",
            ".email.from: this is no address of mail",
            ".email.to.0: this is no address of mail",
        ]
    );
    assert_eq!(
        target(r#"{"email": {"server": "m", "from": "a@b", "to": [], "password-file": "/f", "encryption": "none"}}"#),
        [
            ".email.to: the mail goes to nobody",
            ".email: `user` and `password-file` go together",
            ".email.encryption: a password is not sent without encryption",
        ]
    );
    assert_eq!(
        target(r#"{"alertmanager": {"server": "http://am", "labels": {"severity": "page", "a-b": "x", "__x": "y"}}}"#),
        [
            ".alertmanager.labels.__x: this is not the name of a label",
            ".alertmanager.labels.a-b: this is not the name of a label",
            ".alertmanager.labels.severity: every alert has a label of this name already",
        ]
    );
    assert_eq!(
        target(r##"{"matrix": {"server": "https://m", "token-file": "/f", "room": "#ops:m"}}"##),
        [".matrix.room: the room has no such id"]
    );
    assert_eq!(target(r#"{"telegram": {"token-file": "/f", "chat": "ops"}}"#), [".telegram.chat: the chat is none"]);
    let webhook = |more: &str| target(&format!(r#"{{"webhook": {{"url-file": "/f", {more}}}}}"#));
    assert_eq!(
        webhook(r#""content-type": "text/plain\r\nx: y""#),
        [".webhook.content-type: this is no type of content"]
    );
    assert_eq!(webhook(r#""content-type": "plain""#), [".webhook.content-type: this is no type of content"]);
    let template = webhook(r#""template": "{\"text\": {{ titel|tojson }}}""#);
    assert_eq!(template, [".webhook.template: the template: there is no `titel`"]);
}
