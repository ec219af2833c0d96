//! Files that were edited, taken away, given to somebody else, or replaced.

use super::{Found, Held, Repaired, Round, drift};

pub(super) const ROUNDS: &[Round] = &[
    Round {
        name: "files edited",
        drifts: &[
            drift(
                "rabbit1",
                "echo '# by hand' >>/etc/haproxy/haproxy.cfg",
                "/etc/haproxy/haproxy.cfg: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "sed -i 's/priority .*/priority 7/' /etc/keepalived/keepalived.conf",
                "/etc/keepalived/keepalived.conf: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "printf '#!/bin/sh\\nexit 0\\n' >/usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "sed -i '/BEGIN rmqgit/,$ s/^192.168.1.220/192.168.1.99/' /etc/hosts",
                "/etc/hosts: content",
                Repaired,
            ),
            drift("rabbit2", ": >/etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg: content", Repaired),
            drift(
                "rabbit2",
                ": >/etc/keepalived/keepalived.conf",
                "/etc/keepalived/keepalived.conf: content",
                Repaired,
            ),
            drift("rabbit2", "sed -i '/rmqgit/,/rmqgit/d' /etc/hosts", "/etc/hosts: content", Repaired),
            drift(
                "rabbit2",
                "sed -i 's/LimitNOFILE=.*/LimitNOFILE=1024/' /etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf",
                "/etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo 'heartbeat = 7' >>/etc/rabbitmq/rabbitmq.conf",
                "/etc/rabbitmq/rabbitmq.conf: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo MAX_NUMBER_OF_PROCESSES=65536 >>/etc/rabbitmq/rabbitmq-env.conf",
                "/etc/rabbitmq/rabbitmq-env.conf: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo '[].' >/etc/rabbitmq/advanced.config",
                "/etc/rabbitmq/advanced.config: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo HANDMADEHANDMADE >/var/lib/rabbitmq/.erlang.cookie",
                "/var/lib/rabbitmq/.erlang.cookie: content",
                Repaired,
            ),
        ],
    },
    Round {
        name: "files with what no program takes",
        drifts: &[
            drift(
                "rabbit1",
                "echo 'no such keyword' >>/etc/haproxy/haproxy.cfg",
                "/etc/haproxy/haproxy.cfg: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "echo '}' >>/etc/keepalived/keepalived.conf",
                "/etc/keepalived/keepalived.conf: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "echo 'if' >>/usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "head -c 100000 /dev/urandom >/etc/rabbitmq/rabbitmq.conf",
                "/etc/rabbitmq/rabbitmq.conf: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo '[{kernel, ' >/etc/rabbitmq/advanced.config",
                "/etc/rabbitmq/advanced.config: content",
                Repaired,
            ),
            drift(
                "rabbit3",
                "echo NODE_PORT=5679 >>/etc/rabbitmq/rabbitmq-env.conf",
                "/etc/rabbitmq/rabbitmq-env.conf: content",
                Repaired,
            ),
        ],
    },
    Round {
        name: "modes",
        drifts: &[
            drift("rabbit1", "chmod 666 /etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg: mode", Repaired),
            drift(
                "rabbit1",
                "chmod 0 /etc/keepalived/keepalived.conf",
                "/etc/keepalived/keepalived.conf: mode",
                Repaired,
            ),
            drift(
                "rabbit1",
                "chmod 644 /usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: mode",
                Repaired,
            ),
            drift(
                "rabbit1",
                "chmod 600 /var/lib/rabbitmq/.erlang.cookie",
                "/var/lib/rabbitmq/.erlang.cookie: mode",
                Repaired,
            ),
            drift(
                "rabbit2",
                "chmod 4755 /usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: mode",
                Repaired,
            ),
            drift("rabbit3", "chmod 600 /etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq.conf: mode", Repaired),
            drift(
                "rabbit3",
                "chmod 755 /etc/rabbitmq/rabbitmq-env.conf",
                "/etc/rabbitmq/rabbitmq-env.conf: mode",
                Repaired,
            ),
            drift(
                "rabbit3",
                "chmod 640 /etc/rabbitmq/advanced.config",
                "/etc/rabbitmq/advanced.config: mode",
                Repaired,
            ),
            drift(
                "rabbit3",
                "chmod 666 /etc/rabbitmq/enabled_plugins",
                "/etc/rabbitmq/enabled_plugins: mode",
                Repaired,
            ),
            drift(
                "rabbit3",
                "chmod 700 /etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf",
                "/etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf: mode",
                Repaired,
            ),
        ],
    },
    Round {
        name: "owners",
        drifts: &[
            drift("rabbit1", "chown haproxy /etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg: owner", Repaired),
            drift(
                "rabbit1",
                "chgrp daemon /etc/keepalived/keepalived.conf",
                "/etc/keepalived/keepalived.conf: owner",
                Repaired,
            ),
            drift(
                "rabbit1",
                "chown daemon /usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: owner",
                Repaired,
            ),
            drift(
                "rabbit1",
                "chown 4711:4711 /etc/rabbitmq/rabbitmq.conf",
                "/etc/rabbitmq/rabbitmq.conf: owner",
                Repaired,
            ),
            drift(
                "rabbit2",
                "chown root /var/lib/rabbitmq/.erlang.cookie",
                "/var/lib/rabbitmq/.erlang.cookie: owner",
                Repaired,
            ),
            drift(
                "rabbit2",
                "chown root:root /etc/rabbitmq/enabled_plugins",
                "/etc/rabbitmq/enabled_plugins: owner",
                Repaired,
            ),
            drift(
                "rabbit3",
                "chown rabbitmq /etc/rabbitmq/rabbitmq-env.conf; chmod 600 /etc/rabbitmq/rabbitmq-env.conf",
                "/etc/rabbitmq/rabbitmq-env.conf: mode owner",
                Repaired,
            ),
        ],
    },
    Round {
        name: "files deleted",
        drifts: &[
            drift("rabbit1", "rm /etc/haproxy/haproxy.cfg", "/etc/haproxy/haproxy.cfg: absent", Repaired),
            drift(
                "rabbit1",
                "rm /usr/libexec/keepalived/check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: absent",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rm -r /etc/systemd/system/haproxy.service.d",
                "/etc/systemd/system/haproxy.service.d/50-rmqgit.conf: absent",
                Repaired,
            ),
            drift("rabbit2", "rm /etc/keepalived/keepalived.conf", "/etc/keepalived/keepalived.conf: absent", Repaired),
            drift(
                "rabbit2",
                "rm -r /etc/systemd/system/rabbitmq-server.service.d",
                "/etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf: absent",
                Repaired,
            ),
            drift("rabbit3", "rm /etc/rabbitmq/rabbitmq.conf", "/etc/rabbitmq/rabbitmq.conf: absent", Repaired),
            drift("rabbit3", "rm /etc/rabbitmq/rabbitmq-env.conf", "/etc/rabbitmq/rabbitmq-env.conf: absent", Repaired),
            drift("rabbit3", "rm /etc/rabbitmq/advanced.config", "/etc/rabbitmq/advanced.config: absent", Repaired),
        ],
    },
    // Alone: some seconds later a node makes itself another one.
    Round {
        name: "the cookie deleted",
        drifts: &[drift(
            "rabbit3",
            "rm /var/lib/rabbitmq/.erlang.cookie",
            "/var/lib/rabbitmq/.erlang.cookie: absent",
            Repaired,
        )],
    },
    Round {
        name: "something else in their place",
        drifts: &[
            drift(
                "rabbit1",
                "cd /etc/haproxy; mv haproxy.cfg own; ln -s own haproxy.cfg; rm -f /etc/haproxy/own",
                "/etc/haproxy/haproxy.cfg: kind",
                Repaired,
            ),
            drift(
                "rabbit1",
                "cd /etc/keepalived; cp -p keepalived.conf /run/own; ln -sf /run/own keepalived.conf",
                "/etc/keepalived/keepalived.conf: kind",
                Repaired,
            ),
            drift(
                "rabbit2",
                "cd /usr/libexec/keepalived; rm check-haproxy; mkdir check-haproxy",
                "/usr/libexec/keepalived/check-haproxy: kind",
                Held("not-a-file", "rmdir /usr/libexec/keepalived/check-haproxy"),
            ),
            drift(
                "rabbit2",
                "rm /etc/haproxy/haproxy.cfg; mkfifo /etc/haproxy/haproxy.cfg",
                "/etc/haproxy/haproxy.cfg: kind",
                Held("not-a-file", "rm /etc/haproxy/haproxy.cfg"),
            ),
            drift(
                "rabbit3",
                "cp -p /etc/rabbitmq/rabbitmq.conf /run/own; ln -sf /run/own /etc/rabbitmq/rabbitmq.conf",
                "/etc/rabbitmq/rabbitmq.conf: kind",
                Repaired,
            ),
            drift(
                "rabbit3",
                "ln -sf /dev/null /etc/rabbitmq/advanced.config",
                "/etc/rabbitmq/advanced.config: kind",
                Repaired,
            ),
            drift(
                "rabbit3",
                "ln -sf /dev/null /etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf",
                "/etc/systemd/system/rabbitmq-server.service.d/50-rmqgit.conf: kind",
                Repaired,
            ),
        ],
    },
    Round {
        name: "markers of a shared file",
        drifts: &[
            drift(
                "rabbit1",
                "cp -p /etc/hosts /run/hosts; sed -i '0,/rmqgit/{/rmqgit/d}' /etc/hosts",
                "/etc/hosts: content",
                Held("damaged-block", "cat /run/hosts >/etc/hosts"),
            ),
            drift(
                "rabbit2",
                "cp -p /etc/hosts /run/hosts; cat /run/hosts >>/etc/hosts",
                "/etc/hosts: content",
                Held("damaged-block", "cat /run/hosts >/etc/hosts"),
            ),
        ],
    },
    Round {
        name: "what a killed run would leave",
        drifts: &[drift(
            "rabbit1",
            "echo half >/etc/haproxy/.haproxy.cfg.rmqgit-new",
            "finding: leftover",
            Found("true"),
        )],
    },
];
