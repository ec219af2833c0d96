//! Tells the broker what it shall hold.

use std::collections::BTreeMap;

use crate::live::{Edit, ObjectId};
use crate::plan::{Plan, StepResult};
use crate::sys::broker::{self, Access};

/// Takes all edits of a plan in their order, and returns what became of each: the command line takes many at once.
pub(super) fn tell(plan: &Plan) -> BTreeMap<ObjectId, StepResult> {
    let Some(way) = &plan.way else { return BTreeMap::new() };
    let access = Access { api: way.login.clone(), ..Access::of_machine(&way.node) };
    let edits: Vec<&Edit> = plan.edits.iter().collect();
    let results = broker::edit(&access, way.door, &edits);
    let ids = edits.iter().map(|edit| edit.id.clone());
    ids.zip(results.into_iter().map(super::result)).collect()
}
