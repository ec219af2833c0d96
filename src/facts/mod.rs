//! Versions, limits and platforms: tables and look-ups.
//!
//! Input: a version or a platform. Output: what holds for it, with the source of the fact. Must not: judge a spec.

pub mod classic_config;
pub mod features;
pub mod haproxy;
pub mod keepalived;
pub mod platform;
pub mod table;
pub mod version;
