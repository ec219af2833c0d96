//! Three hosts that follow Git: the repository of their spec, the remote that they pull from, their agents.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::Value;

use super::bed::{BALANCERS, Bed, HOSTS, Server, ended, until};
use crate::git::git;

/// The virtual address.
pub(super) const VIP: &str = "192.168.1.222";
/// What every secret but the cookie is.
pub(super) const PASSWORD: &str = "s3c#r t!";
/// The same, in a URI.
pub(super) const PASSWORD_IN_URI: &str = "s3c%23r%20t!";

/// The secrets of the cluster.
const SECRETS: [(&str, &str); 5] = [
    ("erlang-cookie", "QWERTYUIOPASDFGHJKLZ"),
    ("admin-password", PASSWORD),
    ("shop-password", PASSWORD),
    ("stats-password", PASSWORD),
    ("vrrp-auth", PASSWORD),
];

/// The spec for RabbitMQ 3.10 on Debian 12.
const SPEC: &str = include_str!("../../../fixtures/test-bed/rmqgit.yaml");
/// The policy of a release that has mirrored queues, and what stands there where they are gone.
const MIRRORS: &str = "      - name: ha-all
        pattern: \"^\"
        apply-to: all
        definition: {ha-mode: all, ha-sync-mode: automatic}
";
const QUORUM: &str = "      - name: ha-all
        pattern: \"^shop\\\\.\"
        apply-to: quorum_queues
        definition: {delivery-limit: 20}
";

/// A cluster that is run by Git.
pub(super) struct Site {
    /// Ended before the bed.
    git_server: Option<Server>,
    pub(super) bed: Bed,
    /// The spec; [`Site::publish`] commits it.
    pub(super) spec: String,
}

/// What `rmqgit sync` or `rmqgit status` said.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) code: i32,
    pub(super) json: Value,
}

impl Report {
    /// Whether the host is as Git says now; something may still be found, such as an address that is on its way.
    pub(super) fn is_fine(&self) -> bool {
        let is_clean = self.code == 0 || self.json["findings"].is_array() || self.json["waiting"].is_array();
        is_clean && (self.json["verdict"] == "in-sync" || self.json["verdict"] == "converged")
    }
}

impl Site {
    /// Makes the repositories, and a Git server for the hosts in the client's network.
    pub(super) fn new(bed: Bed) -> Self {
        if !bed.dir().join("spec").exists() {
            for name in ["spec", "origin.git"] {
                fs::create_dir_all(bed.dir().join(name)).unwrap();
            }
            git(&bed.dir().join("spec"), &["init", "--quiet"]);
            git(&bed.dir().join("origin.git"), &["init", "--quiet", "--bare"]);
            for key in ["agent", "server", "operator", "release"] {
                let mut keygen = Command::new("ssh-keygen");
                let made =
                    ended(keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(bed.dir().join(key)));
                assert_eq!(made.code, 0, "{}", made.err);
            }
        }
        let git_server = Some(serve(&bed));
        let spec = spec(&bed);
        let site = Self { git_server, bed, spec };
        if !site.bed.dir().join("spec/secrets").exists() {
            for host in HOSTS {
                site.take_key(host);
            }
            fs::write(site.bed.dir().join("spec/rmqgit.yaml"), site.spec_with_keys()).unwrap();
            for (name, value) in SECRETS {
                site.seal(name, value);
            }
        }
        site
    }

