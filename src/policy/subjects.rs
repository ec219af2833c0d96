//! What rules are asked of: the parts of a cluster by their kind, each with its place in the spec.

use minijinja::Value;

use super::place::in_list;
use super::rule::Kind;
use crate::yaml::Node;

/// Something that rules are asked of.
#[derive(Debug)]
pub(super) struct Asked {
    /// What expressions see, by name.
    pub(super) vars: Vec<(&'static str, Value)>,
    /// Where the spec says it.
    pub(super) path: Vec<String>,
}

/// Returns the names that a rule of a kind is given beside those of the whole cluster.
pub(super) fn names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Cluster => &[],
        Kind::Host => &["host"],
        Kind::Node => &["node"],
        Kind::Vhost => &["vhost"],
        Kind::User => &["user"],
        Kind::Permission => &["permission", "user"],
        Kind::Policy | Kind::OperatorPolicy => &["policy"],
        Kind::Parameter => &["parameter"],
        Kind::Plugin => &["plugin"],
        Kind::Config => &["config"],
        Kind::Env => &["env"],
        Kind::Front => &["front"],
        Kind::Server => &["server", "front"],
        Kind::Instance => &["instance"],
        Kind::Member => &["member", "instance"],
    }
}

/// Returns everything of a kind in a cluster as expressions see it.
pub(super) fn of(kind: Kind, view: &Value, tree: &Node) -> Vec<Asked> {
    let rabbitmq = || attr(view, "rabbitmq");
    let one = |name, value, path: Vec<String>| Asked { vars: vec![(name, value)], path };
    let named = |value: Value, name, key, under: &[&str]| {
        let path = under.iter().map(|&step| step.to_owned()).chain([text(&value, key)]).collect();
        one(name, value, path)
    };
    match kind {
        Kind::Cluster => vec![Asked { vars: Vec::new(), path: Vec::new() }],
        Kind::Host => items(view, "hosts").map(|it| named(it, "host", "name", &["hosts"])).collect(),
        Kind::Node => items(&rabbitmq(), "nodes").map(|it| named(it, "node", "host", &["rabbitmq", "nodes"])).collect(),
        Kind::Vhost => {
            items(&rabbitmq(), "vhosts").map(|it| named(it, "vhost", "name", &["rabbitmq", "vhosts"])).collect()
        }
        Kind::User => items(&rabbitmq(), "users").map(|it| named(it, "user", "name", &["rabbitmq", "users"])).collect(),
        Kind::Permission => items(&rabbitmq(), "users").flat_map(|it| permissions(&it)).collect(),
        Kind::Policy => listed(view, tree, "policies", "policy"),
        Kind::OperatorPolicy => listed(view, tree, "operator_policies", "policy"),
        Kind::Parameter => listed(view, tree, "parameters", "parameter"),
        Kind::Plugin => items(&rabbitmq(), "plugins")
            .map(|it| {
                let path = vec!["rabbitmq".to_owned(), "plugins".to_owned(), it.to_string()];
                one("plugin", it, path)
            })
            .collect(),
        Kind::Config => pairs(&attr(&rabbitmq(), "config"), "config", "key", &["rabbitmq", "config"]),
        Kind::Env => pairs(&attr(&rabbitmq(), "env"), "env", "name", &["rabbitmq", "env"]),
        Kind::Front => fronts(view).map(|it| named(it, "front", "role", &["haproxy"])).collect(),
        Kind::Server => fronts(view).flat_map(|it| servers(&it)).collect(),
        Kind::Instance => instances(view).map(|(it, path)| one("instance", it, path)).collect(),
        Kind::Member => instances(view).flat_map(|(it, path)| members(&it, &path)).collect(),
    }
}

fn attr(value: &Value, name: &str) -> Value {
    value.get_attr(name).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    attr(value, name).to_string()
}

fn items(value: &Value, name: &str) -> impl Iterator<Item = Value> + use<> {
    attr(value, name).try_iter().into_iter().flatten()
}

fn permissions(user: &Value) -> Vec<Asked> {
    let name = text(user, "name");
    let asked = |permission: Value| {
        let steps = ["rabbitmq", "users", &name, "permissions"];
        let path = steps.into_iter().map(str::to_owned).chain([text(&permission, "vhost")]).collect();
        Asked { vars: vec![("permission", permission), ("user", user.clone())], path }
    };
    items(user, "permissions").map(asked).collect()
}

/// Walks the items of a list that stand in vhosts.
fn listed(view: &Value, tree: &Node, list: &str, name: &'static str) -> Vec<Asked> {
    let asked = |item: Value| {
        let step = in_list(tree, list, &text(&item, "name"), &text(&item, "vhost"));
        Asked { vars: vec![(name, item)], path: vec!["rabbitmq".to_owned(), list.to_owned(), step] }
    };
    items(&attr(view, "rabbitmq"), list).map(asked).collect()
}

/// Makes an entry of a mapping a value of its own.
fn pairs(mapping: &Value, name: &'static str, key: &'static str, under: &[&str]) -> Vec<Asked> {
    let entry = |entry: Value| {
        let value = mapping.get_item(&entry).unwrap_or_default();
        let path = under.iter().map(|&step| step.to_owned()).chain([entry.to_string()]).collect();
        let pair = Value::from_pairs([(key, entry), ("value", value)]);
        Asked { vars: vec![(name, pair)], path }
    };
    mapping.try_iter().into_iter().flatten().map(entry).collect()
}

fn fronts(view: &Value) -> impl Iterator<Item = Value> + use<> {
    let haproxy = attr(view, "haproxy");
    let front = |role: &str| haproxy.get_attr(role).ok().filter(|front| !front.is_none() && !front.is_undefined());
    [front("amqp"), front("management")].into_iter().flatten()
}

fn servers(front: &Value) -> Vec<Asked> {
    let role = text(front, "role");
    let asked = |server: Value| {
        let path = vec!["haproxy".to_owned(), role.clone(), "servers".to_owned(), text(&server, "host")];
        Asked { vars: vec![("server", server), ("front", front.clone())], path }
    };
    items(front, "servers").map(asked).collect()
}

/// Walks the instances: one may stand in the section itself, several have names below `instances`.
fn instances(view: &Value) -> impl Iterator<Item = (Value, Vec<String>)> + use<> {
    let section = "keepalived".to_owned();
    items(&attr(view, "keepalived"), "instances").map(move |it| {
        let path = vec![section.clone(), "instances".to_owned(), text(&it, "name")];
        (it, path)
    })
}

fn members(instance: &Value, path: &[String]) -> Vec<Asked> {
    let asked = |member: Value| {
        let mut path = path.to_vec();
        path.extend(["priorities".to_owned(), text(&member, "host")]);
        Asked { vars: vec![("member", member), ("instance", instance.clone())], path }
    };
    items(instance, "members").map(asked).collect()
}
