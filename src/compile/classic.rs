//! RabbitMQ 3.6's `rabbitmq.config`: the keys of the spec as one Erlang term.

use crate::diag::{Diagnostic, Diagnostics};
use crate::facts::classic_config::{BACKENDS, KEYS, Shape, find};
use crate::model::{Broker, ConfigValue, NodeKind};
use crate::quote::{QuoteError, Syntax, quote};

use super::pieces::mark;

/// A term; the leaves are in Erlang's syntax, with marks for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Leaf(String),
    List(Vec<Term>),
    Tuple(Vec<Term>),
    /// A list of `{name, term}` pairs.
    Props(Vec<(&'static str, Term)>),
}

/// Why a value is not what its key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    /// It is of another type.
    Expected(&'static str),
    /// It cannot be written.
    Quote(QuoteError),
}

impl From<QuoteError> for Wrong {
    fn from(error: QuoteError) -> Self {
        Self::Quote(error)
    }
}

/// Returns the applications and their `{name, term}` pairs as text, and adds what cannot be said.
pub(super) fn apps(broker: &Broker, kind: NodeKind, diags: &mut Diagnostics) -> Vec<(&'static str, Vec<String>)> {
    let mut apps: Vec<(&'static str, Term)> = Vec::new();
    let given = |prefix: &str| broker.config.keys().any(|key| key.starts_with(prefix));
    if broker.port.value != super::rabbitmq::DEFAULT_PORT && !given("listeners.tcp") {
        put(&mut apps, "rabbit", &["tcp_listeners"], Term::List(vec![leaf(&broker.port.value)]));
    }
    put(&mut apps, "rabbit", &["cluster_nodes"], cluster_nodes(broker, kind));
    let has_management = broker.plugins.iter().any(|plugin| plugin.value == "rabbitmq_management");
    let moved = broker.management_port.value != super::rabbitmq::DEFAULT_MANAGEMENT_PORT;
    if has_management && moved && !given("management.listener.port") && !given("management.tcp.port") {
        put(&mut apps, "rabbitmq_management", &["listener", "port"], leaf(&broker.management_port.value));
    }
    for (key, value) in broker.config.iter().filter(|(key, _)| super::rabbitmq::is_config_key(key)) {
        let Some((known, word)) = find(key) else {
            diags.push(unknown(key).at(value.place, "unknown key"));
            continue;
        };
        if let Err(wrong) = add(&mut apps, known, word, &value.value) {
            diags.push(refused(key, wrong).at(value.place, "this value"));
        }
    }
    let text = |term: Term| match term {
        Term::Props(pairs) => pairs.into_iter().map(|(name, term)| pair(name, &term)).collect(),
        other => vec![print(&other)],
    };
    apps.into_iter().map(|(app, term)| (app, text(term))).collect()
}

fn unknown(key: &str) -> Diagnostic {
    let nearest = KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known.key, key));
    let near = nearest.filter(|known| strsim::damerau_levenshtein(known.key, key) <= 3);
    let message = format!("rmqgit does not know how RabbitMQ 3.6 spells `{key}`");
    let extra = "write the Erlang term of `rabbitmq.config` under `extra`";
    let help = near.map_or(extra.to_owned(), |known| format!("did you mean `{}`? Otherwise {extra}", known.key));
    Diagnostic::error("unknown-config-key", message).help(help)
}

fn refused(key: &str, wrong: Wrong) -> Diagnostic {
    match wrong {
        Wrong::Expected(what) => Diagnostic::error("wrong-config-value", format!("`{key}` must be {what}")),
        Wrong::Quote(why) => {
            Diagnostic::error("unquotable-value", format!("the value of `{key}` cannot be written: {why}"))
        }
    }
}

fn leaf(value: &(impl ToString + ?Sized)) -> Term {
    Term::Leaf(value.to_string())
}

fn cluster_nodes(broker: &Broker, kind: NodeKind) -> Term {
    let name = |name: &str| quote(Syntax::ErlangAtom, name).expect("node names are ASCII and short");
    let nodes = broker.nodes.iter().map(|node| Term::Leaf(name(&node.name))).collect();
    let kind = match kind {
        NodeKind::Disc => "disc",
        NodeKind::Ram => "ram",
    };
    Term::Tuple(vec![Term::List(nodes), leaf(kind)])
}

