//! Brings this host's ref into the local store and reads the bundle it holds.