    /// Seals a value for the hosts that need it; [`Site::publish`] commits it.
    pub(super) fn seal(&self, name: &str, value: &str) {
        let mut command = crate::rmqgit();
        let set = command.args(["secret", "set", name]).current_dir(self.bed.dir().join("spec"));
        let mut child = set.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
        child.stdin.take().expect("it was asked for").write_all(value.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{name} was not sealed");
    }

    /// Takes note of a host's public key; tells whether it is another one than before.
    fn take_key(&self, host: &str) -> bool {
        let path = self.bed.dir().join(format!("{host}.pub"));
        let key = self.bed.must(host, "cut -d ' ' -f 1-2 /etc/ssh/ssh_host_ed25519_key.pub");
        let other = fs::read_to_string(&path).ok().as_ref() != Some(&key);
        fs::write(&path, key).unwrap();
        other
    }

    /// Returns the spec with the keys of the operator and of its hosts.
    fn spec_with_keys(&self) -> String {
        let key =
            |name: &str| fs::read_to_string(self.bed.dir().join(format!("{name}.pub"))).unwrap().trim().to_owned();
        let operators = format!("  name: orders\n  operators: {{bed: \"{}\"}}\n", key("operator"));
        let spec = self.spec.replace("  name: orders\n", &operators);
        HOSTS.iter().fold(spec, |spec, host| {
            let with_key = format!("    {host}: {{ssh_host_key: \"{}\", address", key(host));
            spec.replace(&format!("    {host}: {{address"), &with_key)
        })
    }

    /// Takes the Git server away.
    pub(super) fn git_server_down(&mut self) {
        self.git_server = None;
    }

    /// Puts it back.
    pub(super) fn git_server_up(&mut self) {
        self.git_server = Some(serve(&self.bed));
    }

    /// Seals what is not sealed for exactly those who need it, as a person does, then commits the spec and publishes it, as CI
    /// does.
    pub(super) fn publish(&self, message: &str) {
        let dir = self.bed.dir().join("spec");
        fs::write(dir.join("rmqgit.yaml"), self.spec_with_keys()).unwrap();
        let key = self.bed.dir().join("operator");
        let said = ended(crate::rmqgit().args(["secret", "rekey", "--identity"]).arg(key).current_dir(&dir));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        git(&dir, &["add", "--all"]);
        git(&dir, &["commit", "--quiet", "--allow-empty", "-m", message]);
        let origin = self.bed.dir().join("origin.git");
        let key = self.bed.dir().join("release");
        let args = ["publish".as_ref(), "--sign".as_ref(), key.as_os_str(), "--push".as_ref(), origin.as_os_str()];
        let said = ended(crate::rmqgit().args(args).current_dir(dir));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    }

    /// Gives a blank host what it needs to follow Git: settings, keys, and a timer. Where it is a machine with a new key, what it
    /// needs is sealed for that one.
    pub(super) fn enroll(&self, host: &str) {
        if self.take_key(host) {
            self.publish(&format!("{host} has a new key"));
        }
        let (bed, dir) = (&self.bed, self.bed.dir());
        let user = ended(Command::new("id").arg("-un")).out;
        let settings = format!(
            "remote: ssh://{}@client{}\ncluster: orders\nhost: {host}\nmode: converge\naccess: {{timeout: 10}}\n",
            user.trim(),
            dir.join("origin.git").display()
        );
        bed.put(host, "/etc/rmqgit/agent.yaml", "644", settings.as_bytes());
        let signer = format!("release {}", fs::read_to_string(dir.join("release.pub")).unwrap());
        bed.put(host, "/etc/rmqgit/allowed_signers", "644", signer.as_bytes());
        bed.put(host, "/etc/rmqgit/ssh_key", "600", &fs::read(dir.join("agent")).unwrap());
        let known = format!("client {}", fs::read_to_string(dir.join("server.pub")).unwrap());
        bed.put(host, "/etc/rmqgit/known_hosts", "644", known.as_bytes());
        // Every ten seconds, and not once in a minute, which is as often as an installation goes.
        let often = "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/10\nAccuracySec=100ms\nRandomizedDelaySec=0\n";
        bed.put(host, "/etc/systemd/system/rmqgit-sync.timer.d/often.conf", "644", often.as_bytes());
        bed.must(
            host,
            "rmqgit agent install --interval 1m && systemctl daemon-reload && systemctl restart rmqgit-sync.timer",
        );
    }

    /// Runs the agent on a host.
    pub(super) fn sync(&self, host: &str, args: &[&str]) -> Report {
        let mut all = vec!["timeout", "120", "rmqgit", "sync", "--wait", "--format", "json"];
        all.extend(args);
        report(&mut self.bed.exec(host, &all))
    }

    /// Runs the agent as a person does who lets it restart the broker.
    pub(super) fn repair(&self, host: &str) -> Report {
        let report = self.sync(host, &["--mode", "converge"]);
        if report.json["waiting"].is_array() { self.sync(host, &["--mode", "converge", "--now"]) } else { report }
    }

    /// Stops the timers: from here on the tests run the agents.
    pub(super) fn stop_timers(&self) {
        for host in HOSTS {
            self.bed.must(host, "systemctl stop rmqgit-sync.timer && rmqgit sync --wait >/dev/null || true");
        }
    }

    /// Starts them again.
    pub(super) fn start_timers(&self) {
        for host in HOSTS {
            self.bed.must(host, "systemctl start rmqgit-sync.timer");
        }
    }

    /// Complains unless every host reported after a point in time that it is as Git says.
    pub(super) fn in_sync(&self, after: Timestamp) -> Result<(), String> {
        for host in HOSTS {
            let said = self.bed.sh(host, "rmqgit status --format json");
            let report: Value = serde_json::from_str(&said.out).map_err(|_| format!("{host}: {}", said.err))?;
            let at: Timestamp = report["at"].as_str().expect("a report has its time").parse().unwrap();
            if at.as_second() < after.as_second() || report["verdict"] != "in-sync" || report["waiting"].is_array() {
                return Err(format!("{host}: {report:#}"));
            }
        }
        Ok(())
    }

    /// Complains unless all three nodes say that all three run in one cluster.
    pub(super) fn formed(&self) -> Result<(), String> {
        for host in HOSTS {
            let said = self.bed.eval(host, "lists:sort(rabbit_nodes:all_running()).");
            let wanted = "[rabbit@rabbit1,rabbit@rabbit2,rabbit@rabbit3]";
            if said.out.split_whitespace().collect::<String>() != wanted {
                return Err(format!("{host}: {}{}", said.out, said.err));
            }
        }
        Ok(())
    }

    /// Returns the hosts that have the virtual address on an interface.
    pub(super) fn holders(&self) -> Vec<&'static str> {
        let holds = |host: &&str| self.bed.sh(host, "ip -o -4 address show").out.contains(&format!(" {VIP}/"));
        BALANCERS.into_iter().filter(holds).collect()
    }