fn add(
    apps: &mut Vec<(&'static str, Term)>,
    known: &'static crate::facts::classic_config::Key,
    word: &str,
    value: &ConfigValue,
) -> Result<(), Wrong> {
    let slot = slot(apps, known.app, known.path);
    match known.shape {
        // `pause_if_all_down` alone says nothing beside its `nodes` and `recover`.
        Shape::Atom if matches!(slot, Term::Tuple(_)) => {}
        Shape::Int | Shape::Number | Shape::Bool | Shape::Atom | Shape::Text | Shape::Binary => {
            *slot = scalar(known.shape, value)?;
        }
        Shape::Nothing => match text(value) {
            Some("none") => *slot = Term::List(Vec::new()),
            _ => return Err(Wrong::Expected("`none`, or the key with a name after it")),
        },
        Shape::Sized(tag) => *slot = tagged(tag, size(value)?),
        Shape::Ratio(tag) => *slot = tagged(tag, scalar(Shape::Number, value)?),
        Shape::Listeners => push(slot, listener(value)?),
        Shape::Atoms => push(slot, scalar(Shape::Atom, value)?),
        Shape::Texts => push(slot, scalar(Shape::Text, value)?),
        Shape::Backends => push(slot, backend(value)?),
        Shape::AtomFlags => flag(slot, value, Term::Leaf(quote(Syntax::ErlangAtom, word)?))?,
        Shape::BinaryFlags => flag(slot, value, Term::Leaf(binary(&quote(Syntax::ErlangString, word)?)))?,
        Shape::Place(place, places) => {
            let empty = || Term::List(vec![leaf("<<>>"); places]);
            set_place(slot, place, scalar(Shape::Binary, value)?, empty);
        }
        Shape::Linger(place) => {
            let shape = if place == 0 { Shape::Bool } else { Shape::Int };
            set_place(slot, place, scalar(shape, value)?, || Term::Tuple(vec![leaf(&true), leaf(&0)]));
        }
        Shape::PauseIfAllDown => {
            let empty = || Term::Tuple(vec![leaf("pause_if_all_down"), Term::List(Vec::new()), leaf("ignore")]);
            let atom = scalar(Shape::Atom, value)?;
            if word.is_empty() {
                set_place(slot, 2, atom, empty);
            } else {
                if !matches!(slot, Term::Tuple(_)) {
                    *slot = empty();
                }
                if let Term::Tuple(places) = slot {
                    push(&mut places[1], atom);
                }
            }
        }
    }
    Ok(())
}

fn scalar(shape: Shape, value: &ConfigValue) -> Result<Term, Wrong> {
    Ok(Term::Leaf(match (shape, value) {
        (Shape::Int | Shape::Number, ConfigValue::Int(value)) => value.to_string(),
        (Shape::Int, _) => return Err(Wrong::Expected("a whole number")),
        (Shape::Number, ConfigValue::Float(text)) if is_float(text) => text.clone(),
        (Shape::Number, _) => return Err(Wrong::Expected("a number such as `0.4`")),
        (Shape::Bool | Shape::Atom, ConfigValue::Bool(value)) => value.to_string(),
        (Shape::Bool, _) => return Err(Wrong::Expected("`true` or `false`")),
        (Shape::Atom, ConfigValue::Text(text)) => quote(Syntax::ErlangAtom, text)?,
        (Shape::Atom, _) => return Err(Wrong::Expected("a word")),
        (Shape::Binary, value) => binary(&string(value)?),
        (_, value) => string(value)?,
    }))
}

/// Returns whether Erlang reads a text as a float: it wants digits on both sides of the point.
fn is_float(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(whole, part)| digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(part))
}

fn string(value: &ConfigValue) -> Result<String, Wrong> {
    Ok(match value {
        ConfigValue::Text(text) | ConfigValue::Float(text) => quote(Syntax::ErlangString, text)?,
        ConfigValue::Int(value) => quote(Syntax::ErlangString, &value.to_string())?,
        ConfigValue::Secret(name) => mark(name, Syntax::ErlangString)?,
        ConfigValue::Bool(_) => return Err(Wrong::Expected("text")),
    })
}

/// Returns the binary of a string; `/utf8` lets it hold any character.
fn binary(string: &str) -> String {
    format!("<<{string}/utf8>>")
}

