//! Reads what RabbitMQ 3.8 to 4.3 says, whichever door it came through.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::live::{
    Bytes, ClusterState, Hidden, LiveDefinitions, LiveUser, Member, Object, ObjectId, ObjectType, PasswordHash,
    PolicyBody, Queue, QueueName, Queues, VhostMetadata, canonical,
};
use crate::release::NodeKind;

use super::BrokerError;

/// The versions of one node; none of them is known of a node that does not run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Versions {
    pub(super) rabbitmq: Option<String>,
    pub(super) erlang: Option<String>,
}

/// What no tool lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) queues: Queues,
    pub(super) applications: BTreeSet<String>,
    pub(super) limits: BTreeMap<String, String>,
}

/// What `rabbitmqctl` can change in a node that runs.
const LIMITS: [&str; 3] = ["disk_free_limit", "mem_limit", "net_ticktime"];

/// Global parameters that the broker keeps for itself.
const OWN_PARAMETERS: [&str; 3] = ["cluster_name", "cluster_tags", "imported_definition_hash_value"];
/// The algorithm of a hash that does not say.
const DEFAULT_ALGORITHM: &str = "rabbit_password_hashing_sha256";

/// One question and its answer, for saying what is wrong with it.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn wrong(self, why: impl Into<String>) -> BrokerError {
        BrokerError::Unreadable { question: self.0.to_owned(), why: why.into() }
    }

    fn text<'v>(self, value: &'v Value, key: &str) -> Result<&'v str, BrokerError> {
        value[key].as_str().ok_or_else(|| self.wrong(format!("no text `{key}`")))
    }

    fn list<'v>(self, value: &'v Value, key: &str) -> Result<&'v [Value], BrokerError> {
        value[key].as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(format!("no list `{key}`")))
    }

    fn texts(self, value: &Value, key: &str) -> Result<BTreeSet<String>, BrokerError> {
        self.list(value, key)?
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.wrong(format!("no texts in `{key}`"))))
            .collect()
    }
}

