//! What was changed in the broker, from any of its nodes.

use super::{DRAINED, Found, Held, Repaired, Round, drift};

pub(super) const ROUNDS: &[Round] = &[
    Round {
        name: "objects deleted",
        drifts: &[
            drift("rabbit1", "rabbitmqctl -q clear_permissions shop", "permission / shop: absent", Repaired),
            drift(
                "rabbit1",
                "rabbitmqctl -q clear_topic_permissions shop",
                "topic-permission / shop on amq.topic: absent",
                Repaired,
            ),
            drift("rabbit1", "rabbitmqctl -q clear_policy ha-all", "policy / ha-all: absent", Repaired),
            drift(
                "rabbit1",
                "rabbitmqctl -q clear_operator_policy -p billing expiry",
                "operator-policy billing expiry: absent",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q clear_parameter -p billing federation-upstream branch",
                "parameter billing federation-upstream/branch: absent",
                Repaired,
            ),
            drift("rabbit1", "rabbitmqctl -q clear_global_parameter desk", "global-parameter desk: absent", Repaired),
            drift("rabbit1", "rabbitmqctl -q clear_vhost_limits -p billing", "vhost-limits billing: absent", Repaired),
        ],
    },
    Round {
        name: "a user deleted",
        drifts: &[drift(
            "rabbit1",
            "rabbitmqctl -q delete_user shop",
            "user shop: absent; permission / shop: absent; topic-permission / shop on amq.topic: absent",
            Repaired,
        )],
    },
    Round {
        name: "a vhost deleted",
        drifts: &[drift(
            "rabbit1",
            "rabbitmqctl -q delete_vhost billing",
            "vhost billing: absent; operator-policy billing expiry: absent; vhost-limits billing: absent; permission billing admin: absent; parameter billing federation-upstream/branch: absent",
            Repaired,
        )],
    },
    Round {
        name: "objects changed",
        drifts: &[
            drift(
                "rabbit1",
                "rabbitmqctl -q set_permissions shop '.*' '.*' '.*'",
                "permission / shop: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_permissions -p billing admin '' '.*' '.*'",
                "permission billing admin: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_topic_permissions shop amq.topic '.*' '.*'",
                "topic-permission / shop on amq.topic: content",
                Repaired,
            ),
            drift("rabbit1", "rabbitmqctl -q set_user_tags shop administrator", "user shop: content", Repaired),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_user_tags admin",
                "user admin: content; unknown: the management API",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_operator_policy -p billing expiry '^tmp\\.' '{\"expires\":1000}' --apply-to queues",
                "operator-policy billing expiry: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_parameter -p billing federation-upstream branch '{\"uri\":\"amqp://elsewhere\"}'",
                "parameter billing federation-upstream/branch: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_global_parameter desk '{\"phone\":\"0\"}'",
                "global-parameter desk: content",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_vhost_limits -p billing '{\"max-connections\":1,\"max-queues\":50}'",
                "vhost-limits billing: content",
                Repaired,
            ),
        ],
    },
    Round {
        name: "a password changed",
        drifts: &[
            drift("rabbit1", "rabbitmqctl -q change_password shop guessed", "user shop: password", Repaired),
            drift(
                "rabbit1",
                "rabbitmqctl -q clear_password admin",
                "user admin: password; unknown: the management API",
                Repaired,
            ),
        ],
    },
    Round {
        name: "a policy's pattern",
        drifts: &[drift(
            "rabbit1",
            "rabbitmqctl -q set_policy ha-all nothing '{\"expires\":3600000}'",
            "policy / ha-all: content",
            Repaired,
        )],
    },
    Round {
        name: "a policy's priority",
        drifts: &[drift(
            "rabbit1",
            "rabbitmqctl -q set_policy --priority 9 --apply-to queues ha-all '^shop' '{\"max-length\":99}'",
            "policy / ha-all: content",
            Repaired,
        )],
    },
    Round {
        name: "foreign objects of a kind that is pruned",
        drifts: &[
            drift("rabbit1", "rabbitmqctl -q add_user mallory guessed", "user mallory: surplus", Repaired),
            drift("rabbit1", "rabbitmqctl -q add_user guest guest", "user guest: surplus", Repaired),
            // It wins over the one of the spec on every queue.
            drift(
                "rabbit1",
                "rabbitmqctl -q set_policy --priority 10 mine '.*' '{\"max-length\":1}'",
                "policy / mine: surplus",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_policy -p billing mine '^x' '{\"max-length\":1}' --apply-to queues",
                "policy billing mine: surplus",
                Repaired,
            ),
        ],
    },
    Round {
        name: "foreign objects that stay",
        drifts: &[
            drift(
                "rabbit1",
                "rabbitmqctl -q add_vhost theirs",
                "finding: unmanaged-objects",
                Found("rabbitmqctl -q delete_vhost theirs"),
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_permissions -p billing shop '' '' ''",
                "finding: unmanaged-objects",
                Found("rabbitmqctl -q clear_permissions -p billing shop"),
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_operator_policy theirs '^y' '{\"max-length\":9}' --apply-to queues",
                "finding: unmanaged-objects",
                Found("rabbitmqctl -q clear_operator_policy theirs"),
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_global_parameter theirs '1'",
                "finding: unmanaged-objects",
                Found("rabbitmqctl -q clear_global_parameter theirs"),
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_vhost_limits -p / '{\"max-queues\":5}'",
                "vhost-limits /: surplus",
                Repaired,
            ),
            drift(
                "rabbit1",
                "rabbitmqctl -q set_parameter federation-upstream theirs '{\"uri\":\"amqp://x\"}'",
                "finding: unmanaged-objects",
                Found("rabbitmqctl -q clear_parameter federation-upstream theirs"),
            ),
        ],
    },
    Round {
        name: "plugins",
        drifts: &[
            drift(
                "rabbit1",
                "rabbitmq-plugins -q disable rabbitmq_federation",
                "/etc/rabbitmq/enabled_plugins: content owner",
                Repaired,
            ),
            drift(
                "rabbit2",
                "rabbitmq-plugins -q enable rabbitmq_stomp",
                "/etc/rabbitmq/enabled_plugins: content owner",
                Repaired,
            ),
            drift(
                "rabbit3",
                "rabbitmq-plugins -q disable rabbitmq_management",
                "/etc/rabbitmq/enabled_plugins: content owner; unknown: the management API",
                Repaired,
            ),
        ],
    },
    Round {
        name: "the node taken out by hand",
        drifts: &[drift(
            "rabbit3",
            "rabbitmqctl -q stop_app; rabbitmqctl -q -n rabbit@rabbit1 forget_cluster_node rabbit@rabbit3",
            "member rabbit@rabbit3: state; unknown: the broker's objects (definitions.json)",
            Held("not-granted", "rabbitmqctl -q reset && rabbitmqctl -q start_app"),
        )],
    },
    // The management API tells of a node what it collected some seconds before.
    Round {
        name: "what runs beside the files",
        drifts: &[
            drift(
                "rabbit1",
                "rabbitmqctl -q set_disk_free_limit 1GB; sleep 12",
                "finding: changed-while-running",
                Found("rabbitmqctl -q set_disk_free_limit 50MB"),
            ),
            drift(
                "rabbit2",
                "rabbitmq-plugins -q disable rabbitmq_federation; rabbitmq-plugins -q enable --offline rabbitmq_federation
                 chown rabbitmq:rabbitmq /etc/rabbitmq/enabled_plugins; sleep 12",
                "plugin rabbitmq_federation: state",
                Repaired,
            ),
            drift(
                "rabbit3",
                "rabbitmq-upgrade -q drain",
                DRAINED,
                Found("rabbitmq-upgrade -q revive"),
            ),
        ],
    },
    Round {
        name: "an alarm",
        drifts: &[drift(
            "rabbit2",
            "rabbitmqctl -q set_vm_memory_high_watermark absolute 1MB; sleep 12",
            "finding: alarm; finding: changed-while-running",
            Found("rabbitmqctl -q set_vm_memory_high_watermark 0.4"),
        )],
    },
];
