//! The templates: the built-in ones, a repository's own in their place, and how a value is printed.
//!
//! Every template has an environment of its own whose formatter knows the one syntax of that file, so that a template
//! cannot print a value unquoted, whatever filters, blocks or macros it uses.

use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, UndefinedBehavior, Value};

use super::pieces::{self, Prepared, Secret};
use crate::diag::{Diagnostic, Diagnostics, Label, Span};
use crate::quote::{QuoteError, Syntax, quote};
use crate::release::Piece;

/// A repository's own template in place of the built-in one of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The name below `templates/`, such as `haproxy.cfg.j2`.
    pub name: String,
    /// The template.
    pub text: String,
    /// The file's index in the sources that diagnostics are rendered with.
    pub file: u32,
}

/// Which file a template makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    CheckScript,
    EnabledPlugins,
    Haproxy,
    HaproxyUnit,
    Hosts,
    Keepalived,
    KeepalivedUnit,
    RabbitmqConf,
    RabbitmqConfig,
    RabbitmqEnv,
    RabbitmqUnit,
    Sysctl,
}

struct BuiltIn {
    kind: Kind,
    name: &'static str,
    text: &'static str,
    /// The syntax of its values, and that of older versions of its program where those differ.
    syntaxes: &'static [Syntax],
}

macro_rules! built_in {
    ($($kind:ident $name:literal $syntaxes:expr;)*) => {
        &[$(BuiltIn { kind: Kind::$kind, name: $name, text: include_str!(concat!("templates/", $name)), syntaxes: &$syntaxes }),*]
    };
}

/// The built-in templates, in the order of [`Kind`].
const BUILT_IN: &[BuiltIn] = built_in! {
    CheckScript "check-haproxy.sh.j2" [Syntax::Shell];
    EnabledPlugins "enabled_plugins.j2" [Syntax::ErlangAtom];
    Haproxy "haproxy.cfg.j2" [Syntax::Haproxy, Syntax::HaproxyOld];
    HaproxyUnit "haproxy.service.conf.j2" [Syntax::Word];
    Hosts "hosts.j2" [Syntax::Word];
    Keepalived "keepalived.conf.j2" [Syntax::Keepalived];
    KeepalivedUnit "keepalived.service.conf.j2" [Syntax::Word];
    RabbitmqConf "rabbitmq.conf.j2" [Syntax::RabbitmqConf, Syntax::RabbitmqConfPlain];
    RabbitmqConfig "rabbitmq.config.j2" [Syntax::ErlangAtom];
    RabbitmqEnv "rabbitmq-env.conf.j2" [Syntax::Shell];
    RabbitmqUnit "rabbitmq-server.service.conf.j2" [Syntax::Word];
    Sysctl "sysctl.conf.j2" [Syntax::Line];
};

/// Returns the names of the built-in templates, which a repository may override, with their text.
pub fn built_in_templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().map(|built_in| (built_in.name, built_in.text))
}

/// The steps that one template may take: some hundred thousand values, a second at most.
const FUEL: u64 = 20_000_000;

/// Why a template could not print a value.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` cannot be written: {why}")]
struct Unquotable {
    text: String,
    why: QuoteError,
}

/// One template, ready to render.
struct Template {
    name: &'static str,
    /// The index of its file in the sources, if the repository overrides it.
    file: Option<u32>,
    by_syntax: Vec<(Syntax, Environment<'static>)>,
    uses_host: bool,
}

/// All templates of one run.
pub(super) struct Renderer {
    templates: Vec<Template>,
}

impl Renderer {
    /// Makes the templates ready, the given ones in the place of the built-in ones of the same name.
    pub(super) fn new(overrides: &[Override]) -> Result<Self, Diagnostics> {
        let mut diags = Diagnostics::new();
        for unknown in overrides.iter().filter(|own| BUILT_IN.iter().all(|built_in| built_in.name != own.name)) {
            diags.push(unknown_template(unknown));
        }
        let mut templates = Vec::with_capacity(BUILT_IN.len());
        for (index, built_in) in BUILT_IN.iter().enumerate() {
            debug_assert_eq!(index, built_in.kind as usize, "templates are looked up by their kind");
            let own = overrides.iter().find(|own| own.name == built_in.name);
            match load(built_in, own) {
                Ok(template) => templates.push(template),
                Err(diag) => diags.push(*diag),
            }
        }
        if diags.is_empty() { Ok(Self { templates }) } else { Err(diags) }
    }