/// Reads `rabbitmqctl --formatter json cluster_status`.
pub(super) fn cluster_status(node: &str, status: &Value) -> Result<(ClusterState, Versions), BrokerError> {
    let reader = Reader("cluster_status");
    let running = reader.texts(status, "running_nodes")?;
    // Some versions colour it: the word is not always the first thing in the text.
    let drained = |node: &str| status["maintenance_status"][node].as_str().is_some_and(|s| s.contains("marked for"));
    let mut state = ClusterState { name: reader.text(status, "cluster_name")?.to_owned(), ..ClusterState::default() };
    for (kind, key) in [(NodeKind::Disc, "disk_nodes"), (NodeKind::Ram, "ram_nodes")] {
        // 4.3 knows no RAM nodes any more.
        for name in if status[key].is_null() { BTreeSet::new() } else { reader.texts(status, key)? } {
            let member = Member { kind, running: running.contains(&name), maintenance: drained(&name) };
            state.members.insert(name, member);
        }
    }
    // A partition is an object of lists, or an empty list where there is none.
    for (name, others) in status["partitions"].as_object().into_iter().flatten() {
        let others: BTreeSet<String> = strings(others);
        if !others.is_empty() {
            state.partitions.insert(name.clone(), others);
        }
    }
    for alarm in reader.list(status, "alarms")? {
        let (resource, node) = (alarm["resource"].as_str(), alarm["node"].as_str());
        state.alarms.insert(match (resource, node) {
            (Some(resource), Some(node)) => format!("{resource} on {node}"),
            _ => alarm.to_string(),
        });
    }
    let of_node = &status["versions"][node];
    let version = |key: &str| of_node[key].as_str().map(str::to_owned);
    Ok((state, Versions { rabbitmq: version("rabbitmq_version"), erlang: version("erlang_version") }))
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Reads `GET /api/nodes`; the name of the cluster is in the overview.
pub(super) fn nodes(name: &str, nodes: &Value) -> Result<ClusterState, BrokerError> {
    let reader = Reader("/api/nodes");
    let mut state = ClusterState { name: name.to_owned(), ..ClusterState::default() };
    for node in nodes.as_array().ok_or_else(|| reader.wrong("no list of nodes"))? {
        let name = reader.text(node, "name")?;
        let running = node["running"].as_bool().ok_or_else(|| reader.wrong("a node that neither runs nor not"))?;
        let kind = if node["type"] == "ram" { NodeKind::Ram } else { NodeKind::Disc };
        let maintenance = node["being_drained"] == true;
        state.members.insert(name.to_owned(), Member { kind, running, maintenance });
        let others = strings(&node["partitions"]);
        if !others.is_empty() {
            state.partitions.insert(name.to_owned(), others);
        }
        for (key, resource) in [("mem_alarm", "memory"), ("disk_free_alarm", "disk")] {
            if node[key] == true {
                state.alarms.insert(format!("{resource} on {name}"));
            }
        }
    }
    Ok(state)
}

/// Returns the names of the applications of one node of `GET /api/nodes`.
pub(super) fn applications(node: &str, nodes: &Value) -> Option<BTreeSet<String>> {
    let node = nodes.as_array()?.iter().find(|one| one["name"] == node)?;
    let name = |application: &Value| application["name"].as_str().map(str::to_owned);
    node["applications"].as_array()?.iter().map(name).collect()
}

/// Reads the answer of Erlang: base64 in a binary that may be broken into lines.
pub(super) fn evaluated(answer: &[u8]) -> Result<Facts, BrokerError> {
    let reader = Reader("eval");
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let bytes: Vec<u8> = answer.iter().copied().filter(is_base64).collect();
    let json = STANDARD.decode(bytes).map_err(|error| reader.wrong(error.to_string()))?;
    let value: Value = serde_json::from_slice(&json).map_err(|error| reader.wrong(error.to_string()))?;
    let limits = node_limits(&value["limits"]).ok_or_else(|| reader.wrong("no limits"))?;
    Ok(Facts { applications: reader.texts(&value, "applications")?, queues: queues(&value["queues"])?, limits })
}

/// Returns the limits of one node of `GET /api/nodes`.
pub(super) fn limits_of(node: &str, nodes: &Value) -> Option<BTreeMap<String, String>> {
    node_limits(nodes.as_array()?.iter().find(|one| one["name"] == node)?)
}

fn node_limits(node: &Value) -> Option<BTreeMap<String, String>> {
    let limit = |name: &&str| match &node[*name] {
        Value::Number(number) => Some(((*name).to_owned(), number.to_string())),
        Value::String(word) => Some(((*name).to_owned(), word.clone())),
        _ => None,
    };
    LIMITS.iter().map(limit).collect()
}

/// Reads a list of queues.
pub(super) fn queues(list: &Value) -> Result<Queues, BrokerError> {
    let reader = Reader("queues");
    let mut queues = BTreeMap::new();
    for queue in list.as_array().ok_or_else(|| reader.wrong("no list of queues"))? {
        let name = |key: &str| queue[key].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        let kind = reader.text(queue, "type")?;
        let kind = kind.strip_prefix("rabbit_").and_then(|kind| kind.strip_suffix("_queue")).unwrap_or(kind);
        queues.insert(
            QueueName { vhost: reader.text(queue, "vhost")?.to_owned(), name: reader.text(queue, "name")?.to_owned() },
            Queue { kind: kind.to_owned(), policy: name("policy"), operator_policy: name("operator_policy") },
        );
    }
    Ok(Queues(queues))
}

/// Reads definitions. The API of some versions leaves the vhosts' metadata out of them; `vhosts` has it then.
pub(super) fn definitions(document: &Value, vhosts: Option<&Value>) -> Result<LiveDefinitions, BrokerError> {
    let reader = Reader("definitions");
    let mut objects = BTreeMap::new();
    let vhosts = vhosts.and_then(Value::as_array).map_or_else(|| reader.list(document, "vhosts"), |list| Ok(list))?;
    for vhost in vhosts {
        let metadata = Object::Vhost(metadata(vhost));
        objects.insert(ObjectId::global(ObjectType::Vhost, reader.text(vhost, "name")?), metadata);
    }
    for user in reader.list(document, "users")? {
        let name = reader.text(user, "name")?;
        let limits = limits(&user["limits"]);
        if !limits.is_empty() {
            objects.insert(ObjectId::global(ObjectType::UserLimits, name), Object::Limits(limits));
        }
        let hash = Bytes::new(user["password_hash"].as_str().unwrap_or_default().as_bytes().to_vec());
        let algorithm = user["hashing_algorithm"].as_str().unwrap_or(DEFAULT_ALGORITHM).to_owned();
        let user = LiveUser { tags: tags(&user["tags"]), password: PasswordHash { hash, algorithm } };
        objects.insert(ObjectId::global(ObjectType::User, name), Object::User(user));
    }
    for permission in reader.list(document, "permissions")? {
        let (vhost, user) = (reader.text(permission, "vhost")?, reader.text(permission, "user")?);
        let id = ObjectId::in_vhost(ObjectType::Permission, vhost, user);
        objects.insert(id, patterns(reader, permission, &["configure", "write", "read"])?);
    }
    for permission in reader.list(document, "topic_permissions")? {
        let (vhost, user) = (reader.text(permission, "vhost")?, reader.text(permission, "user")?);
        let id = ObjectId::in_vhost(ObjectType::TopicPermission, vhost, user);
        let id = id.of(reader.text(permission, "exchange")?);
        objects.insert(id, patterns(reader, permission, &["write", "read"])?);
    }
    for one in reader.list(document, "policies")? {
        let (vhost, name) = (reader.text(one, "vhost")?, reader.text(one, "name")?);
        objects.insert(ObjectId::in_vhost(ObjectType::Policy, vhost, name), policy(reader, one)?);
    }
    for one in reader.list(document, "parameters")? {
        let (id, object) = parameter(reader, one)?;
        // A vhost whose limits were taken away keeps an empty list of them.
        if !matches!(&object, Object::Limits(limits) if limits.is_empty()) {
            objects.insert(id, object);
        }
    }
    for one in reader.list(document, "global_parameters")? {
        let name = reader.text(one, "name")?;
        if !OWN_PARAMETERS.contains(&name) && !name.starts_with("internal") {
            let value = Object::Parameter(Hidden(canonical(&one["value"])));
            objects.insert(ObjectId::global(ObjectType::GlobalParameter, name), value);
        }
    }
    Ok(LiveDefinitions(objects))
}

/// Reads a vhost's metadata. `undefined` is Erlang's word for nothing.
fn metadata(vhost: &Value) -> VhostMetadata {
    let said = |key: &str| {
        let text = vhost["metadata"][key].as_str().or_else(|| vhost[key].as_str());
        text.filter(|text| !text.is_empty() && *text != "undefined").map(str::to_owned)
    };
    let tags = if vhost["metadata"]["tags"].is_array() { &vhost["metadata"]["tags"] } else { &vhost["tags"] };
    VhostMetadata {
        description: said("description"),
        tags: self::tags(tags),
        default_queue_type: said("default_queue_type"),
    }
}

/// Reads tags: a list, or up to 3.8.9 a text with commas.
fn tags(tags: &Value) -> BTreeSet<String> {
    match tags {
        Value::String(text) => text.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        list => strings(list),
    }
}

/// Reads limits: an object, or a list of pairs.
fn limits(limits: &Value) -> BTreeMap<String, i64> {
    let fields = canonical(limits);
    let fields = fields.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_i64()?))).collect()
}

