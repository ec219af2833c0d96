//! A Matrix homeserver, end to end: what a room shows, what the server makes of a message that comes twice, and its limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::receiver::Relay;
use super::services::{Running, book, free_port, start};
use crate::sync::site::Site;

const SYSCTL: &str = "/etc/sysctl.d/60-rmqgit.conf";
/// Where tests/install puts the homeserver.
const SYNAPSE: &str = "/usr/local/lib/rmqgit-tests/synapse/bin";

/// A homeserver with two users in a room. It knows no other server.
struct Home {
    _dir: tempfile::TempDir,
    _running: Running,
    port: u16,
    bot: String,
    reader: String,
    room: String,
}

fn program(name: &str) -> PathBuf {
    let path = Path::new(SYNAPSE).join(name);
    assert!(path.exists(), "{} is missing: run tests/install", path.display());
    path
}

impl Home {
    /// Starts one that takes so many messages at once from a user, and then one in ten minutes.
    fn new(burst: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let config = json!({
            "server_name": "rmqgit.test",
            "listeners": [{
                "port": port, "tls": false, "type": "http", "bind_addresses": ["127.0.0.1"],
                "resources": [{ "names": ["client"], "compress": false }],
            }],
            "database": { "name": "sqlite3", "args": { "database": at("home.db") } },
            "log_config": at("log.yaml"),
            "media_store_path": at("media"),
            "signing_key_path": at("signing.key"),
            "pid_file": at("pid"),
            "registration_shared_secret": "only for this test",
            "report_stats": false,
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "rc_message": { "per_second": 1.0 / 600.0, "burst_count": burst },
        });
        fs::write(at("home.yaml"), config.to_string()).unwrap();
        fs::write(at("log.yaml"), "version: 1\nroot: {level: ERROR}\n").unwrap();
        let home = ["-m", "synapse.app.homeserver", "--config-path", &at("home.yaml")].map(str::to_owned);
        let (code, _, err) = crate::run(Command::new(program("python")).args(&home).arg("--generate-keys"));
        assert_eq!(code, 0, "{err}");
        let running = start(Command::new(program("python")).args(&home).current_dir(dir.path()), port);
        let mut home =
            Self { _dir: dir, _running: running, port, bot: String::new(), reader: String::new(), room: String::new() };
        (home.bot, home.reader) = (home.user("bot"), home.user("drift"));
        let room = json!({ "preset": "private_chat", "invite": ["@drift:rmqgit.test"] });
        home.room = word(&home.ask("POST", "/createRoom", &home.bot, &room).1, "room_id");
        assert_eq!(home.ask("POST", &format!("/join/{}", home.room), &home.reader, &json!({})).0, 200);
        home
    }

    /// Makes a user, and returns its token.
    fn user(&self, name: &str) -> String {
        let mut command = Command::new(program("register_new_matrix_user"));
        command.args(["-u", name, "-p", "password", "--no-admin", "-k", "only for this test"]);
        let (code, out, err) = crate::run(command.arg(format!("http://127.0.0.1:{}", self.port)).env("NO_PROXY", "*"));
        assert_eq!(code, 0, "{out}{err}");
        let login = json!({
            "type": "m.login.password", "password": "password", "identifier": { "type": "m.id.user", "user": name },
        });
        word(&self.ask("POST", "/login", "", &login).1, "access_token")
    }

    /// Asks the homeserver as a user.
    fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let version = if path.contains("/threads") { "v1" } else { "v3" };
        let url = format!("http://127.0.0.1:{}/_matrix/client/{version}{path}", self.port);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("body");
        fs::write(&file, body.to_string()).unwrap();
        let mut command = Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "-X", method, "-w", "\n%{http_code}"]);
        command.arg("-H").arg(format!("authorization: Bearer {token}"));
        if method != "GET" {
            command.arg("--data-binary").arg(format!("@{}", file.display()));
        }
        let (code, out, err) = crate::run(command.arg(&url));
        assert_eq!(code, 0, "{err}");
        let (body, status) = out.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Returns the messages of the room, the oldest first.
    fn messages(&self) -> Vec<Value> {
        let path = format!("/rooms/{}/messages?dir=f&limit=500", self.room);
        let (status, answer) = self.ask("GET", &path, &self.reader, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["chunk"].as_array().unwrap().iter().filter(|event| event["type"] == "m.room.message").cloned().collect()
    }

    /// A host that tells the room, by a port.
    fn host(&self, port: u16) -> Site {
        let site = Site::full();
        site.converge();
        site.put("/etc/rmqgit/alerts/token", &format!("{}\n", self.bot), 0o600);
        let target = format!(
            "{{server: \"http://127.0.0.1:{port}\", token-file: /etc/rmqgit/alerts/token, room: \"{}\"}}",
            self.room
        );
        let settings = format!(
            "remote: /nowhere\ncluster: orders\nhost: rabbit1\nalerts: {{targets: {{room: {{matrix: {target}}}}}}}\n"
        );
        site.put("/etc/rmqgit/agent.yaml", &settings, 0o644);
        site
    }
}

