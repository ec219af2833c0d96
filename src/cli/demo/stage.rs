//! What is there before the demonstration begins: a spec repository, a bare remote, three hosts with a life of their own.

use std::path::Path;

use super::super::Failure;
use crate::sys::accounts;
use crate::sys::git::make;
use crate::sys::{random, workspace};

/// The example: the tutorial's cluster.
const SPEC: &str = include_str!("../../../fixtures/tutorial/rmqgit.yaml");
/// The hosts of the example.
const HOSTS: [&str; 3] = ["rabbit1", "rabbit2", "rabbit3"];
/// The secrets of the example, with the bytes of each; VRRP takes no more than eight characters.
const SECRETS: [(&str, usize); 5] =
    [("admin-password", 12), ("erlang-cookie", 20), ("shop-password", 12), ("stats-password", 12), ("vrrp-auth", 4)];

/// Makes everything below an empty directory.
pub(super) fn set(dir: &Path) -> Result<(), Failure> {
    let text = |name: &str, text: &str| {
        workspace::create(&dir.join(name), text.as_bytes(), 0o644).map_err(|e| Failure::from_error(&e))
    };
    text("spec/rmqgit.yaml", SPEC)?;
    let program = std::env::current_exe()?;
    workspace::link(&dir.join("bin/rmqgit"), &program).map_err(|e| Failure::from_error(&e))?;
    let (spec, remote) = (dir.join("spec"), dir.join("remote.git"));
    make::init(&remote, true).map_err(|e| Failure::from_error(&e))?;
    make::init(&spec, false).map_err(|e| Failure::from_error(&e))?;
    let settings = [
        ("user.name", "rmqgit demo"),
        ("user.email", "demo@example.invalid"),
        ("commit.gpgsign", "false"),
        ("remote.origin.url", "../remote.git"),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
    ];
    make::configure(&spec, &settings).map_err(|e| Failure::from_error(&e))?;
    let secrets = SECRETS.map(|(name, bytes)| random::hexadecimal(bytes).map(|secret| (name, secret)));
    let (user, group) = (accounts::own_user(), accounts::own_group());
    for host in HOSTS {
        let etc = format!("hosts/{host}/etc");
        text(
            &format!("{etc}/hosts"),
            &format!("127.0.0.1 localhost\n203.0.113.7 backup.example.org # a line of {host}'s own\n"),
        )?;
        // The names that own files, each with the number of whoever runs this, so that owners work without root.
        let names = ["root", "rabbitmq", "haproxy", "keepalived_script"];
        let passwd = names.map(|name| format!("{name}:x:{user}:{group}::/nonexistent:/usr/sbin/nologin\n"));
        text(&format!("{etc}/passwd"), &passwd.concat())?;
        text(&format!("{etc}/group"), &names.map(|name| format!("{name}:x:{group}:\n")).concat())?;
        let agent = format!(
            "remote: {}\ncluster: orders\nhost: {host}\nmode: converge\n\
             # The releases of this demonstration are not signed.\ntrust: {{signatures: ignored}}\n",
            remote.display()
        );
        text(&format!("{etc}/rmqgit/agent.yaml"), &agent)?;
        for secret in &secrets {
            let (name, secret) =
                secret.as_ref().map_err(|e| Failure::new(format!("the kernel gave no random bytes: {e}")))?;
            let path = dir.join(format!("{etc}/rmqgit/secrets/{name}"));
            workspace::create(&path, format!("{secret}\n").as_bytes(), 0o600).map_err(|e| Failure::from_error(&e))?;
        }
    }
    Ok(())
}
