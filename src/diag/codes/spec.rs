//! What is wrong with the meaning of a spec.

use super::Code;

/// In alphabetical order.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "address-family",
        title: "IPv4 and IPv6 where only one of them can be",
        why: "A VRRP instance announces addresses of one family, from addresses of the same family; version 2 knows \
              IPv4 only. Keepalived would drop what does not fit and run on.",
        fix: "Write an instance for each family under `keepalived.instances`, on hosts with addresses of that family.",
        example: "vips: [192.168.1.222, 2001:db8::222]\n",
    },
    Code {
        code: "advanced-config-unsupported",
        title: "`advanced` for a RabbitMQ that has no `advanced.config`",
        why: "RabbitMQ 3.6 reads one Erlang term, `rabbitmq.config`; `advanced.config` came with 3.7 and would be \
              ignored.",
        fix: "Write the applications' terms under `extra`; rmqgit puts them into `rabbitmq.config`.",
        example: "rabbitmq: {version: 3.6.12, advanced: \"[].\"}\n",
    },
    Code {
        code: "base-not-compared",
        title: "A change that is compared with nothing",
        why: "The spec at the revision that `--base` names has errors itself, so that nobody can say what the change does to the \
              hosts: no transition is looked for. The status is that of the spec as it lies here, so that a change that mends \
              the other one can be merged.",
        fix: "Compare with a revision whose spec is sound, such as the published release (`--base rmqgit/output`), or merge \
              nothing but the repair.",
        example: "# rmqgit check --base rmqgit/output\n",
    },
    Code {
        code: "conflicting-fields",
        title: "Two fields that exclude each other",
        why: "Both say the same thing in different words, and only one of them could be in force.",
        fix: "Remove one of the two; the help says which is for what.",
        example: "amqp: {port: 5673, bind: \"192.168.1.222:5672\"}\n",
    },
    Code {
        code: "duplicate-address",
        title: "An address that two hosts or virtual routers have",
        why: "Two machines that answer to one address disturb each other, and a virtual address that is also a \
              host's never moves.",
        fix: "Give each host and each virtual address its own. Addresses are compared within a cluster and across \
              the fleet.",
        example: "hosts:\n  rabbit1: {address: 192.168.1.219}\n  rabbit2: {address: 192.168.1.219}\n",
    },
    Code {
        code: "duplicate-cluster",
        title: "Two clusters of one name",
        why: "A cluster's name is its directory on the output branch and part of its hosts' refs, so the second \
              would overwrite the first.",
        fix: "Rename one of the two.",
        example: "clusters:\n  - {name: orders}\n  - {name: orders}\n",
    },
    Code {
        code: "duplicate-definition",
        title: "The same object given twice",
        why: "Lists are not checked for repetitions by YAML; the broker would keep whichever comes last.",
        fix: "Remove one of the two, or give it another name.",
        example: "policies:\n  - {name: ha, pattern: \"^a\", definition: {expires: 1}}\n  - {name: ha, pattern: \
              \"^b\", definition: {expires: 2}}\n",
    },
    Code {
        code: "duplicate-host",
        title: "A host that is named twice",
        why: "In a list of hosts the place is the order, so a host stands in it once. A name or alias means one \
              host, whatever its case; a full name with dots means one machine in the fleet.",
        fix: "Remove one of the two.",
        example: "haproxy:\n  hosts: [rabbit1, rabbit1]\n",
    },
    Code {
        code: "duplicate-virtual-router-id",
        title: "A VRRP identifier that two instances have",
        why: "Instances with one identifier on one network segment take each other's advertisements for their own: \
              the address goes back and forth, or stands on two hosts.",
        fix: "Give each instance on the segment a number of its own. Networks are told apart by the prefix of the \
              virtual address.",
        example: "instances:\n  a: {vip: 192.168.1.222, virtual_router_id: 51}\n  b: {vip: 192.168.1.223, \
              virtual_router_id: 51}\n",
    },
    Code {
        code: "empty-list",
        title: "Nothing where something is needed",
        why: "A cluster without hosts, a spec without clusters or a policy that sets nothing is more often an \
              accident than a wish, and an empty spec must never remove what is there.",
        fix: "Fill it in, or leave the field out where it has a default.",
        example: "hosts: {}\n",
    },
    Code {
        code: "foreign-bind",
        title: "A bind to the address of another host",
        why: "Every HAProxy host has the same fronts. One that is bound to the address of a single host cannot \
              listen on the others, and HAProxy does not start there.",
        fix: "Bind to a virtual address, to `*`, or to loopback.",
        example: "haproxy:\n  hosts: [rabbit1, rabbit2]\n  amqp: {bind: \"192.168.1.219:5673\"}   # rabbit1's \
              address\n",
    },
    Code {
        code: "host-without-role",
        title: "A host named where it has no part",
        why: "The host is declared, but what is asked of it needs something that does not run there, such as a \
              server behind HAProxy on a host without RabbitMQ.",
        fix: "Give the host the role, or take it out of the list.",
        example: "rabbitmq:\n  nodes: [rabbit1]\nhaproxy:\n  amqp: {servers: [rabbit1, rabbit2]}\n",
    },
    Code {
        code: "invalid-address",
        title: "Something that is not a usable address",
        why: "rmqgit resolves no names, so that the same spec gives the same files everywhere. Loopback, multicast \
              and unspecified addresses reach no host.",
        fix: "Write an IP address, a virtual one with its prefix if it has one, a bind with its port.",
        example: "address: 192.168.1.300\n",
    },
    Code {
        code: "invalid-config-key",
        title: "A key that `rabbitmq.conf` cannot have",
        why: "A key is words of letters, digits, `_` and `-`, joined by dots. Anything else would be read as a \
              value, a comment or another line.",
        fix: "Correct the key. A term that has no key goes under `advanced`.",
        example: "config: {\"vm memory\": 0.4}\n",
    },
    Code {
        code: "invalid-duration",
        title: "Something that is not a time",
        why: "HAProxy takes a number without a unit for milliseconds, silently; longer than 24 days it cannot count.",
        fix: "Write a whole number and a unit: `us`, `ms`, `s`, `m`, `h` or `d`.",
        example: "timeout: {connect: \"5\"}\n",
    },
    Code {
        code: "invalid-sysctl",
        title: "A name that no kernel setting can have",
        why: "The line would set something else, or nothing.",
        fix: "Write the name as `sysctl -a` prints it.",
        example: "sysctl: {\"net.core somaxconn\": 4096}\n",
    },
    Code {
        code: "invalid-value",
        title: "A value of the right type that is not valid here",
        why: "The value is text or a number as it should be, but it is not what this field takes, such as an address \
              with five parts.",
        fix: "The message says what is allowed.",
        example: "address: 192.168.1.300\n",
    },
    Code {
        code: "invalid-variable",
        title: "A name that no environment variable of RabbitMQ can have",
        why: "`rabbitmq-env.conf` is a shell script: a wrong name is a command, and one failing command makes \
              RabbitMQ ignore the whole file.",
        fix: "Use capital letters, digits and `_`, without the prefix `RABBITMQ_`.",
        example: "env: {server-erl-args: \"+K true\"}\n",
    },
    Code {
        code: "invalid-version",
        title: "Something that is not a version",
        why: "File names, keys and commands depend on the version, so it has to be exact.",
        fix: "Write `3.10.8`; two numbers go in quotes, because YAML takes them for a fraction.",
        example: "version: 3.10.x\n",
    },
    Code {
        code: "managed-variable",
        title: "A variable that rmqgit writes itself",
        why: "The variable follows from another field, and written twice the two could differ.",
        fix: "Use the field that the help names.",
        example: "env: {NODENAME: rabbit@rabbit1}\n",
    },
    Code {
        code: "missing-file",
        title: "A spec repository without its file",
        why: "A spec begins with `rmqgit.yaml` at the root of its repository.",
        fix: "`rmqgit init` writes one to start from.",
        example: "$ rmqgit check some/other/directory\n",
    },
    Code {
        code: "missing-interface",
        title: "A Keepalived host whose interface is not known",
        why: "VRRP is spoken on a network interface, and the wrong one is as bad as none: Keepalived would not start \
              the instance.",
        fix: "Add `interface` to the host, or to `keepalived` for all of them. `ip -brief address` lists them.",
        example: "hosts:\n  rabbit1: {address: 192.168.1.219}     # interface: enp4s0f0\nkeepalived:\n  hosts: \
              [rabbit1]\n",
    },
    Code {
        code: "missing-password",
        title: "A user without a password",
        why: "Importing a user without a password clears the one that it has.",
        fix: "Add `password: {secret: NAME}` or `password_hash`. A user that only has a certificate gets \
              `password_hash: \"\"`, which refuses every password.",
        example: "users:\n  app: {permissions: {/: all}}\n",
    },
    Code {
        code: "missing-plugin",
        title: "A front of a plugin that is not enabled",
        why: "Nothing would ever answer behind it.",
        fix: "Enable the plugin under `rabbitmq.plugins`, or remove the front.",
        example: "rabbitmq:\n  plugins: []\nhaproxy:\n  management: {port: 15673}\n",
    },
    Code {
        code: "name-mismatch",
        title: "A cluster with two names",
        why: "A cluster's name is its key or its file's name. Another `name` inside is a file that was copied and \
              not finished, or renamed by half.",
        fix: "Leave `name` out, or make both the same.",
        example: "# clusters/orders.yaml\nname: billing\n",
    },
    Code {
        code: "out-of-range",
        title: "A number outside of what is possible",
        why: "The program that gets the number would refuse it, cut it off, or take its default instead, mostly \
              without a word.",
        fix: "The help says from where to where it goes.",
        example: "virtual_router_id: 256\n",
    },
    Code {
        code: "plain-text-secret",
        title: "A secret that stands in the spec",
        why: "Git keeps every version for everyone who can read the repository, and so does every clone.",
        fix: "Write `{secret: NAME}`, and the value into `/etc/rmqgit/secrets/NAME` (mode 0400, owned by root) on \
              each host that needs it. A value that was pushed is known: choose a new one.",
        example: "password: hunter2\n",
    },
    Code {
        code: "port-clash",
        title: "Two programs on one port of one host",
        why: "The second one to start fails, and which one that is changes with every reboot. `haproxy -c` does not \
              see it.",
        fix: "Give one of the two another port, or addresses of their own.",
        example: "rabbitmq: {port: 5672}\nhaproxy:\n  hosts: [rabbit1]       # also a node\n  amqp: {port: 5672}\n",
    },
    Code {
        code: "ram-node",
        title: "A RAM node where there cannot be one",
        why: "RAM nodes were removed in RabbitMQ 4.3, and a cluster cannot be formed by one.",
        fix: "Remove `type: ram`. In versions that have them, put a disc node first.",
        example: "nodes: [{host: rabbit1, type: ram}, rabbit2]\n",
    },
    Code {
        code: "transition-not-granted",
        title: "A dangerous change without its grant",
        why: "Another Erlang cookie or data directory, other virtual addresses, a node that leaves, is renamed or becomes another kind, and a \
              release that takes away most of a host's files disturb more than one host or give something up for good. The \
              hosts hold such a change back until the spec names it, so that merging it without does half of what it says.",
        fix: "If it is meant, add the grant that the message names to `grants` of the cluster, in the same change. Remove it \
              afterwards, or leave it: a grant that has been used does nothing.",
        example: "grants: [\"forget-node:rabbit@rabbit4\"]\n",
    },
    Code {
        code: "unknown-config-key",
        title: "A key whose spelling in RabbitMQ 3.6 is not known",
        why: "RabbitMQ 3.6 reads an Erlang term. rmqgit translates the keys that people use, each with its \
              application, path and type.",
        fix: "Write the Erlang term under `extra`, or correct the key.",
        example: "rabbitmq: {version: 3.6.12, config: {consumer_timeout: 3600000}}\n",
    },
    Code {
        code: "unknown-host",
        title: "A host that is not declared",
        why: "Every host that takes part is declared once under `hosts`, with its address.",
        fix: "Correct the name, or declare the host.",
        example: "hosts:\n  rabbit1: {address: 192.168.1.219}\nhaproxy:\n  hosts: [rabit1]\n",
    },
    Code {
        code: "unknown-profile",
        title: "A profile that is not declared",
        why: "Without its profile the cluster would silently get the defaults alone.",
        fix: "Correct the name, or declare it under `profiles` in `rmqgit.yaml`.",
        example: "profiles:\n  quorum: {}\ncluster:\n  profile: qourum\n",
    },
    Code {
        code: "unknown-time-zone",
        title: "A time zone that has no such name",
        why: "A host that does not know the zone cannot tell whether a window is open, and takes it to be closed. \
              Abbreviations such as CET mean several zones, and none that keeps summer time.",
        fix: "Write the name of a place as IANA's time zone database has it, or `UTC`. Case counts.",
        example: "maintenance:\n  timezone: Europe/Bern\n  windows: [{from: \"02:00\", to: \"05:00\"}]\n",
    },
    Code {
        code: "unknown-vhost",
        title: "A vhost that is not declared",
        why: "The broker refuses permissions, policies and parameters of a vhost that does not exist, and with them \
              the rest of the import.",
        fix: "Correct the name, or declare it under `rabbitmq.vhosts`. Without `vhosts` there is `/` alone.",
        example: "vhosts: {/: {}}\npolicies:\n  - {name: ttl, vhost: orders, pattern: \"^\", definition: {expires: \
              60000}}\n",
    },
    Code {
        code: "unquotable-value",
        title: "A value that the target file cannot express",
        why: "Each file has its own rules for quotes. Some values cannot be said at all in some of them: a newline \
              nearly nowhere, a `#` in `rabbitmq.conf` before RabbitMQ 3.13.7, a double quote in \
              `keepalived.conf`. Writing them anyway would cut the value or change other lines.",
        fix: "Choose another value. For RabbitMQ, `advanced` takes Erlang strings, which can say everything.",
        example: "config: {default_pass: \"a#b\"}\n",
    },
    Code {
        code: "unsupported-version",
        title: "A spec of another format",
        why: "A newer format may mean something else by the same words.",
        fix: "Write `version: 1`, or use the rmqgit that the spec is written for.",
        example: "version: 2\n",
    },
    Code {
        code: "vip-without-balancer",
        title: "A virtual address with nothing behind it",
        why: "Keepalived holds the address where HAProxy serves; without HAProxy no client of the address is answered.",
        fix: "Add a `haproxy` section, or remove `keepalived`.",
        example: "cluster:\n  keepalived: {vip: 192.168.1.222, virtual_router_id: 51}\n",
    },
    Code {
        code: "vrrp-auth",
        title: "Authentication that VRRP does not have",
        why: "VRRP version 3, and so every instance with IPv6, has no authentication; Keepalived ignores the \
              password and says nothing to you.",
        fix: "Remove `auth`, or use `vrrp_version: 2` with IPv4 addresses.",
        example: "vrrp_version: 3\nauth: {secret: vrrp-auth}\n",
    },
    Code {
        code: "wrong-config-value",
        title: "A value of another type than its key asks for",
        why: "RabbitMQ 3.6 checks nothing when it starts: a string where it expects a number fails later, or is \
              ignored.",
        fix: "Write the value as the key asks for it.",
        example: "rabbitmq: {version: 3.6.12, config: {heartbeat: 30s}}\n",
    },
];
