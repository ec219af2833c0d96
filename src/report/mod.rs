//! Plan and outcomes to a report, and its renderings.
