//! Versions, limits and platforms: tables and look-ups.
//!
//! Input: a version or a platform. Output: what holds for it, with the source of the fact. Must not: judge a spec.
//!
//! What is a list stands in `tables/*.tsv`, one row a fact, and is read by [`table`].

pub mod classic_config;
pub mod config_effects;
pub mod config_keys;
pub mod config_type;
pub mod deprecations;
pub mod features;
pub mod haproxy;
pub mod keepalived;
pub mod platform;
pub mod plugins;
pub mod policy_keys;
pub mod range;
pub mod releases;
pub mod table;
pub mod time_zones;
pub mod upgrades;
pub mod variables;
pub mod version;
