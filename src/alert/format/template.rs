//! Templates of a `webhook`'s body, in minijinja's language.

use std::collections::BTreeSet;

use jiff::Timestamp;
use minijinja::value::{Serde, Value as Seen};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use super::super::book::Book;
use super::super::kind::{Identity, Kind};
use super::super::rules::Rules;
use super::super::sighting::{Problem, Sighting};
use super::webhook::document;
use super::{Batch, Post, Sender};

/// How much a template may do.
const FUEL: u64 = 1_000_000;

/// Renders a template with what a message has to say.
pub(super) fn render(template: &str, document: &Value) -> Result<String, String> {
    let rendered = environment().render_str(template, Seen::from(Serde(document)));
    rendered.map_err(|error| format!("the template: {error}"))
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // It would show everything, in the form of no service.
    env.remove_global("debug");
    // A name that does not exist would become `null` here, also where undefined values are errors.
    env.add_filter("tojson", |value: &Seen| -> Result<Seen, Error> {
        if value.is_undefined() {
            return Err(Error::new(ErrorKind::UndefinedError, "there is no such value"));
        }
        let text = serde_json::to_string(value);
        text.map(Seen::from_safe_string).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
    });
    env
}

/// Says what is wrong with a template: it is tried with one incident, with many, without details and without a release.
pub(in crate::alert) fn try_template(template: &str, content_type: Option<&str>) -> Result<(), String> {
    let env = environment();
    let parsed = env.template_from_str(template).map_err(|error| format!("the template: {error}"))?;
    for (many, plain) in [(false, false), (false, true), (true, false)] {
        let sender = sender(!plain);
        let batch = batch(many, plain);
        let post = Post { sender: &sender, batch: &batch, thread: None, open: &[], now: Timestamp::UNIX_EPOCH };
        let document = document(&post);
        let known: BTreeSet<&str> = document.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let asked = parsed.undeclared_variables(false);
        let unknown = asked.iter().find(|name| !known.contains(name.as_str()) && !is_function(&env, name));
        if let Some(name) = unknown {
            return Err(format!("the template: there is no `{name}`"));
        }
        let body = render(template, &document)?;
        let is_json = content_type.is_none_or(|kind| kind.trim_end().ends_with("json") || kind.contains("json;"));
        if is_json && let Err(why) = serde_json::from_str::<Value>(&body) {
            return Err(format!("the template makes no JSON of a sample: {why}"));
        }
    }
    Ok(())
}

fn is_function(env: &Environment<'_>, name: &str) -> bool {
    env.globals().any(|(known, _)| known == name)
}

fn sender(released: bool) -> Sender {
    Sender {
        cluster: "orders".parse().expect("it is a name"),
        host: "rabbit1".parse().expect("it is a name"),
        release: released.then(|| ("0123456789".to_owned(), Some("9876543210".to_owned()))),
        release_link: Some("https://git.example.org/{commit}".to_owned()),
        runbook: Some("https://wiki.example.org/{kind}".to_owned()),
        test: true,
    }
}

fn batch(many: bool, plain: bool) -> Batch {
    let problem = |number: usize| {
        let identity = Identity::new(Kind::Drift, &format!("/etc/sample/{number}"));
        let problem = Problem {
            identity: identity.clone(),
            severity: None,
            cause: "a \"sample\"".to_owned(),
            summary: "replace it\twith \\ and \"".to_owned(),
            help: "nothing to do".to_owned(),
            diff: Some("-a\n+\"b\"\n".to_owned()),
            print: String::new(),
            since: None,
        };
        (identity, problem)
    };
    let seen = Sighting { problems: (0..if many { 30 } else { 1 }).map(problem).collect(), ..Sighting::default() };
    let routes = [("sample".to_owned(), super::super::Route::default())].into();
    let book = Book::default().record(&seen, Timestamp::UNIX_EPOCH, &Rules::default(), &routes);
    let entries = book.outbox.into_values().flat_map(|queue| queue.entries).collect();
    Batch { entries, plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_tried_before_anything_happens() {
        let good = |template: &str, kind: Option<&str>| assert_eq!(try_template(template, kind), Ok(()), "{template}");
        good("{\"text\": {{ title|tojson }}}", None);
        good("{\"text\": {{ incidents[0].summary|tojson }}, \"n\": {{ incidents|length }}}", Some("application/json"));
        good("{{ incidents|tojson }}", None);
        good("{\"d\": {{ incidents[0].diff|tojson }}, \"r\": {{ release|tojson }}}", None);
        good("[{% for i in incidents %}{{ i.kind|tojson }}{% if not loop.last %},{% endif %}{% endfor %}]", None);
        good("{% for i in range(2) %}{{ i }}{% endfor %} {{ text }}", Some("text/plain"));
        let bad = |template: &str, kind: Option<&str>, expect: &str| {
            let why = try_template(template, kind).expect_err(template);
            assert!(why.contains(expect), "{template}: {why}");
        };
        bad("{\"text\": {{ titel|tojson }}}", None, "there is no `titel`");
        bad("{\"text\": {{ incidents[0].sumary|tojson }}}", None, "there is no such value");
        bad("{% for i in incidents %}{{ i.sumary|tojson }}{% endfor %}", Some("text/plain"), "there is no such value");
        bad("{{ nothing }}", Some("text/plain"), "there is no `nothing`");
        bad("{% if title %}", None, "unexpected");
        bad("{{ title|shout }}", None, "unknown filter");
        bad("{{ shout(title) }}", None, "there is no `shout`");
        bad("{\"text\": \"{{ text }}\"}", None, "makes no JSON");
        bad("{{ debug() }}", Some("text/plain"), "there is no `debug`");
        bad("{% for i in range(100000) %}{% for i in range(100000) %}{% endfor %}{% endfor %}", None, "fuel");
    }
}
