//! What the demonstration says and types. The commands are run as they stand here, in its directory.

/// One thing to understand.
pub(in crate::cli) struct Step {
    /// What happens.
    pub(in crate::cli) title: &'static str,
    /// Why.
    pub(in crate::cli) why: &'static str,
    /// The commands, each with the exit status that it must end with.
    pub(in crate::cli) commands: &'static [(&'static str, i32)],
}

/// What is said first.
pub(super) const OVERTURE: &str = "\
rmqgit, start to end: three RabbitMQ brokers, HAProxy on two of the hosts, one virtual address.
  spec/           a Git repository with one file, rmqgit.yaml
  remote.git/     the bare repository that people push to and hosts pull from
  hosts/rabbitN/  the root directory of each host, with accounts, secrets and a file or two of its own
Lines that begin with `$` are commands. They run as they are printed; type them yourself if you like.
";

/// The demonstration.
pub(in crate::cli) const STEPS: &[Step] = &[
    Step {
        title: "One file describes the cluster",
        why: "`check` parses it, resolves every reference and holds it against what RabbitMQ, HAProxy and Keepalived allow.",
        commands: &[("cat spec/rmqgit.yaml", 0), ("rmqgit check spec", 0)],
    },
    Step {
        title: "Compile it: every file of every host",
        why: "Nothing is hidden: these are the files that will stand on a host, at their real paths, and the front that AMQP clients\n\
              connect to in its haproxy.cfg.",
        commands: &[
            ("rmqgit compile spec --out out", 0),
            ("find out/orders/rabbit1 -type f | sort", 0),
            ("sed -n '/^listen amqp/,$p' out/orders/rabbit1/rootfs/etc/haproxy/haproxy.cfg", 0),
        ],
    },
    Step {
        title: "Commit, publish",
        why: "`publish` compiles the committed spec, commits the files to an output branch that people can review, gives each\n\
              host a ref of its own, and pushes them to the remote in one step.",
        commands: &[
            (
                "git -C spec add --all && git -C spec commit --quiet --message 'orders: three brokers behind one address'",
                0,
            ),
            ("rmqgit publish spec --push origin", 0),
            ("git -C remote.git for-each-ref --format='%(refname)'", 0),
        ],
    },
    Step {
        title: "Each host pulls its own part",
        why: "Cron or a systemd timer would run this. A host fetches its own ref, compares it with what is live and converges.\n\
              Secrets are joined in here, on the host; Git has never seen them. `--root` makes a directory the file system.",
        commands: &[
            ("rmqgit sync --root hosts/rabbit1", 0),
            ("rmqgit sync --root hosts/rabbit2", 0),
            ("rmqgit sync --root hosts/rabbit3", 0),
        ],
    },
    Step {
        title: "Somebody edits a host by hand",
        why: "Another balancing algorithm in haproxy.cfg, and an Erlang cookie that everyone can read.",
        commands: &[
            ("sed -i 's/leastconn/roundrobin/' hosts/rabbit1/etc/haproxy/haproxy.cfg", 0),
            ("chmod 0644 hosts/rabbit1/var/lib/rabbitmq/.erlang.cookie", 0),
        ],
    },
    Step {
        title: "The drift is reported",
        why: "In report mode nothing is changed. The status is 1, so that a script or a monitor notices.",
        commands: &[("rmqgit sync --root hosts/rabbit1 --mode report", 1)],
    },
    Step {
        title: "Converge, and converge again",
        why: "The first run brings back both files. On a machine `haproxy -c` must accept the new haproxy.cfg first, and HAProxy\n\
              reloads it; in these directories there is no HAProxy, and the report says so. The second run finds nothing to do.",
        commands: &[("rmqgit sync --root hosts/rabbit1", 0), ("rmqgit sync --root hosts/rabbit1", 0)],
    },
    Step {
        title: "Change the spec: another port, another policy",
        why: "The two releases are compared as the hosts will see them: in the files themselves. `rmqgit diff -C spec HEAD~1 HEAD`\n\
              shows the same before anything is published; that is what CI shows on a pull request.",
        commands: &[
            ("sed -i 's/port: 5673/port: 5674/; s/ha-sync-mode: automatic/ha-sync-mode: manual/' spec/rmqgit.yaml", 0),
            ("git -C spec commit --quiet --all --message 'orders: move AMQP to 5674, synchronise mirrors by hand'", 0),
            ("rmqgit publish spec --push origin", 0),
            ("rmqgit diff -C spec rmqgit/output~1 rmqgit/output", 0),
        ],
    },
    Step {
        title: "The hosts pull the change",
        why: "In report mode the change is pending, not drift: the release asks for it. Then each host converges.",
        commands: &[
            ("rmqgit sync --root hosts/rabbit1 --mode report", 1),
            ("rmqgit sync --root hosts/rabbit1", 0),
            ("rmqgit sync --root hosts/rabbit2", 0),
            ("rmqgit sync --root hosts/rabbit3", 0),
            ("rmqgit status --root hosts/rabbit1", 0),
        ],
    },
];

/// What is said last.
pub(super) const EPILOGUE: &str = "\
All of it is in DIR; remove the directory when you have seen enough. Try next:
  git -C remote.git log --stat rmqgit/output   the output branch: what was released, and when
  edit spec/rmqgit.yaml, break something, and run `rmqgit check spec`
  rmqgit init my-spec                    a repository of your own to start from";
