//! Who runs this program, as far as the machine knows: a record for colleagues, not a proof.

use std::fs;

/// A person at a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name that the person logged in with.
    pub name: String,
    /// The number of that user.
    pub user: u32,
    /// The terminal, such as `pts/0`.
    pub terminal: Option<String>,
    /// The address that the person came from over SSH.
    pub from: Option<String>,
}

/// How many processes above this one are asked where the person came from.
const GENERATIONS: u32 = 12;

/// Finds out who runs this program: the person behind sudo, not root.
pub fn who() -> Login {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
    let user = login_number().or_else(|| variable("SUDO_UID").and_then(|id| id.parse().ok()));
    let user = user.unwrap_or_else(|| rustix::process::getuid().as_raw());
    let name = ["SUDO_USER", "DOAS_USER", "LOGNAME", "USER"].iter().find_map(|name| variable(name));
    Login {
        name: plain(&name.or_else(|| name_of(user)).unwrap_or_else(|| format!("user {user}"))),
        user,
        terminal: fs::read_link("/proc/self/fd/0").ok().and_then(|path| {
            let path = path.to_string_lossy().into_owned();
            path.strip_prefix("/dev/").filter(|name| name.starts_with("pts/") || name.starts_with("tty")).map(plain)
        }),
        from: origin(),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Takes what could disturb a line out of a text that this program did not write.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Returns the user that logged in, which sudo and su leave as it is; the kernel's audit keeps it.
fn login_number() -> Option<u32> {
    let number = fs::read_to_string("/proc/self/loginuid").ok()?.trim().parse().ok()?;
    (number != u32::MAX).then_some(number)
}

fn name_of(user: u32) -> Option<String> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    })
}

/// Returns where the SSH connection comes from. sudo clears the variable, so the processes above are asked as well.
fn origin() -> Option<String> {
    let mut process = std::process::id();
    for _ in 0..GENERATIONS {
        if let Some(from) = fs::read(format!("/proc/{process}/environ")).ok().as_deref().and_then(connection) {
            return Some(from);
        }
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        process = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())?;
        if process == 0 {
            return None;
        }
    }
    None
}

/// Finds the client's address in an environment: `SSH_CONNECTION=CLIENT PORT SERVER PORT`.
fn connection(environ: &[u8]) -> Option<String> {
    let value = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"SSH_CONNECTION="))?;
    let text = String::from_utf8_lossy(value);
    let client = text.split(' ').next()?;
    // An interface's name may follow a link-local address.
    let address: std::net::IpAddr = client.split('%').next()?.parse().ok()?;
    Some(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_read_from_an_environment() {
        let check = |text: &[u8], expect: Option<&str>| assert_eq!(connection(text).as_deref(), expect);
        check(b"A=1\0SSH_CONNECTION=10.0.0.7 51000 10.0.0.1 22\0B=2", Some("10.0.0.7"));
        check(b"SSH_CONNECTION=fe80::1%eth0 51000 fe80::2%eth0 22", Some("fe80::1"));
        check(b"SSH_CONNECTION=someone else", None);
        check(b"XSSH_CONNECTION=10.0.0.7 1 10.0.0.1 22", None);
        check(b"", None);
    }

    #[test]
    fn the_person_has_a_name() {
        assert!(!who().name.is_empty());
        assert_eq!(plain("a\nb\x1b[31m"), "ab[31m");
    }
}
