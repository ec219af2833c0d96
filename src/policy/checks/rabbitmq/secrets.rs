//! Secrets that stand for more than one thing. Those of runtime parameters are left out: a shovel may log in as a user of its own
//! cluster.

use std::collections::BTreeMap;

use crate::model::{ConfigValue, Value};
use crate::name::SecretRef;
use crate::policy::{Finding, Subject};

/// Where a secret is used, for a person and as a path.
struct Use<'a> {
    what: String,
    path: Vec<&'a str>,
    /// The account that the secret opens: one account may be named in several places.
    account: &'a str,
}

/// Finds secrets that open two things.
pub(in crate::policy) fn reused(subject: &Subject<'_>) -> Vec<Finding> {
    let mut uses: BTreeMap<&SecretRef, Vec<Use<'_>>> = BTreeMap::new();
    let mut add = |secret, used| uses.entry(secret).or_default().push(used);
    let broker = &subject.cluster.broker;
    let path = vec!["rabbitmq", "cookie"];
    add(&broker.cookie, Use { what: "the Erlang cookie".to_owned(), path, account: "\0cookie" });
    for (name, user) in &broker.definitions.users {
        if let Some(secret) = &user.password {
            let path = vec!["rabbitmq", "users", name, "password"];
            add(secret, Use { what: format!("the password of `{name}`"), path, account: name });
        }
    }
    for (key, setting) in &broker.config {
        if let ConfigValue::Secret(secret) = &setting.value {
            // The default user's password and the same user's own are one password.
            let account = if key == "default_pass" { default_user(subject) } else { key };
            add(secret, Use { what: format!("`{key}`"), path: vec!["rabbitmq", "config", key], account });
        }
    }
    if let Some((user, Value::Secret(secret))) =
        subject.cluster.balancer.as_ref().and_then(|it| it.stats.as_ref()?.auth.as_ref())
    {
        let path = vec!["haproxy", "stats", "password"];
        add(
            secret,
            Use { what: format!("the password of `{user}` for the statistics page"), path, account: "\0stats" },
        );
    }
    for instance in subject.cluster.vip.iter().flat_map(|vip| &vip.instances) {
        if let Some(Value::Secret(secret)) = &instance.auth {
            let path = vec!["keepalived", "instances", &instance.name, "auth"];
            add(secret, Use { what: "the password of VRRP".to_owned(), path, account: "\0vrrp" });
        }
    }
    uses.into_iter().filter_map(|(secret, uses)| finding(secret, &uses)).collect()
}

fn default_user<'a>(subject: &Subject<'a>) -> &'a str {
    match subject.cluster.broker.config.get("default_user").map(|setting| &setting.value) {
        Some(ConfigValue::Text(user)) => user,
        _ => "guest",
    }
}

fn finding(secret: &SecretRef, uses: &[Use<'_>]) -> Option<Finding> {
    let first = uses.first()?;
    let second = uses.iter().find(|used| used.account != first.account)?;
    let finding = Finding::new().with("secret", secret.to_string());
    let finding = finding.with("first", first.what.as_str()).with("second", second.what.as_str());
    Some(finding.at(&second.path, "the second use").at(&first.path, "the first use"))
}
