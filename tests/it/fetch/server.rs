//! Servers on loopback, each on a port of its own, ended with the test.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server on a free port and waits until it answers. Between finding a port and using it somebody else may
    /// take it; then the server ends, and another port is tried.
    pub(crate) fn start(make: impl Fn(u16) -> Command) -> Self {
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = make(port).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the server is installed");
            let mut server = Self { child, port };
            if server.answers() {
                return server;
            }
        }
        panic!("no server could be started");
    }

    fn answers(&mut self) -> bool {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && self.child.try_wait().unwrap().is_none() {
            match TcpStream::connect_timeout(&([127, 0, 0, 1], self.port).into(), Duration::from_secs(1)) {
                Ok(_) => return true,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            }
            std::thread::yield_now();
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that a server ends its own workers too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A program with nothing of the caller's environment but `PATH`.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("PATH is set")).stderr(Stdio::null());
    command
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn run(name: &str, args: &[&str]) -> String {
    let output = program(name).args(args).output().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name} {args:?} failed");
    String::from_utf8(output.stdout).unwrap()
}