    /// Returns whether a template looks at the host, so that its file differs from host to host.
    pub(super) fn uses_host(&self, kind: Kind) -> bool {
        self.templates[kind as usize].uses_host
    }

    /// Renders one file in one of the syntaxes of its template; `path` names it in messages.
    pub(super) fn render(
        &self,
        kind: Kind,
        syntax: Syntax,
        path: &str,
        context: Value,
    ) -> Result<Vec<Piece>, Diagnostics> {
        let template = &self.templates[kind as usize];
        let (_, env) = template
            .by_syntax
            .iter()
            .find(|(known, _)| *known == syntax)
            .expect("a file is rendered in a syntax of its template");
        let loaded = env.get_template(template.name).expect("`load` added it");
        let mut text = loaded.render(context).map_err(|error| vec![failed(template, path, &error)])?;
        if !text.ends_with('\n') {
            // HAProxy from 2.3 on refuses a file without a final newline.
            text.push('\n');
        }
        let refusals = pieces::refusals(&text);
        if refusals.is_empty() {
            return Ok(pieces::split(&text));
        }
        Err(refusals.iter().map(|(text, why)| unquotable(path, text, why)).collect())
    }
}

/// Says that a value cannot be written into a file.
fn unquotable(path: &str, text: &str, why: &str) -> Diagnostic {
    Diagnostic::error("unquotable-value", format!("`{text}` cannot be written into `{path}`: {why}"))
}

fn unknown_template(own: &Override) -> Diagnostic {
    let nearest = BUILT_IN
        .iter()
        .map(|built_in| (strsim::damerau_levenshtein(built_in.name, &own.name), built_in.name))
        .min()
        .expect("there are built-in templates");
    let names: Vec<&str> = BUILT_IN.iter().map(|built_in| built_in.name).collect();
    let help = if nearest.0 <= 3 {
        format!("did you mean `{}`?", nearest.1)
    } else {
        format!("a template replaces the built-in one of the same name: {}", names.join(", "))
    };
    let diag = Diagnostic::error("unknown-template", format!("there is no built-in template `{}`", own.name));
    at_file(diag, own.file, 0..0, "nothing would use this file").help(help)
}

fn at_file(mut diag: Diagnostic, file: u32, range: Range<usize>, text: &str) -> Diagnostic {
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let span = Span { file, start: byte(range.start), end: byte(range.end) };
    diag.labels.push(Label { span, text: text.to_owned() });
    diag
}

fn load(built_in: &'static BuiltIn, own: Option<&Override>) -> Result<Template, Box<Diagnostic>> {
    let file = own.map(|own| own.file);
    let text = own.map_or(built_in.text, |own| own.text.as_str());
    let mut template = Template { name: built_in.name, file, by_syntax: Vec::new(), uses_host: false };
    if let Some(at) = text.find(|c: char| c.is_control() && c != '\n' && c != '\t') {
        let diag =
            Diagnostic::error("invalid-template", format!("`templates/{}` holds a control character", built_in.name));
        return Err(Box::new(at_file(diag, file.unwrap_or_default(), at..at + 1, "this character")));
    }
    for syntax in built_in.syntaxes {
        let mut env = environment(*syntax, own.is_none());
        env.add_template_owned(built_in.name, text.to_owned())
            .map_err(|error| Box::new(failed(&template, built_in.name, &error)))?;
        template.by_syntax.push((*syntax, env));
    }
    let (_, env) = &template.by_syntax[0];
    let loaded = env.get_template(built_in.name).expect("it was just added");
    template.uses_host = loaded.undeclared_variables(false).contains("host");
    Ok(template)
}

/// Makes an environment; with `go_on` a value that cannot be written leaves a mark, else it stops the template at its place.
fn environment(syntax: Syntax, go_on: bool) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    let whitespace = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    env.set_syntax(whitespace.expect("the default delimiters differ from each other"));
    // Escaping is the formatter's work alone, and no block or filter can switch that off.
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_formatter(move |out, _, value| write_value(syntax, go_on, out, value));
    let prepared = move |text: &str, result: Result<String, QuoteError>| match result {
        Ok(text) => Ok(Value::from_object(Prepared(text))),
        Err(why) if go_on => Ok(Value::from_object(Prepared(pieces::refusal_mark(text, &why)))),
        Err(why) => Err(refused(text, why)),
    };
    env.add_filter("raw", move |line: &str| prepared(line, pieces::clean_line(syntax, line).map(|()| line.to_owned())));
    env.add_filter("comment", move |text: &str| prepared(text, quote(Syntax::Comment, text)));
    env.add_filter("words", move |text: &str| {
        let words: Result<Vec<String>, QuoteError> = text.split_whitespace().map(|word| quote(syntax, word)).collect();
        let line = words.map(|words| words.join(" "));
        prepared(text, line.and_then(|line| pieces::clean_line(syntax, &line).map(|()| line)))
    });
    env
}