fn text(value: &ConfigValue) -> Option<&str> {
    match value {
        ConfigValue::Text(text) => Some(text),
        _ => None,
    }
}

fn size(value: &ConfigValue) -> Result<Term, Wrong> {
    match value {
        ConfigValue::Int(value) => Ok(leaf(value)),
        ConfigValue::Text(text) => Ok(Term::Leaf(quote(Syntax::ErlangString, text)?)),
        _ => Err(Wrong::Expected("a size such as `2GB`")),
    }
}

fn tagged(tag: &str, term: Term) -> Term {
    if tag.is_empty() { term } else { Term::Tuple(vec![leaf(tag), term]) }
}

fn listener(value: &ConfigValue) -> Result<Term, Wrong> {
    const EXPECTED: Wrong = Wrong::Expected("a port or `ADDRESS:PORT`");
    match value {
        ConfigValue::Int(port) => Ok(leaf(port)),
        ConfigValue::Text(text) => {
            let (address, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
            let port: u16 = port.parse().map_err(|_| EXPECTED)?;
            let address = address.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(address);
            Ok(Term::Tuple(vec![Term::Leaf(quote(Syntax::ErlangString, address)?), leaf(&port)]))
        }
        _ => Err(EXPECTED),
    }
}

fn backend(value: &ConfigValue) -> Result<Term, Wrong> {
    let name = text(value).ok_or(Wrong::Expected("a backend such as `internal` or `ldap`"))?;
    let module = BACKENDS.iter().find(|(short, _)| *short == name).map_or(name, |(_, module)| module);
    Ok(Term::Leaf(quote(Syntax::ErlangAtom, module)?))
}

fn flag(slot: &mut Term, value: &ConfigValue, term: Term) -> Result<(), Wrong> {
    if !matches!(slot, Term::List(_)) {
        *slot = Term::List(Vec::new());
    }
    match value {
        ConfigValue::Bool(true) => push(slot, term),
        ConfigValue::Bool(false) => {}
        _ => return Err(Wrong::Expected("`true` or `false`")),
    }
    Ok(())
}

fn push(slot: &mut Term, term: Term) {
    match slot {
        Term::List(terms) => terms.push(term),
        other => *other = Term::List(vec![term]),
    }
}

fn set_place(slot: &mut Term, place: usize, term: Term, empty: impl Fn() -> Term) {
    if !matches!(slot, Term::List(_) | Term::Tuple(_)) {
        *slot = empty();
    }
    if let Term::List(places) | Term::Tuple(places) = slot {
        places[place] = term;
    }
}

fn put(apps: &mut Vec<(&'static str, Term)>, app: &'static str, path: &[&'static str], term: Term) {
    *slot(apps, app, path) = term;
}

/// Returns the term at a path, made if it is not there.
fn slot<'a>(apps: &'a mut Vec<(&'static str, Term)>, app: &'static str, path: &[&'static str]) -> &'a mut Term {
    let mut pairs = apps;
    let mut name = app;
    for next in path {
        let term = entry(pairs, name);
        if !matches!(term, Term::Props(_)) {
            *term = Term::Props(Vec::new());
        }
        let Term::Props(inner) = term else { unreachable!("it was just made a list of pairs") };
        pairs = inner;
        name = next;
    }
    entry(pairs, name)
}

fn entry<'a>(pairs: &'a mut Vec<(&'static str, Term)>, name: &'static str) -> &'a mut Term {
    let index = pairs.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        pairs.push((name, Term::Leaf(String::new())));
        pairs.len() - 1
    });
    &mut pairs[index].1
}

fn pair(name: &str, term: &Term) -> String {
    format!("{{{name}, {}}}", print(term))
}

fn print(term: &Term) -> String {
    let join = |terms: &[Term]| terms.iter().map(print).collect::<Vec<_>>().join(", ");
    match term {
        Term::Leaf(text) => text.clone(),
        Term::List(terms) => format!("[{}]", join(terms)),
        Term::Tuple(terms) => format!("{{{}}}", join(terms)),
        Term::Props(pairs) => {
            format!("[{}]", pairs.iter().map(|(name, term)| pair(name, term)).collect::<Vec<_>>().join(", "))
        }
    }
}
