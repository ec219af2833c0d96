//! Measures what a poll and a first fetch cost on the wire and on the host: `cargo bench --bench wire`.
//!
//! The servers are those of the tests: a real sshd, nginx with git's http-backend, a directory. Each figure is that of a whole
//! process that does nothing else; a relay on loopback counts the bytes of the connection, TLS or SSH included.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "a benchmark starts processes and writes files of its own")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![allow(missing_docs, reason = "a benchmark exports nothing")]

mod measure;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../it/fetch/origin.rs"]
mod origin;
#[path = "../it/fetch/server.rs"]
mod server;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../it/fetch/sshd.rs"]
mod sshd;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../it/fetch/web.rs"]
mod web;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, thread};

use measure::{Cost, MEASURE, median};
use origin::{Origin, REF, git};
use rmqgit::fetch::fetch;
use rmqgit::sys::remote::{Remote, RemoteOptions};
use rmqgit::sys::store::Store;
use sshd::Sshd;
use web::Web;

/// The argument that turns this program into a host that fetches: the state directory, the URL, the options as JSON.
const FETCH: &str = "--fetch";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some(MEASURE) => measure::measure(&arguments[2..]),
        Some(FETCH) => fetch_once(&arguments[2..]),
        _ => measure_all(),
    }
}

fn fetch_once(arguments: &[String]) {
    let [state, url, options] = arguments else { panic!("three arguments") };
    let store = Store::open(Path::new(state)).unwrap();
    let remote = Remote::parse(url, serde_json::from_str(options).unwrap()).unwrap();
    fetch(&store, &remote, &origin::cluster(), &origin::host()).unwrap();
}

fn measure_all() {
    println!(
        "{:>6}  {:<30} {:<12} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "hosts", "remote", "work", "sent B", "got B", "wall ms", "cpu ms", "rss MiB"
    );
    for hosts in [3, 3_000, 30_000] {
        let origin = Origin::new();
        for release in 1..=3 {
            origin.publish(release);
        }
        add_fleet(&origin, hosts);
        let bed = Bed { origin: &origin, hosts };
        bed.measure("file", &origin.path().display().to_string(), &RemoteOptions::default(), None);
        bed.measure_web();
        for accepts_v2 in [true, false] {
            bed.measure_sshd(accepts_v2);
        }
    }
}

/// Adds the refs of the other hosts; their names are sorted before the one that is fetched, so that it comes last.
fn add_fleet(origin: &Origin, hosts: usize) {
    let tip = origin.git(&["rev-parse", REF]);
    let mut refs = String::new();
    for host in 1..hosts {
        writeln!(refs, "create refs/rmqgit/hosts/cluster{:05}/rabbit{host} {tip}", host / 3).unwrap();
    }
    git(&origin.path(), &["update-ref", "--stdin"], refs.as_bytes());
    origin.git(&["pack-refs", "--all"]);
}

struct Bed<'o> {
    origin: &'o Origin,
    hosts: usize,
}

impl Bed<'_> {
    fn measure_web(&self) {
        let web = Web::start(self.origin);
        let relay = Relay::start(web.server.port);
        let url = |place: &str| format!("https://127.0.0.1:{}/{place}/origin.git", relay.port);
        self.measure("https, version 2", &url("v2"), &web.options(), Some(&relay));
        self.measure("https, version 0", &url("v0"), &web.options(), Some(&relay));
        // The system's own authorities, and ours beside them.
        let system = fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
        let all = web.dir.join("all.pem");
        fs::write(&all, [system, fs::read(web.dir.join("ca.pem")).unwrap()].concat()).unwrap();
        let (variable, directory) = (format!("SSL_CERT_FILE={}", all.display()), "SSL_CERT_DIR=/nonexistent");
        let options = RemoteOptions { ca_file: None, ..web.options() };
        self.measure_with(
            &["env", &variable, directory],
            "https, 2, system authorities",
            &url("v2"),
            &options,
            Some(&relay),
        );
    }

    fn measure_sshd(&self, accepts_v2: bool) {
        let sshd = Sshd::start(self.origin, accepts_v2);
        let relay = Relay::start(sshd.server.port);
        let line = sshd.line("host_ed25519").replace(&sshd.server.port.to_string(), &relay.port.to_string());
        sshd.know(&line);
        let options = sshd.remote(self.origin).options().clone();
        let url = sshd.remote(self.origin).to_string().replace(&sshd.server.port.to_string(), &relay.port.to_string());
        self.measure(if accepts_v2 { "ssh, version 2" } else { "ssh, version 0" }, &url, &options, Some(&relay));
        let dir = sshd.dir.clone();
        drop(sshd);
        fs::remove_dir_all(dir).unwrap();
    }

    fn measure(&self, name: &str, url: &str, options: &RemoteOptions, relay: Option<&Relay>) {
        self.measure_with(&[], name, url, options, relay);
    }

    fn measure_with(&self, prefix: &[&str], name: &str, url: &str, options: &RemoteOptions, relay: Option<&Relay>) {
        let program = std::env::current_exe().unwrap();
        let options = serde_json::to_string(options).unwrap();
        let state = self.origin.dir.path().join("measured");
        let command = [prefix, &[program.to_str().unwrap(), FETCH, state.to_str().unwrap(), url, &options]].concat();
        let (mut first, mut poll) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let _ = fs::remove_dir_all(&state);
            first.push(Run::of(&command, relay));
            poll.push(Run::of(&command, relay));
        }
        for (work, runs) in [("first fetch", first), ("poll", poll)] {
            let cost = median(&runs.iter().map(|run| run.cost).collect::<Vec<_>>());
            let middle = &runs[runs.len() / 2];
            println!(
                "{:>6}  {:<30} {:<12} {:>9} {:>9} {:>8.1} {:>8.1} {:>8.1}",
                self.hosts,
                name,
                work,
                middle.sent,
                middle.received,
                cost.wall * 1e3,
                cost.cpu * 1e3,
                cost.rss
            );
        }
    }
}

struct Run {
    cost: Cost,
    sent: u64,
    received: u64,
}

impl Run {
    fn of(command: &[&str], relay: Option<&Relay>) -> Self {
        let read = || relay.map_or((0, 0), Relay::count);
        let before = read();
        let cost = measure::run(Path::new("/"), command);
        let after = read();
        Self { cost, sent: after.0 - before.0, received: after.1 - before.1 }
    }
}

/// Passes connections on to a server and counts their bytes.
struct Relay {
    port: u16,
    sent: Arc<AtomicU64>,
    received: Arc<AtomicU64>,
}

impl Relay {
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay =
            Self { port: listener.local_addr().unwrap().port(), sent: Arc::default(), received: Arc::default() };
        let (sent, received) = (Arc::clone(&relay.sent), Arc::clone(&relay.received));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // The server is gone when the next one is measured.
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                pass(client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&sent));
                pass(server, client, Arc::clone(&received));
            }
        });
        relay
    }

    fn count(&self) -> (u64, u64) {
        (self.sent.load(Ordering::SeqCst), self.received.load(Ordering::SeqCst))
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: Arc<AtomicU64>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            count.fetch_add(length as u64, Ordering::SeqCst);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}
