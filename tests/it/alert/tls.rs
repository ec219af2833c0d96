//! Services over TLS: a certificate that leads nowhere is refused, and nothing secret goes to whoever shows it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::services::{book, free_port, start};
use crate::sync::site::Site;

/// A web server and a mail server with TLS; each keeps what comes in a file of its own.
pub(super) const SERVERS: &str = "
import http.server, os, ssl, sys, threading
kind, port, dir = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def keep(data):
    n = len([f for f in os.listdir(dir) if f.startswith('came')])
    with open(os.path.join(dir, 'new'), 'wb') as f:
        f.write(data)
    os.rename(os.path.join(dir, 'new'), os.path.join(dir, f'came{n}'))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(dir, 'cert.pem'), os.path.join(dir, 'key.pem'))
if kind == 'web':
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            keep(self.rfile.read(int(self.headers['content-length'])))
            self.send_response(200)
            self.end_headers()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Hook)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
else:
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult
    class Keep:
        async def handle_DATA(self, server, session, envelope):
            keep(envelope.content)
            return '250 kept'
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b'rmqgit', b'canary-password'))
    login = dict(authenticator=authenticate, auth_required=True)
    if kind == 'starttls':
        c = Controller(Keep(), hostname='127.0.0.1', port=port, tls_context=context, require_starttls=True, **login)
    else:
        c = Controller(Keep(), hostname='127.0.0.1', port=port, ssl_context=context, auth_require_tls=False, **login)
    c.start()
    threading.Event().wait()
";

pub(super) fn certificate(dir: &Path, name: &str) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"]).arg(dir.join("cert.pem"));
    let (code, _, err) = crate::run(command.arg("-keyout").arg(dir.join("key.pem")));
    assert_eq!(code, 0, "{err}");
}

#[test]
fn only_a_server_that_is_trusted_gets_anything() {
    for kind in ["web", "starttls", "tls"] {
        let dir = tempfile::tempdir().unwrap();
        certificate(dir.path(), "localhost");
        let port = free_port();
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", SERVERS, kind, &port.to_string()]).arg(dir.path());
        let _running = start(&mut command, port);
        let site = Site::full();
        site.converge();
        site.put("/etc/rmqgit/alerts/url", &format!("https://localhost:{port}/canary-url\n"), 0o600);
        site.put("/etc/rmqgit/alerts/password", "canary-password\n", 0o600);
        let target = match kind {
            "web" => "webhook: {url-file: /etc/rmqgit/alerts/url}".to_owned(),
            _ => format!(
                "email: {{server: localhost, port: {port}, encryption: {kind}, user: rmqgit, \
                 password-file: /etc/rmqgit/alerts/password, from: r@example.org, to: [o@example.org]}}"
            ),
        };
        let settings = |ca: &str| {
            let text = format!("alerts:\n{ca}  targets: {{it: {{{target}}}}}\n");
            site.put("/etc/rmqgit/agent.yaml", &text, 0o644);
        };
        let came = || {
            let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with("came")).count()
        };
        site.put("/etc/sysctl.d/60-rmqgit.conf", "other\n", 0o644);
        settings("");
        assert_eq!(site.sync(&[]).0, 1);
        assert!(book(&site).contains("no trusted TLS connection"), "{kind}: {}", book(&site));
        assert_eq!(came(), 0, "{kind}");

        fs::copy(dir.path().join("cert.pem"), site.live("/etc/rmqgit/ca.pem")).unwrap();
        settings("  ca-file: /etc/rmqgit/ca.pem\n");
        let path = site.live("/var/lib/rmqgit/alerts.json");
        let mut rested: Value = serde_json::from_str(&book(&site)).unwrap();
        rested["outbox"]["it"]["not_before"].take();
        fs::write(&path, rested.to_string()).unwrap();
        assert_eq!(site.sync(&[]).0, 1);
        assert_eq!(came(), 1, "{kind}: {}", book(&site));
        assert!(!book(&site).contains("canary"), "{kind}: {}", book(&site));
    }
}
