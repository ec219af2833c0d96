//! The root of `rmqgit.yaml`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::cluster::Cluster;
use super::value::{Named, OneOrMany, Raw};
use crate::diag::At;

/// The name of the file at the root of a spec repository.
pub const FILE: &str = "rmqgit.yaml";
/// The version of the spec's format that this program reads.
pub const VERSION: u32 = 1;

/// The whole of `rmqgit.yaml`: one cluster, several, or a fleet whose clusters have a file each.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "rmqgit.yaml")]
pub struct Document {
    /// The version of the spec's format: 1.
    #[schemars(extend("const" = 1))]
    pub version: At<u32>,
    /// The one cluster.
    pub cluster: Option<At<Raw<Cluster>>>,
    /// The clusters by name, or a list of clusters with names.
    pub clusters: Option<At<Raw<Clusters>>>,
    /// The files that hold one cluster each, as patterns with `*`. Default: `clusters/*.yaml` and `clusters/*.yml`.
    pub include: Option<At<OneOrMany>>,
    /// What holds for every cluster that does not say otherwise: a part of a cluster.
    pub defaults: Option<At<Raw<Cluster>>>,
    /// Named parts of a cluster that a cluster chooses by `profile: NAME`; they stand between the defaults and the cluster.
    pub profiles: Option<Named<String, At<Raw<Cluster>>>>,
    /// Where the compiled files are committed to.
    #[serde(default)]
    pub publish: Publish,
}

/// Where the compiled files are committed to.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The output branch. Default: `rmqgit/output`.
    pub branch: Option<At<String>>,
}

/// The clusters by name, or a list of clusters with names.
#[derive(Debug, Clone, PartialEq)]
pub enum Clusters {}

impl JsonSchema for Clusters {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Clusters".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let cluster = generator.subschema_for::<Cluster>();
        json_schema!({
            "anyOf": [
                { "type": "object", "additionalProperties": cluster },
                { "type": "array", "items": cluster },
            ],
        })
    }
}
