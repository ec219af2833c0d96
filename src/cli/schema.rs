//! `rmqgit schema`: the JSON Schemas, generated from the types; `schema/` holds the same text for editors.

use std::io::Write;

use clap::ValueEnum;
use schemars::{JsonSchema, generate::SchemaSettings};

use super::explain::Explanations;
use super::{Exit, Failure, stdout};
use crate::definitions::Definitions;
use crate::diag;
use crate::release::{Manifest, canonical_json};
use crate::spec;

/// Print the JSON Schema of the spec or of an output
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit schema spec > .rmqgit/spec.schema.json
  $ rmqgit schema manifest > manifest.schema.json")]
pub(super) struct Args {
    /// The document
    #[arg(value_enum)]
    document: Document,
}

/// A document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Document {
    /// rmqgit.yaml
    Spec,
    /// A file of clusters/, which holds one cluster
    Cluster,
    /// What `rmqgit check --format json` prints
    Diagnostics,
    /// manifest.json of a host's tree
    Manifest,
    /// definitions.json of a host's tree
    Definitions,
    /// What `rmqgit explain --format json` prints
    Explanations,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    stdout().write_all(schema(args.document).as_bytes())?;
    Ok(Exit::Clean)
}

/// Returns the schema of a document as JSON text.
pub(super) fn schema(document: Document) -> String {
    match document {
        Document::Spec => of::<spec::Document>(),
        Document::Cluster => of::<spec::Cluster>(),
        Document::Diagnostics => of::<diag::json::Report>(),
        Document::Manifest => of::<Manifest>(),
        Document::Definitions => of::<Definitions>(),
        Document::Explanations => of::<Explanations<'static>>(),
    }
}

fn of<T: JsonSchema>() -> String {
    canonical_json(&SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>())
}
