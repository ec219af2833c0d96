//! Compares two releases: what changes in which file of which host.
