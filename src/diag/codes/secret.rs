//! What is wrong with the secrets of a spec repository.

use super::Code;

/// In alphabetical order.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "damaged-secret",
        title: "A sealed file that cannot be read",
        why: "The file is not what `rmqgit secret` wrote: not an age file in ASCII armor, or cut off. No host could open it.",
        fix: "Restore the file from Git, or seal the value anew with `rmqgit secret set NAME`.",
        example: "$ git diff --stat\n secrets/orders/admin-password.age | 2 +-\n",
    },
    Code {
        code: "duplicate-ssh-key",
        title: "A key that two hosts or operators have",
        why: "Whoever has one of them reads what is meant for the other. A copied virtual machine has the host key of its \
              original, and with it the original's identity in SSH too.",
        fix: "On the copy, remove /etc/ssh/ssh_host_* and run `ssh-keygen -A`; write the new public key into the spec.",
        example: "hosts:\n  rabbit1: {address: 192.168.1.219, ssh_host_key: ssh-ed25519 AAAA...}\n  rabbit2: {address: \
                  192.168.1.220, ssh_host_key: ssh-ed25519 AAAA...}   # the same\n",
    },
    Code {
        code: "leaked-secret",
        title: "The value of a secret in a compiled file",
        why: "Compiled files are published in Git. With a private key at hand (`--identity`), `compile` and `publish` look for \
              each value they can open, as it is and as base64, hexadecimal, JSON, a URL, a shell word or an Erlang string.",
        fix: "Take the value out of the spec or the template, write `{secret: NAME}` in its place, and choose a new value: \
              the old one stands in Git's history.",
        example: "haproxy: {extra: {global: [\"# the password is hunter2hunter2\"]}}\n",
    },
    Code {
        code: "misplaced-secret",
        title: "A sealed file in the place of another one",
        why: "What is sealed says which cluster and which name it is for, so that nobody without its value can make a host use \
              it as something else. No host would accept this file.",
        fix: "Put each file back in its own place, and find out who moved it.",
        example: "$ cp secrets/orders/stats-password.age secrets/orders/admin-password.age\n",
    },
    Code {
        code: "missing-secret",
        title: "A secret that nobody has sealed",
        why: "The spec names it, and hosts of this cluster get their secrets from the repository: they would lack it.",
        fix: "`rmqgit secret set NAME` takes a value, `rmqgit secret generate NAME` makes one.",
        example: "users:\n  admin: {password: {secret: admin-password}}   # and no secrets/orders/admin-password.age\n",
    },
    Code {
        code: "missing-ssh-host-key",
        title: "A host that needs secrets and has no key",
        why: "Secrets are sealed for the Ed25519 host key of each host that needs them. Either every such host of a cluster has \
              one in the spec, or none has, and the hosts bring their own files of secrets.",
        fix: "Write the key as `ssh_host_key`; `ssh-keyscan -t ed25519 ADDRESS` prints it. Compare it with \
              /etc/ssh/ssh_host_ed25519_key.pub on the host.",
        example: "hosts:\n  rabbit1: {address: 192.168.1.219, ssh_host_key: ssh-ed25519 AAAA...}\n  rabbit2: {address: \
                  192.168.1.220}\n",
    },
    Code {
        code: "overexposed-secret",
        title: "Somebody can read a secret who should not",
        why: "A sealed file names its readers. One of them is a host that does not need the secret, a host or operator that \
              has left the spec, or a recipient whose name nobody can tell.",
        fix: "`rmqgit secret rekey` seals it for those who need it now; `rmqgit secret generate NAME` or `set NAME` gives a new \
              value, which is what keeps the former reader out.",
        example: "operators: {}   # alice has left, and the files are still sealed for her\n",
    },
    Code {
        code: "unreadable-secret",
        title: "A host or operator who cannot read a secret",
        why: "The file is not sealed for the key that the spec has for them: they are new, or their key has changed.",
        fix: "`rmqgit secret rekey`, with the private key of an operator who can read it.",
        example: "haproxy:\n  hosts: [rabbit1, rabbit2, rabbit3]   # rabbit3 is new, and needs the statistics password\n",
    },
    Code {
        code: "unusable-ssh-key",
        title: "A key that nothing can be sealed for",
        why: "Secrets are sealed for Ed25519 keys alone: RSA, ECDSA, security keys and age's own keys are refused, so that the \
              readers of every file can be told from its header.",
        fix: "For a host, `ssh-keyscan -t ed25519 ADDRESS` prints the right key and `ssh-keygen -A` on the host makes one; for \
              a person, `ssh-keygen -t ed25519` does.",
        example: "operators: {alice: \"ssh-rsa AAAA...\"}\n",
    },
    Code {
        code: "unused-secret",
        title: "A sealed file that no host needs",
        why: "It is left over, or its name has a slip. Its readers keep what they can read.",
        fix: "Remove the file. One with a slip in its name must be sealed anew under the right one, for a value knows its name.",
        example: "$ ls secrets/orders\nadmin-pasword.age\n",
    },
];
