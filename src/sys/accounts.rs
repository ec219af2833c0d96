//! Users and groups of a root: its passwd and group files, and on the machine itself whatever else names them.

use std::io;
use std::time::Duration;

use crate::live::{Account, Place, Probe};
use crate::release::Owner;

use super::files::Root;
use super::process::{self, Ended};

/// How long the machine's name service may take.
const ASK: Duration = Duration::from_secs(10);

/// The names and numbers of a root.
#[derive(Debug)]
pub struct Accounts {
    users: Result<Vec<(String, u32)>, String>,
    groups: Result<Vec<(String, u32)>, String>,
    place: Place,
}

/// Returns the number of the user that this process acts as.
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Returns the number of the group that this process acts as.
pub fn own_group() -> u32 {
    rustix::process::getegid().as_raw()
}

/// Reads the passwd and group files of a root.
pub fn load(root: &Root) -> Accounts {
    let read = |path: &str| match root.read(path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes.unwrap_or_default()))),
        Err(error) => Err(failed(path, &error)),
    };
    Accounts { users: read("/etc/passwd"), groups: read("/etc/group"), place: root.place() }
}

fn failed(path: &str, error: &io::Error) -> String {
    format!("cannot read {path}: {error}")
}

/// Returns names and numbers: the first and third field of each line.
fn parse(text: &str) -> Vec<(String, u32)> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((name, fields.nth(1)?.parse().ok()?))
    };
    text.lines().filter_map(entry).collect()
}

impl Accounts {
    /// Finds the numbers of an owner.
    pub fn resolve(&self, owner: &Owner) -> Probe<Account> {
        let find = |names: &Result<Vec<(String, u32)>, String>, database: &str, name: &str| match names {
            Err(why) => Probe::Failed(why.clone()),
            Ok(names) => match names.iter().find(|(known, _)| known == name) {
                Some((_, id)) => Probe::Seen(*id),
                None if self.place == Place::Machine => ask(database, name),
                None => Probe::Absent,
            },
        };
        match (find(&self.users, "passwd", &owner.user), find(&self.groups, "group", &owner.group)) {
            (Probe::Seen(user), Probe::Seen(group)) => Probe::Seen(Account { user, group }),
            (Probe::Failed(why), _) | (_, Probe::Failed(why)) => Probe::Failed(why),
            (Probe::Absent, _) | (_, Probe::Absent) => Probe::Absent,
        }
    }

    /// Returns the names of an owner, or the numbers where there is no name.
    pub fn name(&self, account: Account) -> Owner {
        let name = |names: &Result<Vec<(String, u32)>, String>, id: u32| {
            let known = names.as_ref().ok().and_then(|names| names.iter().find(|(_, known)| *known == id));
            known.map_or_else(|| id.to_string(), |(name, _)| name.clone())
        };
        Owner { user: name(&self.users, account.user), group: name(&self.groups, account.group) }
    }
}

/// Asks the machine's name service for a name that is in no file, such as a user of a directory server.
fn ask(database: &str, name: &str) -> Probe<u32> {
    match process::run("getent", &["--", database, name], ASK) {
        Ok(Ended { code: Some(0), output }) => match parse(&output).first() {
            Some((_, id)) => Probe::Seen(*id),
            None => Probe::Failed(format!("getent {database} has no number for `{name}`")),
        },
        // Status 2 is "no such name"; without the program there is no name service beside the files.
        Ok(Ended { code: Some(2), .. }) | Err(process::ProcessError::NotInstalled(_)) => Probe::Absent,
        Ok(Ended { output, .. }) => Probe::Failed(format!("getent {database}: {}", output.trim())),
        Err(error) => Probe::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_resolve_in_the_files_of_the_root() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(dir.path().join("etc")).expect("a directory");
        let put = |name: &str, text: &str| {
            #[expect(clippy::disallowed_methods, reason = "a test makes its world")]
            std::fs::write(dir.path().join("etc").join(name), text).expect("a file");
        };
        put("passwd", "root:x:0:0:root:/root:/bin/sh\n# no entry\nrabbitmq:x:106:112::/:/bin/false\nbad:x:one:1\n");
        put("group", "root:x:0:\nrabbitmq:x:112:\n");
        let accounts = load(&Root::open(dir.path()).expect("the root"));
        let owner = |user: &str, group: &str| Owner { user: user.to_owned(), group: group.to_owned() };
        let rabbit = Account { user: 106, group: 112 };
        assert_eq!(accounts.resolve(&owner("rabbitmq", "rabbitmq")), Probe::Seen(rabbit));
        assert_eq!(accounts.resolve(&owner("rabbitmq", "none")), Probe::Absent);
        assert_eq!(accounts.resolve(&owner("bad", "root")), Probe::Absent);
        assert_eq!(accounts.name(rabbit), owner("rabbitmq", "rabbitmq"));
        assert_eq!(accounts.name(Account { user: 7, group: 0 }), owner("7", "root"));
    }
}
