//! Waits until a daemon works with the files that it was told to read.

use std::time::Duration;

use crate::name::UnitName;
use crate::plan::StepResult;
use crate::sys::clock;
use crate::sys::units::{self, Began, Life};

/// How long a daemon may take until it works.
const MOST: Duration = Duration::from_secs(15);
/// How long it must have worked to count as working: a bad start shows in its first second.
const STEADY: Duration = Duration::from_millis(1200);
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the unit has worked steadily, or until it is clear that it does not.
pub(super) fn settle(unit: &UnitName, began: Began) -> StepResult {
    let mut steady = Duration::ZERO;
    let mut waited = Duration::ZERO;
    loop {
        let why = match units::life(unit, began) {
            Ok(Life::Works) if steady >= STEADY => return StepResult::Done,
            Ok(Life::Works) => {
                steady += PAUSE;
                None
            }
            Ok(Life::Fails(why)) => {
                steady = Duration::ZERO;
                Some(why)
            }
            Err(error) => Some(super::chain(&error)),
        };
        if let (Some(why), true) = (why, waited >= MOST) {
            return super::failed(&why);
        }
        clock::sleep(PAUSE);
        waited += PAUSE;
    }
}
