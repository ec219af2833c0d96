//! Units that were stopped, disabled, masked, or do not run what is on disk; addresses that came and went by hand.

use super::{Found, Held, Repaired, Round, drift};

pub(super) const ROUNDS: &[Round] = &[
    Round {
        name: "units stopped",
        drifts: &[
            drift("rabbit1", "systemctl stop haproxy", "haproxy.service: state; finding: member-down", Repaired),
            drift("rabbit2", "systemctl stop keepalived", "keepalived.service: state", Repaired),
            drift(
                "rabbit3",
                "systemctl stop rabbitmq-server",
                "rabbitmq-server.service: state; unknown: the broker's objects (definitions.json)",
                Repaired,
            ),
        ],
    },
    Round {
        name: "units disabled",
        drifts: &[
            drift("rabbit1", "systemctl disable --quiet haproxy", "haproxy.service: state", Repaired),
            drift("rabbit1", "systemctl disable --quiet keepalived", "keepalived.service: state", Repaired),
            drift("rabbit2", "rm /etc/systemd/system/multi-user.target.wants/haproxy.service", "haproxy.service: state", Repaired),
            drift("rabbit2", "systemctl disable --quiet --now keepalived", "keepalived.service: state", Repaired),
            drift("rabbit3", "systemctl disable --quiet rabbitmq-server", "rabbitmq-server.service: state", Repaired),
        ],
    },
    Round {
        name: "units masked",
        drifts: &[
            drift("rabbit1", "systemctl mask --quiet --now haproxy", "haproxy.service: state", Held("masked", "systemctl unmask --quiet haproxy")),
            drift("rabbit2", "systemctl mask --quiet --now keepalived", "keepalived.service: state", Held("masked", "systemctl unmask --quiet keepalived")),
            drift("rabbit3", "systemctl mask --quiet rabbitmq-server", "rabbitmq-server.service: state", Held("masked", "systemctl unmask --quiet rabbitmq-server")),
        ],
    },
    Round {
        name: "units that failed",
        drifts: &[
            drift("rabbit2", "systemctl kill --signal=KILL keepalived; sleep 1; systemctl stop keepalived; true", "keepalived.service: state", Repaired),
            drift(
                "rabbit3",
                "rabbitmqctl -q stop_app",
                "member rabbit@rabbit3: state; unknown: the broker's objects (definitions.json)",
                Repaired,
            ),
        ],
    },
    Round {
        name: "right on disk and never read",
        drifts: &[
            drift(
                "rabbit1",
                "cd /etc/haproxy; cp -p haproxy.cfg /run/good; sed -i '/stats enable/d' haproxy.cfg; systemctl reload haproxy; cat /run/good >haproxy.cfg",
                "haproxy.service: state",
                Repaired,
            ),
            drift(
                "rabbit2",
                "cd /etc/keepalived; cp -p keepalived.conf /run/good; sed -i 's/priority .*/priority 7/' keepalived.conf
                 systemctl reload keepalived; sleep 1; cat /run/good >keepalived.conf",
                "keepalived.service: state",
                Repaired,
            ),
            drift(
                "rabbit3",
                "cd /etc/systemd/system/rabbitmq-server.service.d; cp -p 50-rmqgit.conf /run/good; echo '[Service]' >50-rmqgit.conf
                 systemctl daemon-reload; cat /run/good >50-rmqgit.conf",
                "rabbitmq-server.service: state",
                Repaired,
            ),
        ],
    },
    Round {
        name: "the virtual address by hand",
        drifts: &[drift(
            "rabbit2",
            "ip addr add 192.168.1.222/32 dev eth0",
            "finding: two-holders",
            Found("ip addr del 192.168.1.222/32 dev eth0"),
        )],
    },
];
