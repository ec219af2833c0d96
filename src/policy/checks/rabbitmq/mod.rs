//! RabbitMQ: its keys, policies, plugins, variables, versions and definitions.

mod broker_policies;
mod config_keys;
mod definitions;
mod deprecations;
mod erlang;
mod limits;
mod plugins;
mod secrets;
mod upgrade;
mod variables;

use super::Check;

/// The checks of RabbitMQ by their names, sorted.
pub(super) const CHECKS: &[(&str, Check)] = &[
    ("auth-backend-of-disabled-plugin", plugins::backends),
    ("config-key-idle-without-plugin", config_keys::idle_of_plugin),
    ("config-key-of-disabled-plugin", config_keys::refused_of_plugin),
    ("config-key-of-later-version", config_keys::too_new),
    ("config-key-removed", config_keys::removed),
    ("config-key-renamed", config_keys::renamed),
    ("config-key-twice", config_keys::said_twice),
    ("config-key-unknown", config_keys::unknown),
    ("config-key-without-effect", config_keys::without_effect),
    ("config-line-unreadable", config_keys::unreadable),
    ("config-value-type", config_keys::wrong_type),
    ("definition-outside-version", definitions::outside_version),
    ("deliveries-dropped", definitions::dropped_deliveries),
    ("deprecated-feature-gone", deprecations::gone),
    ("disk-limit-low", limits::disk_free),
    ("downgrade", upgrade::down),
    ("end-of-life", erlang::end_of_life),
    ("erlang-for-new-clusters", erlang::new_clusters_only),
    ("erlang-too-new", erlang::too_new),
    ("erlang-too-old", erlang::too_old),
    ("federation-upstream-unknown", definitions::unknown_upstream),
    ("majority-removed", upgrade::lost_majority),
    ("mirroring-removed", broker_policies::mirroring_removed),
    ("mirrors-on-missing-nodes", broker_policies::mirror_nodes),
    ("node-removed", upgrade::removed_node),
    ("node-renamed", upgrade::renamed_node),
    ("operator-policy-key", broker_policies::operator_key),
    ("operator-policy-unsupported", broker_policies::operators_unsupported),
    ("outdated-patch", erlang::outdated_patch),
    ("parameter-of-disabled-plugin", plugins::parameters),
    ("plugin-misspelt", plugins::misspelt),
    ("plugin-not-shipped", plugins::foreign),
    ("plugin-of-objects-disabled", upgrade::plugin_with_objects),
    ("plugin-outside-version", plugins::outside_version),
    ("plugin-without-effect", plugins::without_effect),
    ("policy-apply-to-outside-version", broker_policies::apply_to),
    ("policy-key-idle", broker_policies::idle_key),
    ("policy-key-of-disabled-plugin", broker_policies::key_of_plugin),
    ("policy-key-outside-version", broker_policies::key_outside_version),
    ("policy-key-unknown", broker_policies::unknown_key),
    ("policy-keys-incomplete", broker_policies::incomplete),
    ("policy-value-type", broker_policies::wrong_value),
    ("secret-reused", secrets::reused),
    ("tls-peer-unverifiable", definitions::unverifiable_peer),
    ("topic-permission-without-exchange", definitions::undeclared_exchange),
    ("unknown-release", erlang::unknown_release),
    ("upgrade-feature-flags", upgrade::flags),
    ("upgrade-path", upgrade::path),
    ("upgrade-with-erlang", upgrade::erlang),
    ("upgrade-with-full-stop", upgrade::stop),
    ("user-tag-misspelt", definitions::misspelt_tag),
    ("user-without-permissions", definitions::idle_user),
    ("variable-outside-version", variables::outside_version),
    ("variable-unknown", variables::unknown),
    ("vhost-without-users", definitions::vhost_without_users),
];
