//! The way to a forge: certificates are verified, proxies are heeded.

use std::fs;
use std::path::Path;

use super::Ci;
use super::contract::Kind;
use crate::fetch::server::{Server, program, run};
use crate::fetch::web::{authority, certificate};

/// Starts nginx with a certificate, in front of a stand-in.
fn secured(dir: &Path, behind: u16) -> Server {
    authority(dir, "ca");
    authority(dir, "stranger");
    certificate(dir);
    let user = run("id", &["-un"]);
    Server::start(|port| {
        let at = dir.display();
        let config = format!(
            "daemon off; worker_processes 1; user {}; pid {at}/pid; error_log {at}/error.log;\nevents {{}}\n\
             http {{ access_log off; client_max_body_size 4m;\n\
             client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3;\n\
             uwsgi_temp_path {at}/t4; scgi_temp_path {at}/t5;\n\
             server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;\n\
             location / {{ proxy_pass http://127.0.0.1:{behind}; }} }} }}\n",
            user.trim()
        );
        fs::write(dir.join("nginx.conf"), config).unwrap();
        let mut nginx = program("/usr/sbin/nginx");
        nginx.arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log"));
        nginx
    })
}

#[test]
fn only_a_trusted_forge_sees_the_token() {
    let ci = Ci::new(Kind::Gitlab);
    let dir = tempfile::tempdir().unwrap();
    let server = secured(dir.path(), ci.forge.port);
    let with = |more: &[(&str, &str)]| {
        let mut command = ci.command(10);
        command.env("CI_API_V4_URL", format!("https://127.0.0.1:{}/api", server.port)).args(["--post-timeout", "3"]);
        command.envs(more.iter().copied());
        ci.end(&mut command).stderr
    };
    let ca = |name: &str| dir.path().join(name).display().to_string();
    let (ours, strange) = (ca("ca.pem"), ca("stranger.pem"));
    for untrusted in [with(&[]), with(&[("SSL_CERT_FILE", &strange)])] {
        let says = "rmqgit: the review was not posted: GET /user: io: invalid peer certificate: UnknownIssuer";
        assert_eq!(untrusted.lines().next(), Some(says));
    }
    assert!(ci.forge.state().log.is_empty(), "nothing was sent, the token least of all");
    let made = with(&[("SSL_CERT_FILE", &ours)]);
    assert_eq!(made, "Pull request 5 of 40: the review is a new comment.\n");

    // Nobody listens there.
    let away = ("HTTPS_PROXY", "http://127.0.0.1:9");
    let lost = with(&[("SSL_CERT_FILE", &ours), away]);
    assert!(lost.contains("GET /user: 3 s were not enough"), "{lost}");
    let direct = with(&[("SSL_CERT_FILE", &ours), away, ("NO_PROXY", "127.0.0.1")]);
    assert_eq!(direct, "Pull request 5 of 40: the comment says all that already.\n");
}
