//! Messages through a proxy: TLS goes through it to the end, and this machine is reached without one.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::life::{SYSCTL, host, told};
use super::receiver::Receiver;
use super::services::{book, free_port, start};
use super::tls::{SERVERS, certificate};

/// A proxy that opens ways, to whatever name, to one port of this machine; it writes down who asked for what.
const PROXY: &str = "
import http.server, os, select, socket, socketserver, sys
port, to, log = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
class Proxy(http.server.BaseHTTPRequestHandler):
    def note(self):
        with open(log, 'a') as f:
            f.write(self.requestline.rsplit(' ', 1)[0] + ' ' + str(self.headers.get('proxy-authorization')) + '\\n')
    def do_POST(self):
        self.note()
        self.send_error(502)
    def do_CONNECT(self):
        self.note()
        if self.path.startswith('refused.'):
            return self.send_error(403)
        with socket.create_connection(('127.0.0.1', to)) as far:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, far]
            while True:
                for end in select.select(ends, [], [], 30)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    (far if end is self.connection else self.connection).sendall(data)
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
Server(('127.0.0.1', port), Proxy).serve_forever()
";

#[test]
fn messages_go_through_a_proxy_and_what_is_on_this_machine_does_not() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path(), "hooks.example.org");
    let (web, port) = (free_port(), free_port());
    let mut command = Command::new("/usr/bin/python3");
    let _web = start(command.args(["-c", SERVERS, "web", &web.to_string()]).arg(dir.path()), web);
    let log = dir.path().join("log");
    let mut command = Command::new("/usr/bin/python3");
    let _proxy = start(command.args(["-c", PROXY, &port.to_string(), &web.to_string()]).arg(&log), port);
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    fs::copy(dir.path().join("cert.pem"), site.live("/etc/rmqgit/ca.pem")).unwrap();
    site.put(SYSCTL, "other\n", 0o644);
    let put = |proxy: &str, server: &str| {
        site.put("/etc/rmqgit/alerts/far", &format!("https://{server}/canary-url\n"), 0o600);
        let settings = format!(
            "alerts:\n  ca-file: /etc/rmqgit/ca.pem\n{proxy}  targets:\n    far: {{webhook: {{url-file: /etc/rmqgit/alerts/far}}}}\n    \
             ops: {{webhook: {{url-file: /etc/rmqgit/alerts/ops}}}}\n"
        );
        site.put("/etc/rmqgit/agent.yaml", &settings, 0o644);
        drop(fs::remove_file(site.live("/var/lib/rmqgit/alerts.json")));
    };
    let run = |variables: &[(&str, &str)]| {
        let (code, _, err) = crate::run(site.command(&[]).envs(variables.iter().copied()));
        assert_eq!((code, err.as_str()), (1, ""));
        // What is on this machine is told in every case, and never through the proxy.
        assert_eq!(told(&receiver.taken()), [format!("opened drift {SYSCTL}")]);
        let asked = fs::read_to_string(&log).unwrap_or_default();
        drop(fs::remove_file(&log));
        let book: Value = serde_json::from_str(&book(&site)).unwrap();
        assert!(!book.to_string().contains("canary") && !book.to_string().contains("pass"), "{book}");
        (asked, book["outbox"]["far"]["attempts"][0]["failure"].as_str().unwrap_or("taken").to_owned())
    };
    let came = || came(dir.path());
    let connect = "CONNECT hooks.example.org:443";
    let setting = format!("  proxy: http://127.0.0.1:{port}\n");
    let environment = format!("http://user:password@127.0.0.1:{port}");

    put(&setting, "hooks.example.org");
    assert_eq!((run(&[]), came()), ((format!("{connect} None\n"), "taken".to_owned()), 1));
    put(&format!("  proxy: http://user:password@127.0.0.1:{port}\n"), "hooks.example.org");
    let login = "Basic dXNlcjpwYXNzd29yZA==";
    assert_eq!((run(&[]), came()), ((format!("{connect} {login}\n"), "taken".to_owned()), 2));
    put("", "hooks.example.org");
    for (index, name) in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"].iter().enumerate() {
        put("", "hooks.example.org");
        let variables = [(*name, environment.as_str())];
        assert_eq!(
            (run(&variables), came()),
            ((format!("{connect} {login}\n"), "taken".to_owned()), 3 + index),
            "{name}"
        );
    }
    // A certificate of another name counts no more behind a proxy.
    put(&setting, "other.example.org");
    let (asked, failure) = run(&[]);
    assert!(
        asked.contains("CONNECT other.example.org:443") && failure.contains("no trusted TLS connection"),
        "{failure}"
    );
    put(&setting, "refused.example.org");
    assert!(run(&[]).1.contains("the proxy cannot be used"), "{}", book(&site));
    assert_eq!(came(), 5);

    // A proxy that is none is said, and keeps nobody else from being told.
    put("  proxy: socks5://127.0.0.1:1080\n", "hooks.example.org");
    let (code, _, err) = crate::run(&mut site.command(&[]));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("`proxy` (line 3: invalid-value)") && !err.contains("panicked"), "{err}");
    let book = book(&site);
    assert!(book.contains("it is not one of http or https"), "{book}");
}

#[test]
fn what_no_proxy_names_is_reached_without_one() {
    let receiver = Receiver::new();
    let site = host(&receiver, "");
    site.put(SYSCTL, "other\n", 0o644);
    site.put("/etc/rmqgit/alerts/ops", "https://hooks.example.org/canary-url\n", 0o600);
    for (setting, name) in [("  proxy: http://127.0.0.1:9\n", "NO_PROXY"), ("", "no_proxy")] {
        let settings =
            format!("alerts:\n{setting}  targets: {{ops: {{webhook: {{url-file: /etc/rmqgit/alerts/ops}}}}}}\n");
        site.put("/etc/rmqgit/agent.yaml", &settings, 0o644);
        for (value, expect) in
            [("other.example.org", "cannot reach the server"), ("hooks.example.org,x", "the name of the server")]
        {
            drop(fs::remove_file(site.live("/var/lib/rmqgit/alerts.json")));
            let sync = site.command(&[]);
            // Without a network nobody is asked for the name.
            let mut alone = Command::new("unshare");
            alone.args(["--net", "env", &format!("{name}={value}"), "HTTPS_PROXY=http://127.0.0.1:9"]);
            let (code, _, err) = crate::run(alone.arg(sync.get_program()).args(sync.get_args()));
            assert_eq!((code, err.as_str()), (1, ""));
            assert!(book(&site).contains(expect), "{name}={value} {setting}: {}", book(&site));
        }
    }
}

fn came(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("came")).count()
}
