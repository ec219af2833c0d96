//! Makes, changes and removes objects of the live broker.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, fchown};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::live::{Door, Edit, Object, ObjectId, ObjectType};

use super::api::Api;
use super::{Access, BrokerError, cli, document};

/// How long the broker may take for one edit, or for one import of many.
const TELL: Duration = Duration::from_secs(60);

/// Takes edits in their order, through the door by which the broker was looked at. Each has its own result; none stops
/// those after it.
pub fn edit(access: &Access, door: Door, edits: &[&Edit]) -> Vec<Result<(), BrokerError>> {
    match (door, &access.api) {
        (Door::ManagementApi, Some(login)) => {
            let mut api = Api::open(access, login);
            let one = |edit: &&Edit| {
                api.extend(TELL);
                through_api(access, &api, edit)
            };
            edits.iter().map(one).collect()
        }
        _ => through_tools(access, edits),
    }
}

fn through_api(access: &Access, api: &Api<'_>, edit: &Edit) -> Result<(), BrokerError> {
    let Edit { id, before, after } = edit;
    let path = path(id);
    let result = match (after, before) {
        (Some(Object::Limits(after)), before) => {
            let none = BTreeMap::new();
            let before = if let Some(Object::Limits(before)) = before { before } else { &none };
            limits(api, &path, before, after)
        }
        (None, Some(Object::Limits(before))) => limits(api, &path, before, &BTreeMap::new()),
        (Some(after), before) => api.put(&path, &document::body(id, after)).and_then(|()| {
            // Whoever makes a vhost through the API is let into it; only what the release says is meant.
            let user = access.api.as_ref().map(|login| login.user.as_str());
            match user.filter(|_| before.is_none() && id.r#type == ObjectType::Vhost) {
                Some(user) => api.delete(&self::path(&ObjectId::in_vhost(ObjectType::Permission, &id.name, user))),
                None => Ok(()),
            }
        }),
        // The API removes all topic permissions of a user at once.
        (None, _) if id.r#type == ObjectType::TopicPermission => remove(access, id),
        (None, _) => api.delete(&path),
    };
    result.map_err(|error| masked(error, edit))
}

fn limits(
    api: &Api<'_>,
    path: &str,
    before: &BTreeMap<String, i64>,
    after: &BTreeMap<String, i64>,
) -> Result<(), BrokerError> {
    for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
        api.put(&format!("{path}/{}", segment(name)), &serde_json::json!({ "value": value }))?;
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        api.delete(&format!("{path}/{}", segment(name)))?;
    }
    Ok(())
}

/// Returns the path of an object in the API.
fn path(id: &ObjectId) -> String {
    let vhost = segment(id.vhost.as_deref().unwrap_or_default());
    let name = segment(&id.name);
    match id.r#type {
        ObjectType::Vhost => format!("/api/vhosts/{name}"),
        ObjectType::User => format!("/api/users/{name}"),
        ObjectType::Permission => format!("/api/permissions/{vhost}/{name}"),
        ObjectType::TopicPermission => format!("/api/topic-permissions/{vhost}/{name}"),
        ObjectType::VhostLimits => format!("/api/vhost-limits/{name}"),
        ObjectType::UserLimits => format!("/api/user-limits/{name}"),
        ObjectType::Parameter => {
            format!("/api/parameters/{}/{vhost}/{name}", segment(id.of.as_deref().unwrap_or_default()))
        }
        ObjectType::GlobalParameter => format!("/api/global-parameters/{name}"),
        ObjectType::Policy => format!("/api/policies/{vhost}/{name}"),
        ObjectType::OperatorPolicy => format!("/api/operator-policies/{vhost}/{name}"),
    }
}

/// Returns a name as one segment of a path: everything that could mean something there is spelled out.
fn segment(name: &str) -> String {
    let spell = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(spell).collect()
}

/// What is made or changed goes in one import, as long as nothing is removed in between; where that fails, each edit is
/// tried alone, so that each has its own answer.
fn through_tools(access: &Access, edits: &[&Edit]) -> Vec<Result<(), BrokerError>> {
    let mut results = Vec::new();
    for group in edits.chunk_by(|one, next| is_imported(one) && is_imported(next)) {
        if group.len() > 1 && import(access, group).is_ok() {
            results.extend(group.iter().map(|_| Ok(())));
            continue;
        }
        results.extend(group.iter().map(|edit| alone(access, edit).map_err(|error| masked(error, edit))));
    }
    results
}