fn word(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}")).to_owned()
}

/// Forgets that the target rests, and returns until when it would have.
fn rested(site: &Site) -> jiff::Timestamp {
    let mut state: Value = serde_json::from_str(&book(site)).unwrap();
    let until = state["outbox"]["room"]["not_before"].take();
    fs::write(site.live("/var/lib/rmqgit/alerts.json"), state.to_string()).unwrap();
    until.as_str().unwrap_or_else(|| panic!("it does not rest: {state}")).parse().unwrap()
}

#[test]
fn a_room_shows_a_life_in_one_thread_and_nothing_twice() {
    let home = Home::new(40);
    let relay = Relay::new(home.port);
    let site = home.host(relay.port);
    site.put(SYSCTL, "net.ipv4.ip_nonlocal_bind = 0\n# @room @drift:rmqgit.test <b>bold</b>\n", 0o644);

    // The answer to the first message is lost: the room has it, the agent does not know.
    relay.lose_next();
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!(home.messages().len(), 1, "{}", book(&site));
    rested(&site);
    assert_eq!(site.sync(&[]).0, 1);
    assert_eq!((home.messages().len(), relay.carried()), (1, 2), "{}", book(&site));
    assert!(book(&site).contains("\"failures\":0"), "{}", book(&site));

    assert_eq!(site.converge().0, 0);
    let messages = home.messages();
    assert_eq!(messages.len(), 2, "{}", book(&site));
    let (first, last) = (&messages[0], &messages[1]);
    let content = &first["content"];
    assert_eq!((&content["msgtype"], &content["m.mentions"]), (&json!("m.notice"), &json!({})));
    let html = word(content, "formatted_body");
    assert!(html.contains("<details><summary>diff</summary>") && html.contains("&lt;b&gt;bold&lt;/b&gt;"), "{html}");
    assert!(!html.contains("<b>bold"), "{html}");
    assert!(word(content, "body").contains("+net.ipv4.ip_nonlocal_bind = 1"), "{content}");
    let relation = &last["content"]["m.relates_to"];
    assert_eq!((&relation["rel_type"], &relation["event_id"]), (&json!("m.thread"), &first["event_id"]));

    // The server sees one thread, and nobody was called.
    let threads = home.ask("GET", &format!("/rooms/{}/threads", home.room), &home.reader, &Value::Null).1;
    let roots: Vec<&Value> = threads["chunk"].as_array().unwrap().iter().map(|event| &event["event_id"]).collect();
    assert_eq!(roots, [&first["event_id"]]);
    let seen = home.ask("GET", "/sync?timeout=0", &home.reader, &Value::Null).1;
    let unread = &seen["rooms"]["join"][&home.room]["unread_notifications"];
    assert_eq!(unread["highlight_count"], 0, "{unread}");

    // A person tries the target: every stage of a life, all but the message about many in one thread.
    let (code, out, err) = crate::run(crate::rmqgit().args(["alert", "test", "room", "--root"]).arg(&site.root));
    assert_eq!(code, 0, "{out}{err}");
    let messages = home.messages();
    assert_eq!(messages.len(), 9);
    let root = &messages[2]["event_id"];
    let within = messages[3..8].iter().all(|message| message["content"]["m.relates_to"]["event_id"] == *root);
    assert!(within, "{messages:?}");
    assert!(messages.iter().skip(2).all(|message| word(&message["content"], "body").starts_with("test: ")));
}

#[test]
fn a_homeserver_says_when_it_has_enough() {
    let home = Home::new(3);
    let site = home.host(home.port);
    let (code, out, _) = crate::run(crate::rmqgit().args(["alert", "test", "room", "--root"]).arg(&site.root));
    assert!(code == 3 && out.contains("room: opened: taken\n") && out.contains("not taken: HTTP 429"), "{out}");
    site.put(SYSCTL, "other\n", 0o644);
    assert_eq!(site.sync(&[]).0, 1);
    // It rests as long as the server asks, which is longer than it would by itself.
    let wait = rested(&site).duration_since(jiff::Timestamp::now()).as_secs();
    assert!((120..=600).contains(&wait), "{wait} s\n{}", book(&site));
}

#[test]
fn the_longest_message_is_one_that_a_homeserver_takes() {
    let home = Home::new(10);
    let send = |length: usize| {
        let body = json!({ "msgtype": "m.notice", "body": "x".repeat(length) });
        home.ask("PUT", &format!("/rooms/{}/send/m.room.message/{length}", home.room), &home.bot, &body)
    };
    // As many bytes as are sent at most, with the relation to a thread.
    assert_eq!(send(63_000).0, 200);
    let (status, answer) = send(65_500);
    assert_eq!((status, &answer["errcode"]), (413, &json!("M_TOO_LARGE")), "{answer}");
}