fn refused(text: &str, why: QuoteError) -> Error {
    let text = pieces::printable(text);
    Error::new(ErrorKind::InvalidOperation, "a value cannot be written").with_source(Unquotable { text, why })
}

fn write_value(syntax: Syntax, go_on: bool, out: &mut Output, value: &Value) -> Result<(), Error> {
    if let Some(Prepared(text)) = value.downcast_object_ref::<Prepared>() {
        return Ok(out.write_str(text)?);
    }
    let (text, written) = match (value.downcast_object_ref::<Secret>(), value.as_str(), value.kind()) {
        (Some(Secret(name)), ..) => (name.as_str(), pieces::mark(name, syntax)),
        (None, Some(text), _) if pieces::has_secret(text) => {
            (text, Err(QuoteError("a secret is printed alone, not as a part of a text")))
        }
        (None, Some(text), _) => (text, quote(syntax, text)),
        // minijinja prints `True`, which none of the programs knows.
        (None, None, ValueKind::Bool) => return Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
        (None, None, ValueKind::Number) => return Ok(write!(out, "{value}")?),
        (None, None, kind) => {
            let message = format!("a value of type {kind} cannot be printed");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    };
    match written {
        Ok(written) => Ok(out.write_str(&written)?),
        Err(why) if go_on => Ok(out.write_str(&pieces::refusal_mark(text, &why))?),
        Err(why) => Err(refused(text, why)),
    }
}

/// Turns an error of a template into a diagnostic: a value that cannot be quoted, or a mistake in the template.
fn failed(template: &Template, path: &str, error: &Error) -> Diagnostic {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if let Some(Unquotable { text, why }) = cause.downcast_ref() {
            let diag = unquotable(path, text, why.0);
            return match (template.file, error.range()) {
                (Some(file), Some(range)) => at_file(diag, file, range, "written here"),
                _ => diag,
            };
        }
        source = cause.source();
    }
    let detail =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let line = error.line().unwrap_or(1);
    let message = format!("`templates/{}` line {line}: {detail}", template.name);
    let diag = Diagnostic::error("invalid-template", message);
    match (template.file, error.range()) {
        (Some(file), Some(range)) => at_file(diag, file, range, "here"),
        (Some(file), None) => at_file(diag, file, 0..0, "in this file"),
        (None, _) => diag,
    }
    .help("see docs/templates.md for the values that each template is given")
}
