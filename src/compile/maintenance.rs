//! When a cluster's brokers may be restarted.

use crate::model;
use crate::release::{Day, Maintenance, MaintenanceWindow};

/// Returns the windows as they are stored.
pub(super) fn of(maintenance: &model::Maintenance) -> Maintenance {
    let window = |window: &model::Window| MaintenanceWindow {
        days: window.days.iter().copied().map(Day::from).collect(),
        from: window.from.strftime("%H:%M").to_string(),
        to: window.to.strftime("%H:%M").to_string(),
    };
    Maintenance { timezone: maintenance.timezone.clone(), windows: maintenance.windows.iter().map(window).collect() }
}
