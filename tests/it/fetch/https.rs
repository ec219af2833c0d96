//! Through a real web server: nginx, fcgiwrap and git's own http-backend, with a certificate of an authority of our own.

use std::process::Stdio;

use rmqgit::sys::remote::{Remote, RemoteOptions};

use super::origin::{Origin, check_life};
use super::server::program;
use super::web::Web;

fn failure(web: &Web, origin: &Origin, remote: &Remote) -> String {
    origin.failure(remote).replace(&web.server.port.to_string(), "PORT")
}

/// Says whether git itself, which asks for version 2, is answered in it.
fn speaks_v2(web: &Web, place: &str) -> bool {
    let url = web.remote(place, web.options()).to_string();
    let mut git = program("git");
    git.args(["ls-remote", &url]).env("GIT_SSL_CAINFO", web.dir.join("ca.pem")).env("GIT_TRACE_PACKET", "1");
    let output = git.stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap().contains("< version 2\n")
}

#[test]
fn a_life_with_version_2() {
    let origin = Origin::new();
    let web = Web::start(&origin);
    assert!(speaks_v2(&web, "v2"));
    check_life(&origin, &web.remote("v2", web.options()));
}

#[test]
fn a_life_with_version_0() {
    let origin = Origin::new();
    let web = Web::start(&origin);
    assert!(!speaks_v2(&web, "v0"));
    check_life(&origin, &web.remote("v0", web.options()));
}

#[test]
fn only_trusted_servers_and_known_hosts_talk() {
    let origin = Origin::new();
    let one = origin.publish(1);
    let web = Web::start(&origin);
    let option = |ca: &str, token: Option<&str>| RemoteOptions {
        ca_file: Some(web.dir.join(ca)),
        token_file: token.map(|name| web.dir.join(name)),
        ..web.options()
    };
    let failures = [
        ("authorities of the system", web.remote("v2", RemoteOptions { ca_file: None, ..web.options() })),
        ("another authority", web.remote("v2", option("stranger.pem", None))),
        ("no authority", web.remote("v2", option("passwords", None))),
        ("absent authority", web.remote("v2", option("absent.pem", None))),
        ("another name", web.remote_at("localhost", "v2", option("ca.pem", None))),
        ("no password", web.remote("private", option("ca.pem", None))),
        ("wrong password", web.remote("private", option("ca.pem", Some("wrong")))),
        ("absent password", web.remote("private", option("ca.pem", Some("absent")))),
        ("away from TLS", web.remote("plain", option("ca.pem", None))),
        ("a page", web.remote("page", option("ca.pem", None))),
        ("to a page", web.remote("login", option("ca.pem", None))),
        ("in circles", web.remote("round", option("ca.pem", None))),
        ("broken", web.remote("broken", option("ca.pem", None))),
        ("no such repository", web.remote("v2/x", option("ca.pem", None))),
    ]
    .map(|(what, remote)| format!("# {what}\n{}\n", failure(&web, &origin, &remote)));
    insta::assert_snapshot!(failures.join("\n"));

    for place in ["private", "moved"] {
        let remote = web.remote(place, option("ca.pem", Some("token")));
        assert_eq!(origin.fetch(&remote).unwrap().tip, one);
    }
}

#[test]
fn a_password_stays_at_its_server() {
    let origin = Origin::new();
    let one = origin.publish(1);
    let web = Web::start(&origin);
    let options = RemoteOptions { token_file: Some(web.dir.join("token")), ..web.options() };
    let refused = "https://127.0.0.1:PORT/elsewhere/origin.git does not let this host in: it redirects to \
                   https://127.0.0.2:PORT/private/origin.git, which asks for a password; name that address as the remote";
    assert_eq!(failure(&web, &origin, &web.remote("elsewhere", options.clone())), refused);
    // Not because the password was wrong there.
    assert_eq!(origin.fetch(&web.remote_at("127.0.0.2", "private", options)).unwrap().tip, one);
}

#[test]
fn a_server_that_went_away_is_told() {
    let origin = Origin::new();
    origin.publish(1);
    let web = Web::start(&origin);
    let remote = web.remote("v2", web.options());
    origin.fetch(&remote).unwrap();
    drop(web);
    assert_eq!(origin.failure(&remote), format!("cannot reach {remote}: Connection refused (os error 111)"));
}
