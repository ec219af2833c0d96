//! What the forges publish of their APIs, and whether a request or an answer keeps to it.

use std::path::Path;

use serde_json::{Value, json};

/// The operations that a forge describes.
pub(super) struct Contract {
    operations: Vec<Value>,
}

/// A forge whose description is a fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Github,
    Gitlab,
    Forgejo,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Forgejo];

    fn file(self) -> &'static str {
        match self {
            Self::Github => "github.json",
            Self::Gitlab => "gitlab.json",
            Self::Forgejo => "forgejo.json",
        }
    }
}

impl Contract {
    pub(super) fn read(kind: Kind) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/forge").join(kind.file());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let document: Value = serde_json::from_str(&text).unwrap();
        Self { operations: document["operations"].as_array().unwrap().clone() }
    }

    /// Returns the operation that a request is one of.
    pub(super) fn operation(&self, method: &str, path: &str) -> Result<&Value, String> {
        let found = self
            .operations
            .iter()
            .find(|operation| operation["method"] == method && matches(operation["path"].as_str().unwrap(), path));
        found.ok_or_else(|| format!("{method} {path}: no such operation is described"))
    }

    /// Holds a request against the description: its path, its query, its body, down to the names.
    pub(super) fn request(&self, method: &str, target: &str, body: Option<&Value>) -> Result<&Value, String> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let operation = self.operation(method, path)?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let schema = &operation["query"][name];
            if schema.is_null() {
                return Err(format!("{method} {path}: `{name}` is not described"));
            }
            let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
            fits(schema, &value).map_err(|why| format!("{method} {path}: `{name}`: {why}"))?;
        }
        match (&operation["body"], body) {
            (Value::Null, None) => Ok(operation),
            (Value::Null, Some(_)) => Err(format!("{method} {path}: it takes no body")),
            (_, None) => Err(format!("{method} {path}: it needs a body")),
            (schema, Some(body)) => {
                let mut strict = schema.clone();
                strict["additionalProperties"] = json!(false);
                fits(&strict, body).map_err(|why| format!("{method} {path}: {why}"))?;
                Ok(operation)
            }
        }
    }
}

/// Holds an answer against an operation; statuses that any server may give need no description.
pub(super) fn answer(operation: &Value, status: u16, body: &Value) -> Result<(), String> {
    let described = &operation["answers"][status.to_string()];
    match (operation["answers"].get(status.to_string()), status) {
        (None, 300..=399 | 401 | 403 | 404 | 413 | 422 | 429 | 500..) | (Some(Value::Null), _) => Ok(()),
        (None, _) => Err(format!("{} {}: {status} is not described", operation["method"], operation["path"])),
        (Some(_), _) => fits(described, body),
    }
}

/// Makes the least that a schema accepts.
pub(super) fn sample(schema: &Value) -> Value {
    if let Some(choice) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[key].as_array()) {
        return sample(&choice[0]);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match (kind, schema["format"].as_str()) {
        ("string", Some("date-time")) => json!("2026-06-01T12:00:00Z"),
        ("string", Some("uri" | "url")) => json!("https://forge.example.org/x"),
        ("string", Some("email")) => json!("a@example.org"),
        ("string", _) => json!("x"),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(false),
        ("array", _) => json!([]),
        _ => {
            let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
            let field = |name: &Value| {
                let name = name.as_str().unwrap();
                (name.to_owned(), sample(&schema["properties"][name]))
            };
            Value::Object(required.iter().map(field).collect())
        }
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let same = |(part, given): (&&str, &&str)| if part.starts_with('{') { !given.is_empty() } else { part == given };
    one.len() == other.len() && one.iter().zip(&other).all(same)
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = jsonschema::draft4::new(schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").chars().take(600).collect()) }
}

#[test]
fn a_breach_is_seen() {
    for kind in Kind::ALL {
        let contract = Contract::read(kind);
        let notes = match kind {
            Kind::Gitlab => "/projects/1/merge_requests/5/notes",
            _ => "/repos/acme/spec/issues/5/comments",
        };
        let text = json!({"body": "text"});
        assert!(contract.request("POST", notes, Some(&text)).is_ok());
        let wrong = [
            ("POST", notes.to_owned(), None),
            ("POST", notes.to_owned(), Some(json!({"body": 5}))),
            ("POST", notes.to_owned(), Some(json!({"body": "text", "text": "text"}))),
            ("POST", notes.to_owned(), Some(json!({}))),
            ("POST", format!("{notes}/more"), Some(text.clone())),
            ("GET", format!("{notes}?pages=1"), None),
            ("GET", notes.to_owned(), Some(text)),
        ];
        for (method, target, body) in wrong {
            assert!(contract.request(method, &target, body.as_ref()).is_err(), "{kind:?} {method} {target} {body:?}");
        }
        let user = contract.operation("GET", "/user").unwrap();
        assert_eq!(answer(user, 200, &sample(&user["answers"]["200"])), Ok(()));
        assert!(answer(user, 200, &json!({"id": "seven"})).is_err(), "{kind:?}");
        assert!(answer(user, 203, &Value::Null).is_err(), "{kind:?}");
    }
}

/// What `src/forge/api.rs` reads of answers is what the forges describe, by name and type.
#[test]
fn what_is_read_is_described() {
    for kind in Kind::ALL {
        let contract = Contract::read(kind);
        let (notes, author, login) = match kind {
            Kind::Gitlab => ("/projects/1/merge_requests/5/notes", "author", "username"),
            _ => ("/repos/acme/spec/issues/5/comments", "user", "login"),
        };
        let schema = |method: &str, path: &str, status: &str| {
            contract.operation(method, path).unwrap()["answers"][status].clone()
        };
        let has = |schema: &Value, path: &[&str], kind: &str| {
            // GitHub describes accounts as one of several kinds, of which all have these.
            let one = |schema: &Value, name: &str| match schema["properties"][name].clone() {
                Value::Null => schema["oneOf"].as_array().map_or(Value::Null, |all| all[0]["properties"][name].clone()),
                found => found,
            };
            let mut at = schema.clone();
            for name in path {
                at = if at["anyOf"].is_array() { at["anyOf"][0].clone() } else { at };
                at = one(&at, name);
            }
            assert_eq!(at["type"], kind, "{path:?} of {schema}");
        };
        let list = schema("GET", notes, "200");
        assert_eq!(list["type"], "array");
        for comment in [&list["items"], &schema("POST", notes, "201")] {
            has(comment, &["id"], "integer");
            has(comment, &["body"], "string");
            has(comment, &[author, "id"], "integer");
            has(comment, &[author, login], "string");
        }
        let account = schema("GET", "/user", "200");
        has(&account, &["id"], "integer");
        has(&account, &[login], "string");
    }
}