    /// Complains unless one host alone holds the virtual address.
    pub(super) fn held_by(&self, host: &str) -> Result<(), String> {
        let holders = self.holders();
        if holders == [host] { Ok(()) } else { Err(format!("{VIP} is held by {holders:?}")) }
    }

    /// Complains unless the management API answers an administrator on the virtual address.
    pub(super) fn managed(&self) -> Result<(), String> {
        let user = format!("admin:{PASSWORD}");
        let url = format!("http://{VIP}:15673/api/overview");
        let said = ended(&mut self.bed.exec("client", &["curl", "-sS", "-m", "5", "-u", &user, &url]));
        let overview: Value = serde_json::from_str(&said.out).map_err(|_| format!("{}{}", said.out, said.err))?;
        if overview["rabbitmq_version"] == self.bed.suite.rabbitmq { Ok(()) } else { Err(format!("{overview:#}")) }
    }

    /// Where the application connects to.
    pub(super) fn uri() -> String {
        format!("amqp://shop:{PASSWORD_IN_URI}@{VIP}:5673/%2F")
    }

    /// The type of queue that survives a host on this release.
    pub(super) fn queue_type(&self) -> &'static str {
        if self.mirrors() { "classic" } else { "quorum" }
    }

    /// Whether this release has mirrored queues.
    pub(super) fn mirrors(&self) -> bool {
        self.bed.suite.rabbitmq.starts_with('3')
    }

    /// Waits until the cluster serves as the spec says, and returns what is printed about it.
    pub(super) fn until_it_runs(&self, holder: &str) -> std::time::Duration {
        let now = Timestamp::now();
        let formed = until("one cluster of three", 300, || self.formed());
        let rest = until("every host in sync", 180, || self.in_sync(now));
        let vip = until("the virtual address at its place", 60, || self.held_by(holder));
        let managed = until("the management page", 60, || self.managed());
        formed + rest + vip + managed
    }
}

fn report(command: &mut Command) -> Report {
    let said = ended(command);
    let json = serde_json::from_str(&said.out)
        .unwrap_or_else(|error| panic!("no report: {error}\n{command:?}\n{}{}", said.out, said.err));
    Report { code: said.code, json }
}

/// Returns the spec for a suite.
fn spec(bed: &Bed) -> String {
    let replace = |text: String, old: &str, new: &str| {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        text.replace(old, new)
    };
    let suite = &bed.suite;
    let mut spec = replace(SPEC.to_owned(), "version: 3.10.8", &format!("version: {}", suite.rabbitmq));
    spec = replace(spec, "erlang: 25.2.3", &format!("erlang: {}", suite.erlang));
    spec = replace(spec, "version: 2.6.12", &format!("version: {}", suite.haproxy));
    spec = replace(spec, "version: 2.2.7", &format!("version: {}", suite.keepalived));
    if suite.rabbitmq.starts_with('4') {
        spec = replace(spec, MIRRORS, QUORUM);
    }
    if suite.name == "sid" {
        spec += "  rules:\n    erlang-too-new: {level: allow, reason: Debian ships this pair}\n";
    }
    spec
}

/// Starts an sshd in the client's network, at whose end is Git.
fn serve(bed: &Bed) -> Server {
    let dir = bed.dir();
    let path = |name: &str| dir.join(name).display().to_string();
    let lines = [
        "ListenAddress 192.168.1.10:22".to_owned(),
        format!("HostKey {}", path("server")),
        format!("AuthorizedKeysFile {}", path("agent.pub")),
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nAcceptEnv GIT_PROTOCOL".to_owned(),
        // A shell that is not the first one does not read what its user keeps in .bashrc.
        "SetEnv SHLVL=1".to_owned(),
    ];
    let config: PathBuf = dir.join("sshd_config");
    fs::write(&config, lines.join("\n") + "\n").unwrap();
    // Root's sshd insists on the directory; where no sshd runs as a service, nobody has made it.
    let script = format!("mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -f {}", config.display());
    bed.serve("sshd", &["sh", "-c", &script])
}
