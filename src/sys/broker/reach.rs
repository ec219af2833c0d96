//! Asks whether anything answers on the host of another node.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use crate::live::Probe;

/// Where Erlang's port mapper listens: every member of a cluster has to reach it on every other.
const EPMD: u16 = 4369;
/// How long a host has for its answer. The kernel asks a second time after one second.
const WAIT: Duration = Duration::from_millis(2_500);

/// Asks the host of a node at the port of Erlang's port mapper and at that of AMQP. That nobody listens is an answer too:
/// the host's kernel gives it.
pub fn answers(node: &str, amqp: u16) -> Probe<bool> {
    let Some((_, host)) = node.split_once('@') else {
        return Probe::Failed(format!("`{node}` names no host"));
    };
    let addresses: Vec<SocketAddr> = match (host, EPMD).to_socket_addrs() {
        Ok(found) => found.flat_map(|at| [at, SocketAddr::new(at.ip(), amqp)]).collect(),
        Err(error) => return Probe::Failed(format!("the address of `{host}` is not known: {error}")),
    };
    let asked: Vec<Probe<bool>> = thread::scope(|scope| {
        let asked: Vec<_> = addresses.iter().map(|at| scope.spawn(|| ask(at))).collect();
        asked.into_iter().filter_map(|asked| asked.join().ok()).collect()
    });
    if asked.contains(&Probe::Seen(true)) {
        return Probe::Seen(true);
    }
    let failed = asked.into_iter().find(|answer| *answer != Probe::Seen(false));
    failed.unwrap_or(Probe::Seen(false))
}

fn ask(at: &SocketAddr) -> Probe<bool> {
    match TcpStream::connect_timeout(at, WAIT).map_err(|error| error.kind()) {
        Ok(_) | Err(ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset) => Probe::Seen(true),
        Err(ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => Probe::Seen(false),
        Err(kind) => Probe::Failed(format!("{at} cannot be asked: {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_answers_and_who_refuses_too() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("it has an address");
        assert_eq!(ask(&at), Probe::Seen(true));
        drop(listener);
        assert_eq!(ask(&at), Probe::Seen(true), "the kernel says that nobody listens");
        assert_eq!(answers("rabbit@localhost", at.port()), Probe::Seen(true));
        assert!(matches!(answers("rabbit@no-such-host.invalid", 5672), Probe::Failed(_)));
        assert!(matches!(answers("rabbit", 5672), Probe::Failed(_)));
    }
}
