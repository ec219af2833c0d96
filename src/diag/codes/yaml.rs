//! What is wrong with a file before anybody asks what it means.

use super::Code;

/// In alphabetical order.
pub(super) const CODES: &[Code] = &[
    Code {
        code: "alias-bomb",
        title: "Aliases that expand to too many values",
        why: "Aliases of aliases multiply: a file of one kilobyte can stand for billions of values (\"billion \
              laughs\"). \
              rmqgit refuses such a file before it expands it.",
        fix: "Write the values out, or use fewer levels of aliases.",
        example: "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n# ... seven more levels\n",
    },
    Code {
        code: "ambiguous-number",
        title: "A number that YAML readers understand differently",
        why: "`0640` is 640 to a YAML 1.2 reader and 416 (octal) to a YAML 1.1 reader, so a person and a program may \
              disagree about what the file says.",
        fix: "Put it in quotes if it is text, leave the zeros out if it is decimal, write `0o640` if it is octal.",
        example: "port: 05672\n",
    },
    Code {
        code: "duplicate-key",
        title: "A key that is given twice in one mapping",
        why: "Most YAML readers silently keep the last one, so the first one looks as if it were in force.",
        fix: "Remove one of the two. Several merges are written as one: `<<: [*a, *b]`.",
        example: "amqp:\n  port: 5672\n  port: 5673\n",
    },
    Code {
        code: "empty-document",
        title: "A file without content",
        why: "An empty file is more often an accident than a wish to have nothing, and an empty spec must never \
              remove what is there.",
        fix: "Fill the file in, or remove it. `rmqgit init` writes a spec to start from.",
        example: "# only a comment\n",
    },
    Code {
        code: "missing-field",
        title: "A required field that is not there",
        why: "The field has no default that would be right for everyone.",
        fix: "Add the field.",
        example: "hosts:\n  rabbit1: {interface: eth0}     # no address\n",
    },
    Code {
        code: "not-utf8",
        title: "A file that is not UTF-8 text",
        why: "YAML files of rmqgit are UTF-8. Another encoding, or a binary file, cannot be shown or compared safely.",
        fix: "Save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`.",
        example: "name: caf\\xE9        # a byte of Latin-1\n",
    },
    Code {
        code: "recursive-alias",
        title: "An alias inside the value that it stands for",
        why: "The value would contain itself without end.",
        fix: "Give the anchor to a smaller part, or write the value out.",
        example: "hosts: &h\n  more: *h\n",
    },
    Code {
        code: "second-document",
        title: "More than one YAML document in a file",
        why: "Readers that take the first document would silently ignore the rest.",
        fix: "Remove the `---` line, or put each document into a file of its own.",
        example: "version: 1\n---\nversion: 1\n",
    },
    Code {
        code: "too-deep",
        title: "Values nested too deeply",
        why: "A spec needs about ten levels. Thousands of levels are an accident or an attack, and cost memory.",
        fix: "Flatten the values.",
        example: "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ ...\n",
    },
    Code {
        code: "too-large",
        title: "A file that is larger than rmqgit reads",
        why: "The limit keeps memory bounded when a wrong file is given.",
        fix: "Check that it is the right file. A fleet goes into `clusters/*.yaml`, one cluster a file.",
        example: "# a file of more than 64 MiB\n",
    },
    Code {
        code: "too-many-errors",
        title: "More errors than are worth showing",
        why: "After the first fifty, most errors follow from the ones before.",
        fix: "Fix those that are shown, then check again.",
        example: "# a file of another program\n",
    },
    Code {
        code: "too-many-nodes",
        title: "A file with more values than rmqgit reads",
        why: "The limit keeps memory bounded when a wrong file is given.",
        fix: "Check that it is the right file. A fleet goes into `clusters/*.yaml`, one cluster a file.",
        example: "# a file of more than 2 million values\n",
    },
    Code {
        code: "undefined-alias",
        title: "An alias without an anchor before it",
        why: "`*name` stands for the value that `&name` marked earlier in the same file; there is none.",
        fix: "Mark the value with `&name` before its first use, in the same file; or put the text in quotes if the `*` \
              belongs to it.",
        example: "hosts: *all\n",
    },
    Code {
        code: "unknown-field",
        title: "A field that does not exist here",
        why: "Ignoring it would make a misspelt setting look as if it were in force.",
        fix: "Correct the name; the help names the nearest one. `rmqgit schema spec` lists all fields for editors.",
        example: "haproxy:\n  host: [rabbit1]        # hosts\n",
    },
    Code {
        code: "unknown-tag",
        title: "A YAML tag that means nothing here",
        why: "Other readers drop tags silently, and then `!vault x` would be the plain text `x`.",
        fix: "Remove the tag. A secret is written `{secret: name}`; a string that looks like a number goes in quotes.",
        example: "password: !vault stats\n",
    },
    Code {
        code: "unknown-value",
        title: "A word that is not one of the allowed ones",
        why: "The field takes one of a fixed list of words.",
        fix: "Use one of the words that the help names.",
        example: "platform: debain\n",
    },
    Code {
        code: "wrong-key",
        title: "A key that is not text",
        why: "Keys are names. A list, a mapping or nothing at all cannot be one.",
        fix: "Write `name: value`. A value that starts with `{` or `[` goes in quotes if it is text.",
        example: "{a: b}: c\n",
    },
    Code {
        code: "wrong-type",
        title: "A value of another type than the field takes",
        why: "rmqgit converts nothing silently: `3.10` is a number and would lose its zero, `no` is text, an empty \
              value \
              is not an empty string.",
        fix: "The message says what the field takes. Text that looks like a number, `true` or `null` goes in quotes.",
        example: "version: 3.10          # \"3.10\"\n",
    },
    Code {
        code: "yaml-syntax",
        title: "A file that is not YAML",
        why: "The text breaks YAML's grammar at the marked place, so nothing after it can be understood.",
        fix: "The help names the usual cause. An editor with YAML support shows it while you type.",
        example: "hosts:\n\t- rabbit1         # a tab\n",
    },
];
