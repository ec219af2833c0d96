//! What is wrong with `alerts`, beyond its form: everything at once, each with its place and what to do.
//!
//! No message repeats a value that could be a secret: people write addresses with tokens where the name of a file belongs.

use std::path::Path;

use super::format;
use super::settings::AlertsFile;
use super::target::{Chat, Service, TargetFile};

mod address;
mod quiet;
mod service;

use address::Address;

/// The longest time that all deliveries of a run may take together, in seconds.
const LONGEST_DEADLINE: u32 = 120;
/// The longest name of a target, in characters.
const LONGEST_NAME: usize = 64;
/// The least time between two reminders, in minutes.
const OFTEN: i64 = 60;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, from `alerts` down: keys, and the numbers of items.
    pub path: Vec<String>,
    /// The code of the diagnostic.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Finds what is wrong. `knows` says whether this host knows a time zone.
pub fn check(file: &AlertsFile, knows: &dyn Fn(&str) -> bool) -> Vec<Mistake> {
    let mut found = Found { knows, path: Vec::new(), mistakes: Vec::new() };
    general(file, &mut found);
    for (name, target) in &file.targets {
        found.below("targets", |found| found.below(name, |found| one(name, target, found)));
    }
    found.mistakes
}

/// What was found, and where it is looked for.
struct Found<'a> {
    knows: &'a dyn Fn(&str) -> bool,
    path: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Found<'_> {
    fn below(&mut self, key: &str, look: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        look(self);
        self.path.pop();
    }

    fn wrong(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.wrong_as("invalid-value", message, help);
    }

    fn wrong_as(&mut self, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.mistakes.push(Mistake { path: self.path.clone(), code, message, help });
    }

    /// Complains about one setting unless it is good.
    fn must(&mut self, key: &str, is_good: bool, message: &str, help: &str) {
        if !is_good {
            self.below(key, |found| found.wrong(message, help));
        }
    }

    /// Looks at the name of a file. It is not repeated: it may be the secret itself.
    fn file(&mut self, key: &str, path: Option<&Path>) {
        let is_good = path.is_none_or(|path| path.is_absolute() && !path.to_string_lossy().contains("://"));
        let message = format!("`{key}` is not the path of a file");
        let help = "write a path that begins with `/`; what the file holds is a secret and does not stand here";
        self.must(key, is_good, &message, help);
    }

    /// Looks at the address of a server; `bare` is one that may be asked in plain text.
    fn server(&mut self, text: Option<&str>, bare: bool) {
        let Some(text) = text else { return };
        let wrong = match Address::read(text) {
            None => {
                Some(("`server` is not an address of https or http", "write one such as `https://server.example.org`"))
            }
            Some(Address { login: Some(_), .. }) => Some((
                "`server` holds a user or a password",
                "agent.yaml is no place for a secret: leave it out, and name a file where the service has a setting for one",
            )),
            Some(Address { rest, .. }) if rest.contains(['?', '#']) => {
                Some(("`server` holds a query or a fragment", "write scheme, host, port and path only"))
            }
            Some(address) if !bare && !address.secure && !address.is_here() => Some((
                "a secret would go to `server` in plain text",
                "write `https://`; plain http is for this machine itself",
            )),
            Some(_) => None,
        };
        if let Some((message, help)) = wrong {
            self.below("server", |found| found.wrong(message, help));
        }
    }
}

fn general(file: &AlertsFile, found: &mut Found<'_>) {
    let often = file.remind_after.is_some_and(|lapse| !lapse.is_none() && lapse.length().as_mins() < OFTEN);
    let help = "write an hour or more, such as `24h`; `0` is never";
    found.must("remind-after", !often, "a reminder of every open incident in less than an hour is too much", help);
    let deadline = file.deadline.is_none_or(|seconds| (1..=LONGEST_DEADLINE).contains(&seconds));
    found.must("deadline", deadline, "the deadline is not one of 1 to 120 seconds", "the default is 20");
    if let Some(proxy) = &file.proxy {
        let is_good = Address::read(proxy).is_some_and(|address| ["", "/"].contains(&address.rest));
        let help = "write one such as `http://proxy.example.org:3128`; a SOCKS proxy cannot be used";
        found.must("proxy", is_good, "the proxy is not an address of http or https", help);
    }
    let ca_file = file.ca_file.as_deref().is_none_or(Path::is_absolute);
    found.must("ca-file", ca_file, "`ca-file` is not the path of a file", "write a path that begins with `/`");
    link("runbook", file.runbook.as_deref(), &["kind", "cluster", "host"], found);
    link("release-link", file.release_link.as_deref(), &["commit", "spec", "cluster", "host"], found);
}

/// Looks at a link that people follow from a message.
fn link(key: &str, text: Option<&str>, known: &[&str], found: &mut Found<'_>) {
    let Some(text) = text else { return };
    let mut filled = text.to_owned();
    for name in known {
        filled = filled.replace(&format!("{{{name}}}"), "x");
    }
    let names: Vec<String> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
    let help = format!("these are filled in: {}", names.join(", "));
    found.must(key, !filled.contains(['{', '}']), &format!("`{key}` holds a placeholder that is none"), &help);
    let is_link = filled.contains(['{', '}']) || Address::read(&filled).is_some();
    let help = "write an address such as `https://wiki.example.org/rmqgit`";
    found.must(key, is_link, &format!("`{key}` is not a link"), help);
}

fn one(name: &str, target: &TargetFile, found: &mut Found<'_>) {
    let is_name = name.chars().next().is_some_and(char::is_alphanumeric)
        && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && name.chars().count() <= LONGEST_NAME;
    if !is_name {
        found.wrong("the name of this target is none", "use letters, digits, `.`, `_` and `-`, at most 64");
    }
    let services = target.services();
    if services.len() != 1 {
        let names: Vec<&str> = services.iter().map(Service::name).collect();
        let message = match names.as_slice() {
            [] => "the target names no service".to_owned(),
            names => format!("the target names {} services: {}", names.len(), names.join(", ")),
        };
        found.wrong(message, "name one, such as `webhook: {url-file: /etc/rmqgit/alerts/ops}`");
    }
    for service in &services {
        found.below(service.name(), |found| service::check(service, found));
    }
    if let Some(times) = &target.quiet {
        found.below("quiet", |found| quiet::check(times, found));
    }
}

/// Looks at a webhook, or a bot in a channel.
fn chat(chat: &Chat, needs_server: bool, found: &mut Found<'_>) {
    found.file("url-file", chat.url_file.as_deref());
    found.file("token-file", chat.token_file.as_deref());
    found.server(chat.server.as_deref(), false);
    let help = "say `url-file` for a webhook, or `token-file` and `channel` for a bot";
    match (&chat.url_file, &chat.token_file, &chat.channel) {
        (None, Some(_), Some(_)) if needs_server && chat.server.is_none() => {
            found.wrong("a bot needs `server`", "write one such as `server: https://mattermost.example.org`");
        }
        (Some(_), None, None) if chat.server.is_some() => {
            found.must("server", false, "a webhook takes no `server`", "its address names the server; leave this out");
        }
        (Some(_), None, None) | (None, Some(_), Some(_)) => {}
        (Some(_), _, _) => found.wrong("this is both a webhook and a bot", help),
        (None, _, _) => found.wrong("this is neither a webhook nor a bot", help),
    }
    found.must("channel", chat.channel.as_deref() != Some(""), "the channel has no name", "write the channel's id");
}

#[cfg(test)]
mod tests;
