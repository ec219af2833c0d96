//! What is wrong with the signers that a spec repository names.

use super::Code;

/// In alphabetical order.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "malformed-signer",
        title: "A line of `allowed_signers` that cannot be read",
        why: "A host that meets such a line trusts nothing in the file: it would follow no release any more. The format is that \
              of ssh-keygen(1), ALLOWED SIGNERS, without certificate authorities.",
        fix: "Write `NAME KEY`, the key as its .pub file has it; options stand before the key, their values in quotes.",
        example: "ann@example.org cert-authority ssh-ed25519 AAAA...\n",
    },
    Code {
        code: "no-signer",
        title: "An `allowed_signers` in which nobody may sign",
        why: "The file says who may sign the next release. With nobody in it, or only keys that have expired or are of another \
              type, no release could follow.",
        fix: "Add the public key that signs releases, or remove the file: then the files of the hosts themselves decide.",
        example: "ann@example.org valid-before=\"20200101\" ssh-ed25519 AAAA...\n",
    },
    Code {
        code: "unusable-signer",
        title: "A key in `allowed_signers` that may not sign",
        why: "It has expired, is not valid yet, is for another namespace than `git`, or is of a type that is not verified. The \
              other lines count.",
        fix: "Correct the line or remove it.",
        example: "old@example.org ssh-rsa AAAA...\nann@example.org ssh-ed25519 AAAA...\n",
    },
];
