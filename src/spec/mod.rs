//! The YAML as written.
//!
//! Input: the bytes of `rmqgit.yaml` and of the files that it includes. Output: one [`Cluster`] a cluster, with defaults
//! and profile merged in, every value with its place. Must not: read files, or know what a value means.
//!
//! `defaults` and `profiles` are merged as trees, before anything is decoded, so that an error in a default names both
//! places. One file after the other can be read and dropped: a [`Root`] holds what all clusters share and nothing else.

mod cluster;
mod definitions;
mod document;
mod haproxy;
mod keepalived;
mod maintenance;
mod rabbitmq;
mod root;
mod rules;
mod value;

pub use cluster::{Cluster, Cut, Host, Lost};
pub use definitions::{
    ApplyTo, HashingAlgorithm, Parameter, Permission, Policy, PruneKind, QueueType, TopicPermission, User, Vhost,
};
pub use document::{Document, FILE, Publish, VERSION};
pub use haproxy::{Check, CheckType, Front, Haproxy, HaproxyExtra, Stats, Timeouts};
pub use keepalived::{Instance, Keepalived, KeepalivedExtra, Mail, TrackScript};
pub use maintenance::{Day, Maintenance, Window};
pub use rabbitmq::{Node, NodeKind, Rabbitmq};
pub use root::{Inline, Root, Written, branch, include_dirs};
pub use rules::RuleSetting;
pub use value::{Lines, Named, OneOrMany, Raw, Scalar, Secret, Setting};