fn patterns(reader: Reader<'_>, object: &Value, keys: &[&str]) -> Result<Object, BrokerError> {
    let pattern = |key: &&str| Ok(((*key).to_owned(), reader.text(object, key)?.to_owned()));
    keys.iter().map(pattern).collect::<Result<_, _>>().map(Object::Permission)
}

fn policy(reader: Reader<'_>, policy: &Value) -> Result<Object, BrokerError> {
    let definition = canonical(&policy["definition"]);
    let definition = definition.as_object().ok_or_else(|| reader.wrong("a policy without a definition"))?;
    Ok(Object::Policy(PolicyBody {
        pattern: reader.text(policy, "pattern")?.to_owned(),
        apply_to: policy["apply-to"].as_str().unwrap_or("all").to_owned(),
        priority: policy["priority"].as_i64().unwrap_or(0),
        definition: definition.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
    }))
}

/// Reads a parameter. Operator policies and the limits of vhosts are parameters of a component of their own.
fn parameter(reader: Reader<'_>, one: &Value) -> Result<(ObjectId, Object), BrokerError> {
    let (vhost, name) = (reader.text(one, "vhost")?, reader.text(one, "name")?);
    let (component, value) = (reader.text(one, "component")?, &one["value"]);
    Ok(match component {
        "operator_policy" => {
            (ObjectId::in_vhost(ObjectType::OperatorPolicy, vhost, name), policy(reader, &canonical(value))?)
        }
        "vhost-limits" => (ObjectId::global(ObjectType::VhostLimits, vhost), Object::Limits(limits(value))),
        _ => {
            let id = ObjectId::in_vhost(ObjectType::Parameter, vhost, name).of(component);
            (id, Object::Parameter(Hidden(canonical(value))))
        }
    })
}

#[cfg(test)]
mod tests;
