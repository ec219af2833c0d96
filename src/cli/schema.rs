//! `rmqgit schema`: the JSON Schemas, generated from the types; `schema/` holds the same text for editors.

use std::io::Write;

use clap::ValueEnum;
use schemars::{JsonSchema, generate::SchemaSettings};

use super::explain::Explanations;
use super::{Exit, Failure, stdout};
use crate::definitions::Definitions;
use crate::release::{Manifest, canonical_json};

/// Print the JSON Schema of the spec or of an output
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit schema manifest > manifest.schema.json")]
pub(super) struct Args {
    /// The document
    #[arg(value_enum)]
    document: Document,
}

/// A document that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Document {
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

fn schema(document: Document) -> String {
    match document {
        Document::Manifest => of::<Manifest>(),
        Document::Definitions => of::<Definitions>(),
        Document::Explanations => of::<Explanations<'static>>(),
    }
}

fn of<T: JsonSchema>() -> String {
    canonical_json(&SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>())
}
