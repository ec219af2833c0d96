//! What is said where the old side has commits that the new one does not come from.

use schemars::JsonSchema;
use serde::Serialize;

use super::pair::count;
use super::words::quoted;

/// The new side does not come from the old one: what only the old side has looks undone, though merging undoes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diverged {
    /// How many commits the old side has that the new one does not come from; none where the repository does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<usize>,
    /// The commit where the two parted; none if the repository knows of no commit that both have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge_base: Option<String>,
    /// The sentences: what is not as it looks, and what to do.
    pub text: String,
}

impl Diverged {
    /// Makes it of the revisions as they were asked for, and of the commit that the new one is.
    pub fn new((base, head): (&str, &str), commits: Option<usize>, (merge_base, new): (Option<String>, &str)) -> Self {
        let (base, head) = (quoted(base), quoted(head));
        let many = commits.map_or_else(|| "commits".to_owned(), |commits| count(commits, "commit"));
        let text = match merge_base.as_deref() {
            Some(parted) if parted == new => format!(
                "{head} is older than {base}, which has {many} more: this is what going back does. Merging it does nothing."
            ),
            Some(parted) => format!(
                "{base} has {many} that {head} does not have: what changed there looks undone here, though merging undoes \
                 nothing. Add `--merged` to review what merging makes of both, or give {} as BASE, where the two parted.",
                quoted(parted.get(..12).unwrap_or(parted))
            ),
            None => format!(
                "{base} and {head} have no commit in common, as far as this clone knows: what only {base} has looks undone \
                 here. If the clone is shallow, fetch the rest (`git fetch --unshallow`)."
            ),
        };
        Self { commits, merge_base, text }
    }
}
