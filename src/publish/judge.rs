//! Collects what is wrong with the clusters of a spec, each of them and all together.

use std::collections::BTreeMap;

use super::build::{Judged, Product};
use super::fleet::{Unit, relocate, relocate_facts};
use super::index::Index;
use crate::check;
use crate::diag::{Diagnostics, Severity, Sources};
use crate::model::fleet;
use crate::policy::Checker;
use crate::sys::git::{GitError, Objects};

/// Where the units come from.
pub(super) struct Bench<'a, 'r> {
    pub(super) objects: &'a Objects<'a>,
    /// The clusters that were not compiled, because they did not change.
    pub(super) kept: &'a Index,
    pub(super) units: &'a [Unit],
    /// The rules, if they are asked.
    pub(super) checker: Option<&'a Checker<'r>>,
}

/// Returns what the units became; `None` if the spec is wrong, and the diagnostics say how.
pub(super) fn judge<'b, T>(
    diags: &mut Diagnostics,
    sources: &'b mut Sources,
    bench: &'b Bench<'b, '_>,
    judged: Vec<Judged<T>>,
) -> Result<Option<Vec<Product<T>>>, GitError> {
    let mut numbers = FileNumbers { bench, sources, known: BTreeMap::new() };
    let mut sound = Vec::with_capacity(judged.len());
    for (unit, one) in bench.units.iter().zip(judged) {
        let (mut found, one) = match one {
            Ok(mut one) => (std::mem::take(&mut one.warnings), Some(one)),
            Err(found) => (found, None),
        };
        if !found.is_empty() {
            relocate(&mut found, numbers.of(unit)?);
            diags.append(&mut found);
        }
        sound.extend(one);
    }
    let complete = sound.len() == bench.units.len();
    if complete && !together(bench, &sound).is_empty() {
        // Only now is it worth it to know every file.
        for (unit, one) in bench.units.iter().zip(&mut sound) {
            relocate_facts(&mut one.facts, numbers.of(unit)?);
        }
        diags.append(&mut together(bench, &sound));
    }
    let wrong = diags.iter().any(|diag| diag.severity == Severity::Error);
    Ok((complete && !wrong).then_some(sound))
}

/// Checks what must be unique across the fleet.
fn together<T>(bench: &Bench<'_, '_>, new: &[Product<T>]) -> Diagnostics {
    let mut facts: Vec<_> =
        bench.kept.values().map(|record| &record.facts).chain(new.iter().map(|one| &one.facts)).collect();
    facts.sort_by(|a, b| a.cluster.cmp(&b.cluster).then_with(|| a.source.cmp(&b.source)));
    let mut found = fleet::check(facts.iter().copied());
    if let Some(checker) = bench.checker {
        found.extend(check::common(checker, facts));
    }
    found
}

/// The numbers of files in the registry of the run, given out when a diagnostic first needs one.
struct FileNumbers<'a, 'r> {
    bench: &'a Bench<'a, 'r>,
    sources: &'a mut Sources,
    known: BTreeMap<String, u32>,
}

impl FileNumbers<'_, '_> {
    fn of(&mut self, unit: &Unit) -> Result<u32, GitError> {
        let Unit::File(file) = unit else { return Ok(0) };
        if let Some(number) = self.known.get(&file.path) {
            return Ok(*number);
        }
        let text = String::from_utf8_lossy(&self.bench.objects.blob(file.blob)?).into_owned();
        let number = self.sources.add(file.path.as_str(), text.as_str());
        self.known.insert(file.path.clone(), number);
        Ok(number)
    }
}
