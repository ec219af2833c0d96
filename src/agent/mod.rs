//! One tick of the host: lock, fetch, observe, plan, apply, report; and its state on disk.
