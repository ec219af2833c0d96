//! Why a pass of decoding stopped, on its way out to [`super::decode`].

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::diag::{Diagnostic, Place, excerpt, nearest};

/// Why a pass stopped.
#[derive(Debug)]
pub(super) struct Fault {
    /// What to report; nothing when it follows from something that is reported already.
    pub(super) draft: Option<Box<Draft>>,
    /// Whether it is noted what failed, so that the next pass goes on behind it.
    pub(super) settled: bool,
}

/// A diagnostic whose place and path are filled in on the way out.
#[derive(Debug)]
pub(super) struct Draft {
    code: &'static str,
    message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    pub(super) place: Option<Place>,
    /// The missing field.
    pub(super) missing: Option<&'static str>,
    /// The way from the nearest key to the value, as in `nodes[2]`.
    path: String,
    /// Whether the path has its key.
    named: bool,
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Self {
        let draft = Draft {
            code,
            message: message.into(),
            label: label.into(),
            help: None,
            place: None,
            missing: None,
            path: String::new(),
            named: false,
        };
        Self { draft: Some(Box::new(draft)), settled: false }
    }

    /// Makes a fault that follows from one that is reported already.
    pub(super) fn silent() -> Self {
        Self { draft: None, settled: false }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.help = Some(help.into());
        }
        self
    }

    /// Says where, unless that is known.
    pub(super) fn at(mut self, place: Place) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.place.get_or_insert(place);
        }
        self
    }

    /// Says that the value is an item of a list.
    pub(super) fn item(mut self, index: usize) -> Self {
        if let Some(draft) = self.draft.as_mut().filter(|draft| !draft.named) {
            draft.path.insert_str(0, &format!("[{index}]"));
        }
        self
    }

    /// Says that the value stands under a key.
    pub(super) fn under(mut self, key: &str) -> Self {
        if let Some(draft) = self.draft.as_mut().filter(|draft| !draft.named) {
            draft.path.insert_str(0, &excerpt(key));
            draft.named = true;
        }
        self
    }

    /// Says that the key itself is at fault, and that the message names it.
    pub(super) fn in_key(mut self, place: Place) -> Self {
        if let Some(draft) = &mut self.draft {
            draft.named = true;
        }
        self.at(place)
    }
}

impl Draft {
    /// Makes the diagnostic; `root` is the place of a fault of the whole document.
    pub(super) fn finish(self, root: Place) -> Diagnostic {
        let message = if self.path.is_empty() { self.message } else { format!("`{}`: {}", self.path, self.message) };
        let place = self.place.unwrap_or(root);
        let mut diag = Diagnostic::error(self.code, message);
        // What is shared is wrong where it is written, whoever uses it.
        if let Some(defined) = place.defined {
            diag = diag.at(Place { used: defined, defined: None }, self.label).used_at(place.used);
        } else {
            diag = diag.at(place, self.label);
        }
        match self.help {
            Some(help) => diag.help(help),
            None => diag,
        }
    }

    /// Adds the value to a message of a parser that does not show it, such as that of an IP address.
    pub(super) fn show(&mut self, text: &str) {
        if self.code == "invalid-value" && !self.message.contains('`') {
            self.message = format!("{}: `{}`", self.message, excerpt(text));
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.draft.as_ref().map_or("a fault that is reported already", |draft| &draft.message))
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("invalid-value", message.to_string(), "not valid here")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = words(&expected);
        Self::new("wrong-type", format!("expected {expected}, found {}", show(&found)), format!("expected {expected}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let expected = words(&expected);
        Self::new(
            "invalid-value",
            format!("expected {expected}, found {}", show(&found)),
            format!("expected {expected}"),
        )
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let message = format!("expected {}, found {length} items", words(&expected.to_string()));
        Self::new("wrong-type", message, "wrong number of items")
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new("unknown-field", format!("unknown field `{}`", excerpt(field)), "no such field here").help(suggest(
            field,
            known,
            "the fields here are",
        ))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::new("unknown-value", format!("unknown value `{}`", excerpt(variant)), "not one of the known values")
            .help(suggest(variant, known, "use one of"))
    }

    fn missing_field(field: &'static str) -> Self {
        let mut fault =
            Self::new("missing-field", format!("missing field `{field}`"), format!("`{field}` is missing here"));
        if let Some(draft) = &mut fault.draft {
            draft.missing = Some(field);
        }
        fault.help(format!("add `{field}: …`"))
    }
}

fn suggest(written: &str, known: &[&str], list: &str) -> String {
    match nearest(written, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "remove it; nothing is expected here".to_owned(),
        None => format!("{list} {}", choices(known)),
    }
}

/// Lists names between backticks, at most twenty.
pub(super) fn choices(known: &[&str]) -> String {
    let mut names: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
    if known.len() > names.len() {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// Says in a reader's words what a type expects.
pub(super) fn words(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "string" => "text",
        "a map" => "a mapping",
        "a sequence" => "a list",
        "a boolean" => "`true` or `false`",
        "unit" => "nothing",
        "any valid JSON value" => "any value",
        _ if expected.starts_with("struct ") => "a mapping",
        _ if expected.starts_with("tuple struct ") => "a list",
        _ => expected,
    }
}

fn show(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Char(value) => format!("`{}`", excerpt(&value.to_string())),
        Unexpected::Str(value) => format!("`{}`", excerpt(value)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}
