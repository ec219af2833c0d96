//! rmqgit keeps highly available RabbitMQ (brokers, HAProxy, Keepalived) exactly as a Git repository says.
//!
//! The pipeline is the architecture; each stage is one function named after it:
//!
//! ```text
//! spec --parse--> Spec --lower--> Model --compile--> Bundles --check(rules)--> Bundles --publish--> [Git]
//! [Git] --fetch--> Bundle ; observe -> Observed ; plan(base, desired, observed) -> Plan --apply--> outcomes --report--> Report
//! ```
//!
//! The modules below are in reading order. Pure modules mention no files, network, environment, clock or printing;
//! only `sys` touches the outside. `tests/it/tidy.rs` holds who may use whom.

// Shared, pure.
pub mod definitions;
pub mod diag;
pub mod facts;
pub mod live;
pub mod name;
pub mod quote;
pub mod release;
pub mod secret;
pub mod trust;
pub mod yaml;

// The author's half.
pub mod spec;

pub mod model;

pub mod policy;

pub mod compile;

pub mod check;

pub mod review;

pub mod forge;

pub mod publish;

// The host's half.
pub mod fetch;

pub mod observe;

pub mod plan;

pub mod apply;

pub mod report;

pub mod alert;

// The programs.
pub mod agent;
pub mod cli;
pub mod sys;
