//! How a release says whom the hosts shall trust.

/// The ref of the chain of signers: one commit for each change of whom the hosts shall trust.
pub const SIGNERS_REF: &str = "refs/rmqgit/signers/main";
/// The file of allowed signers, in a spec repository and in a commit of the chain.
pub const ALLOWED_SIGNERS: &str = "allowed_signers";
/// The trailer that names the commit of the chain of signers that a release belongs to.
pub const SIGNERS: &str = "Signers";