fn is_imported(edit: &Edit) -> bool {
    edit.after.is_some() && edit.id.r#type != ObjectType::UserLimits
}

fn alone(access: &Access, edit: &Edit) -> Result<(), BrokerError> {
    match &edit.after {
        None => remove(access, &edit.id),
        Some(Object::Limits(limits)) if edit.id.r#type == ObjectType::UserLimits => {
            let limits = serde_json::to_string(limits).expect("names and numbers are JSON");
            if edit.before.is_some() {
                remove(access, &edit.id)?;
            }
            ctl(access, &["set_user_limits", "--", &edit.id.name, &limits])
        }
        Some(_) => import(access, &[edit]),
    }
}

/// Imports objects from a file that the broker's user alone can read: no tool takes a hash or a parameter by another way
/// than its arguments, and from standard input `import_definitions` of 4.0 never returns.
fn import(access: &Access, edits: &[&Edit]) -> Result<(), BrokerError> {
    let objects = edits.iter().filter_map(|edit| edit.after.as_ref().map(|after| (&edit.id, after)));
    let text = Zeroizing::new(document::import(objects).to_string());
    let home = &access.tools.home;
    let fail = |source| BrokerError::Document { path: home.clone(), source };
    let owner = std::fs::metadata(home).map_err(fail)?;
    let mut file = tempfile::Builder::new().prefix(".rmqgit-").tempfile_in(home).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    if rustix::process::geteuid().is_root() {
        fchown(file.as_file(), Some(owner.uid()), Some(owner.gid())).map_err(fail)?;
    }
    ctl(access, &["import_definitions", "--", &file.path().to_string_lossy()])
}

fn remove(access: &Access, id: &ObjectId) -> Result<(), BrokerError> {
    let vhost = format!("--vhost={}", id.vhost.as_deref().unwrap_or_default());
    let of = id.of.as_deref().unwrap_or_default();
    let name = id.name.as_str();
    match id.r#type {
        ObjectType::Vhost => ctl(access, &["delete_vhost", "--", name]),
        ObjectType::User => ctl(access, &["delete_user", "--", name]),
        ObjectType::Permission => ctl(access, &["clear_permissions", &vhost, "--", name]),
        ObjectType::TopicPermission => ctl(access, &["clear_topic_permissions", &vhost, "--", name, of]),
        ObjectType::VhostLimits => ctl(access, &["clear_vhost_limits", &format!("--vhost={name}")]),
        ObjectType::UserLimits => ctl(access, &["clear_user_limits", "--", name, "all"]),
        ObjectType::Parameter => ctl(access, &["clear_parameter", &vhost, "--", of, name]),
        ObjectType::GlobalParameter => ctl(access, &["clear_global_parameter", "--", name]),
        ObjectType::Policy => ctl(access, &["clear_policy", &vhost, "--", name]),
        ObjectType::OperatorPolicy => ctl(access, &["clear_operator_policy", &vhost, "--", name]),
    }
}

fn ctl(access: &Access, args: &[&str]) -> Result<(), BrokerError> {
    cli::run(access, &access.node, "rabbitmqctl", args, TELL).map(|_| ())
}

/// Takes out of an error what may be secret in the edit that it is about.
fn masked(error: BrokerError, edit: &Edit) -> BrokerError {
    match error {
        BrokerError::Refused { command, status, words } => {
            BrokerError::Refused { command, status, words: edit.mask(&words) }
        }
        BrokerError::Status { question, status, words } => {
            BrokerError::Status { question, status, words: edit.mask(&words) }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment() {
        let check = |name: &str, expect: &str| assert_eq!(segment(name), expect);
        check("/", "%2F");
        check("a-b_C~9", "a-b_C~9");
        check("..", "%2E%2E");
        check("a/b?c#d%é", "a%2Fb%3Fc%23d%25%C3%A9");
    }
}
