//! The addresses of this machine, and who else on the network has one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::live::{Holders, Probe};

use super::process::{self, Answer, Call};

/// How long a question may take.
const ASK: Duration = Duration::from_secs(4);
/// The one of iputils; the other program of this name, in /usr/sbin, has other options.
const ARPING: &str = "/usr/bin/arping";
/// The program that lists addresses, where distributions put it.
const IP: [&str; 3] = ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"];

/// An interface of `ip -json address show`.
#[derive(Debug, Deserialize)]
struct Interface {
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Debug, Deserialize)]
struct Address {
    local: Option<IpAddr>,
}

/// Returns the addresses of this machine.
pub fn own() -> Probe<BTreeSet<IpAddr>> {
    let Some(program) = IP.iter().map(Path::new).find(|path| path.is_file()) else {
        return Probe::Failed("`ip` is not installed".to_owned());
    };
    match ask(program, vec!["-json", "address", "show"]) {
        Ok(Answer { code: Some(0), stdout, .. }) => match serde_json::from_slice::<Vec<Interface>>(&stdout) {
            Ok(interfaces) => {
                let addresses = interfaces.into_iter().flat_map(|interface| interface.addr_info);
                Probe::Seen(addresses.filter_map(|address| address.local).collect())
            }
            Err(error) => Probe::Failed(format!("`ip -json address show`: {error}")),
        },
        Ok(Answer { stderr, .. }) => Probe::Failed(format!("`ip -json address show`: {}", stderr.trim())),
        Err(why) => Probe::Failed(why),
    }
}

/// Asks the network who has an address: one question, and a second for the answers. Only IPv4 is asked like that.
fn others(address: IpAddr, interface: &str, here: bool) -> Probe<usize> {
    if address.is_ipv6() {
        return Probe::Failed("nobody is asked for an IPv6 address".to_owned());
    }
    let program = Path::new(ARPING);
    if !program.is_file() {
        return Probe::Failed(format!("`{ARPING}` of iputils is not installed"));
    }
    let text = address.to_string();
    // A question that comes from the address itself is not answered: who has it asks as one who has none yet.
    let how = if here { "-D" } else { "-b" };
    match ask(program, vec![how, "-c", "1", "-w", "1", "-I", interface, &text]) {
        // The status tells whether somebody answered.
        Ok(Answer { code: Some(0 | 1), stdout, .. }) => Probe::Seen(answers(&String::from_utf8_lossy(&stdout))),
        Ok(Answer { stderr, .. }) => Probe::Failed(format!("`arping`: {}", stderr.trim())),
        Err(why) => Probe::Failed(why),
    }
}

/// Returns who holds an address.
pub fn holders(own: &Probe<BTreeSet<IpAddr>>, address: IpAddr, interface: &str) -> Probe<Holders> {
    match own {
        Probe::Seen(own) => {
            let here = own.contains(&address);
            Probe::Seen(Holders { here, others: others(address, interface, here) })
        }
        Probe::Absent => Probe::Absent,
        Probe::Failed(why) => Probe::Failed(why.clone()),
    }
}

/// Counts the machines that answered, by their hardware addresses.
fn answers(output: &str) -> usize {
    let machines: BTreeSet<&str> =
        output.lines().filter_map(|line| line.split_once('[')?.1.split_once(']')).map(|(mac, _)| mac).collect();
    machines.len()
}

fn ask(program: &Path, args: Vec<&str>) -> Result<Answer, String> {
    let call = Call { program, args, account: None, env: vec![("LC_ALL", "C")], deadline: ASK };
    process::ask(&call).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_counted_once() {
        let reply = |mac: &str| format!("Unicast reply from 192.168.1.222 [{mac}]  0.6ms\n");
        let head = "ARPING 192.168.1.222 from 192.168.1.221 eth0\n";
        let tail = "Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n";
        assert_eq!(answers(&format!("{head}{tail}")), 0);
        assert_eq!(answers(&format!("{head}{0}{0}{tail}", reply("02:00:C0:A8:01:DB"))), 1);
        assert_eq!(answers(&format!("{head}{}{}{tail}", reply("02:00:C0:A8:01:DB"), reply("02:00:C0:A8:01:DC"))), 2);
    }
}
