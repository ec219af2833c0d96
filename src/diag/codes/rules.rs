//! What is wrong with rules, waivers and templates of a repository.

use super::Code;

/// In alphabetical order.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "broken-rule",
        title: "A rule that cannot be asked",
        why: "The expression of the rule fails for this cluster, so nobody knows whether the rule holds.",
        fix: "Correct the rule. `rmqgit schema model` shows what it sees; what may be missing needs `|default(...)`.",
        example: "assert: policy.definition.expires > 0     # not every policy has `expires`\n",
    },
    Code {
        code: "duplicate-rule",
        title: "A rule whose code is taken",
        why: "A code names one rule for ever, in waivers and in what people remember.",
        fix: "Choose another code. To change the level of a built-in rule, write it under `rules` in the spec.",
        example: "# policies/end-of-life.yaml\ncode: end-of-life\n",
    },
    Code {
        code: "expired-waiver",
        title: "A waiver that has ended",
        why: "The day that somebody gave for it is over; the rule holds again at its own level.",
        fix: "Correct what the rule finds, or give a later day and say why.",
        example: "rules:\n  end-of-life: {level: allow, reason: moving to 4.2, until: 2020-12-31}\n",
    },
    Code {
        code: "invalid-rule",
        title: "A rule of the repository with a mistake",
        why: "A rule that cannot be understood would hold nothing, so the check says so.",
        fix: "Correct the rule at the place that is shown. `docs/rules.md` says how rules are written.",
        example: "code: short-name\nassert: hots.name|length > 3     # `host`\n",
    },
    Code {
        code: "invalid-template",
        title: "A template of the repository with a mistake",
        why: "A template that cannot be rendered would leave a host without that file, so nothing is compiled.",
        fix: "Correct the template at the place that is shown, or remove the file to use the built-in one.",
        example: "{% if haproxy.stats %} ... without an end, in templates/haproxy.cfg.j2\n",
    },
    Code {
        code: "unknown-rule",
        title: "A level for a rule that does not exist",
        why: "A misspelled waiver holds nothing back, and a misspelled `deny` denies nothing.",
        fix: "Correct the code; `rmqgit explain --all` lists every rule. What cannot be compiled cannot be waived.",
        example: "rules: {end-of-live: allow}\n",
    },
    Code {
        code: "unknown-template",
        title: "A template that replaces nothing",
        why: "A file in `templates/` replaces the built-in template of the same name; under another name nothing \
              would ever use it.",
        fix: "Give it the name of a built-in template, or remove it.",
        example: "templates/haproxy.conf.j2\n",
    },
    Code {
        code: "unused-waiver",
        title: "A waiver that holds nothing back",
        why: "It would hide the fault when it comes back.",
        fix: "Remove it.",
        example: "rules:\n  end-of-life: {level: allow, reason: moving to 4.2}     # the version is supported now\n",
    },
    Code {
        code: "waiver-without-reason",
        title: "A waiver that gives no reason",
        why: "Whoever reads it next year has to know whether it still holds.",
        fix: "Write `{level: allow, reason: \"...\"}`, with `until: YEAR-MONTH-DAY` if it shall end.",
        example: "rules: {end-of-life: allow}\n",
    },
    Code {
        code: "wrong-example",
        title: "An example of a rule that is not what it says",
        why: "The examples of a repository's own rules are run with every check: they are the proof that a rule finds what it \
              should, and nothing else.",
        fix: "Correct the rule or its example. Examples are parts of a cluster, laid over a sound one of three nodes.",
        example: "examples:\n  fails: [{}]     # the sound cluster, which has no fault\n",
    },
];
