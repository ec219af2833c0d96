//! Who may say what the hosts do: signatures of commits, and the keys that are trusted for them.
//!
//! Input: the bytes of commits, files of allowed signers, times. Output: who signed, or why a release is refused.
//! Must not: read a file or the clock, or know what a release holds.

pub mod allowed;
pub mod chain;
pub mod commit;
pub mod signature;
