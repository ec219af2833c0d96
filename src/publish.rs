//! Writes a release to Git: one pack, one commit on the output branch, one ref per host.
