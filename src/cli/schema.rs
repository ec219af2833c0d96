//! `rmqgit schema`: the JSON Schemas, generated from the types; `schema/` holds the same text for editors.

use std::io::Write;

use clap::ValueEnum;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use super::explain::Explanations;
use super::publish::Published;
use super::secret::Listed;
use super::{Exit, Failure, stdout};
use crate::agent::settings::AgentFile;
use crate::definitions::Definitions;
use crate::diag;
use crate::policy;
use crate::publish::Verified;
use crate::release::{Manifest, canonical_json};
use crate::review::Review;
use crate::review::diff::Diff;
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
    /// What `rmqgit publish --format json` prints
    Publish,
    /// What `rmqgit verify --format json` prints
    Verify,
    /// What `rmqgit diff --format json` prints
    Diff,
    /// What `rmqgit review --format json` prints
    Review,
    /// What `rmqgit sync` and `rmqgit status` print with `--format json`
    Report,
    /// What `rmqgit explain --format json` prints
    Explanations,
    /// /etc/rmqgit/agent.yaml of a host
    Agent,
    /// What `rmqgit secret list --format json` prints
    Secrets,
    /// A file of policies/, which holds one rule
    Rule,
    /// What the expressions of rules see
    Model,
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
        Document::Publish => of::<Published>(),
        Document::Verify => of::<Verified>(),
        Document::Diff => of::<Diff>(),
        Document::Review => of::<Review>(),
        Document::Report => of::<crate::report::Report>(),
        Document::Explanations => of::<Explanations>(),
        Document::Agent => of::<AgentFile>(),
        Document::Secrets => of::<Listed>(),
        Document::Rule => of::<policy::Rule>(),
        Document::Model => of::<policy::view::View<'static>>(),
    }
}

fn of<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(join_lines));
    canonical_json(&settings.into_generator().into_root_schema_for::<T>())
}

/// Joins the lines of a paragraph of a description: they are broken for the source's sake only.
fn join_lines(schema: &mut Schema) {
    let Some(text) = schema.get("description").and_then(serde_json::Value::as_str) else { return };
    let joined = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    schema.insert("description".to_owned(), joined.into());
}
