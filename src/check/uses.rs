//! Where a cluster uses a secret, what each place allows as a value, and values that all of them allow.

use crate::definitions::Definitions;
use crate::model::{Cluster, ConfigValue, Value};
use crate::name::SecretRef;
use crate::quote;
use crate::release::{Bundle, Piece};

/// What a secret is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// The Erlang cookie.
    Cookie,
    /// The password of a user of RabbitMQ.
    User(String),
    /// The password of HAProxy's statistics page.
    Stats,
    /// The password that the members of a VRRP instance share.
    Vrrp(String),
    /// The value of a key of `rabbitmq.conf`.
    Config(String),
    /// A part of a runtime parameter.
    Parameter(String),
}

/// The longest cookie, in characters: it is an atom.
const LONGEST_COOKIE: usize = 255;
/// So many bytes of a password does Keepalived use.
const VRRP_BYTES: usize = 8;
/// How long a password is that is made here; 40 of these 62 characters are 238 bits.
const LENGTH: usize = 40;
/// What every place allows, without any quotes.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Use {
    /// Says what it is, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Cookie => "Erlang cookie".to_owned(),
            Self::User(name) => format!("password of user `{name}`"),
            Self::Stats => "password of HAProxy's statistics page".to_owned(),
            Self::Vrrp(name) => format!("password of VRRP instance `{name}`"),
            Self::Config(key) => format!("`{key}` in rabbitmq.conf"),
            Self::Parameter(name) => format!("parameter `{name}`"),
        }
    }

    /// Says why a value cannot be used for this.
    fn refuse(&self, value: &str) -> Option<String> {
        let fault = match self {
            Self::Cookie if value.len() > LONGEST_COOKIE => "has at most 255 characters",
            Self::Cookie if !value.bytes().all(|b| b.is_ascii_alphanumeric()) => "is letters and digits",
            Self::Vrrp(_) if value.len() > VRRP_BYTES => "has at most 8 bytes: Keepalived drops the rest",
            _ => return None,
        };
        Some(format!("the {} {fault}", self.describe()))
    }
}

/// Returns what a cluster uses a secret for.
pub fn uses(cluster: &Cluster, name: &SecretRef) -> Vec<Use> {
    let broker = &cluster.broker;
    let mut found = Vec::new();
    if broker.cookie == *name {
        found.push(Use::Cookie);
    }
    for (user, one) in &broker.definitions.users {
        if one.password.as_ref() == Some(name) {
            found.push(Use::User(user.clone()));
        }
    }
    for (key, setting) in &broker.config {
        if matches!(&setting.value, ConfigValue::Secret(secret) if secret == name) {
            found.push(Use::Config(key.clone()));
        }
    }
    let is = |value: Option<&Value>| matches!(value, Some(Value::Secret(secret)) if secret == name);
    let stats = cluster.balancer.as_ref().and_then(|balancer| balancer.stats.as_ref()?.auth.as_ref());
    if is(stats.map(|(_, password)| password)) {
        found.push(Use::Stats);
    }
    for instance in cluster.vip.iter().flat_map(|vip| &vip.instances) {
        if is(instance.auth.as_ref()) {
            found.push(Use::Vrrp(instance.name.clone()));
        }
    }
    found.extend(in_parameters(&broker.definitions, name));
    found
}

fn in_parameters<'a>(definitions: &'a Definitions, name: &'a SecretRef) -> impl Iterator<Item = Use> + 'a {
    let local = definitions.parameters.iter().map(|one| (format!("{}/{}", one.component, one.name), &one.value));
    let global = definitions.global_parameters.iter().map(|(name, value)| (name.clone(), value));
    local.chain(global).filter_map(|(title, value)| {
        crate::definitions::secret_references(value).contains(name).then_some(Use::Parameter(title))
    })
}

/// Says why a value cannot stand where a secret is used; nothing if it can.
pub fn refusals(cluster: &Cluster, bundles: &[Bundle], name: &SecretRef, value: &str) -> Vec<String> {
    if value.is_empty() {
        return vec!["the value is empty".to_owned()];
    }
    let mut found: Vec<String> = uses(cluster, name).iter().filter_map(|one| one.refuse(value)).collect();
    for (path, artifact) in bundles.iter().flat_map(|bundle| &bundle.artifacts) {
        for piece in &artifact.content {
            if let Piece::Secret { name: other, syntax } = piece
                && other == name
                && let Err(why) = quote::quote(*syntax, value)
            {
                let why = format!("it cannot stand in {path}: {why}");
                if !found.contains(&why) {
                    found.push(why);
                }
            }
        }
    }
    found
}

/// Says why no value can be made for a secret, as far as its uses tell.
pub fn unmakeable(uses: &[Use]) -> Option<&Use> {
    uses.iter().find(|one| matches!(one, Use::Parameter(_) | Use::Config(_)) && !is_password(one))
}

fn is_password(one: &Use) -> bool {
    matches!(one, Use::Config(key) if key == "default_pass")
}

/// Returns how many characters a value has that is made for these uses.
pub fn length(uses: &[Use]) -> usize {
    if uses.iter().any(|one| matches!(one, Use::Vrrp(_))) { VRRP_BYTES } else { LENGTH }
}

/// Turns random bytes into characters that every place allows; a byte that would make some of them likelier is left out.
pub fn letter(byte: u8) -> Option<char> {
    let fair = 256 - 256 % ALPHABET.len();
    let byte = usize::from(byte);
    (byte < fair).then(|| char::from(ALPHABET[byte % ALPHABET.len()]))
}
