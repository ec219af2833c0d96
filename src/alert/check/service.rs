//! The settings of each service.

use super::super::target::{Alertmanager, Custom, Email, Encryption, Matrix, Robot, Service, Telegram};
use super::{Found, address, chat, format};

/// The labels that every alert has.
const LABELS: [&str; 6] = ["alertname", "cluster", "host", "kind", "object", "severity"];

pub(super) fn check(service: &Service, found: &mut Found<'_>) {
    match service {
        Service::Slack(slack) => chat(slack, false, found),
        Service::Mattermost(mattermost) => chat(mattermost, true, found),
        Service::Discord(hook) => found.file("url-file", Some(&hook.url_file)),
        Service::Teams(hook) | Service::GoogleChat(hook) | Service::WeCom(hook) => {
            found.file("url-file", Some(&hook.url_file));
        }
        Service::Telegram(bot) => telegram(bot, found),
        Service::Matrix(user) => matrix(user, found),
        Service::DingTalk(robot) | Service::Feishu(robot) => self::robot(robot, found),
        Service::Webhook(hook) => custom(hook, found),
        Service::Email(mail) => email(mail, found),
        Service::Alertmanager(server) => alertmanager(server, found),
    }
}

fn telegram(bot: &Telegram, found: &mut Found<'_>) {
    found.file("token-file", Some(&bot.token_file));
    found.server(bot.server.as_deref(), false);
    let digits = bot.chat.strip_prefix('-').unwrap_or(&bot.chat);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let is_chat = is_number || bot.chat.strip_prefix('@').is_some_and(|name| !name.is_empty());
    found.must("chat", is_chat, "the chat is none", "write its number in quotes, or `@` and a channel's name");
}

fn matrix(user: &Matrix, found: &mut Found<'_>) {
    found.file("token-file", Some(&user.token_file));
    found.server(Some(&user.server), false);
    let help = "write the room's id, such as `!abc:example.org`; an alias (`#ops:example.org`) is none";
    found.must("room", user.room.len() > 1 && user.room.starts_with('!'), "the room has no such id", help);
}

fn robot(robot: &Robot, found: &mut Found<'_>) {
    found.file("url-file", Some(&robot.url_file));
    found.file("secret-file", robot.secret_file.as_deref());
}

fn custom(hook: &Custom, found: &mut Found<'_>) {
    found.file("url-file", Some(&hook.url_file));
    found.file("secret-file", hook.secret_file.as_deref());
    if let Some(kind) = &hook.content_type {
        let (media, _) = kind.split_once(';').unwrap_or((kind, ""));
        let is_token = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
        };
        let is_media = media.trim_end().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
        let is_good = is_media && kind.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        found.must(
            "content-type",
            is_good,
            "this is no type of content",
            "write one such as `text/plain; charset=utf-8`",
        );
    }
    if let Some(template) = &hook.template
        && let Err(why) = format::try_template(template, hook.content_type.as_deref())
    {
        let help = "docs/alerts.md names what there is; text belongs through `|tojson`, which puts the quotes, too";
        found.below("template", |found| found.wrong(why, help));
    }
}

fn email(mail: &Email, found: &mut Found<'_>) {
    let is_host = address::is_host(&mail.server) || mail.server.parse::<std::net::IpAddr>().is_ok();
    found.must("server", is_host, "the server is not the name of a host", "write one such as `mail.example.org`");
    found.must("port", mail.port != Some(0), "there is no port 0", "leave it out, or write the server's port");
    let help = "write one such as `rmqgit <rmqgit@example.org>`";
    found.must("from", address::is_mailbox(&mail.from), "this is no address of mail", help);
    if mail.to.is_empty() {
        found.below("to", |found| found.wrong_as("empty-list", "the mail goes to nobody", "name somebody"));
    }
    for (index, to) in mail.to.iter().enumerate() {
        let help = "write one such as `ops@example.org`";
        found.below("to", |found| {
            found.must(&index.to_string(), address::is_mailbox(to), "this is no address of mail", help);
        });
    }
    found.file("password-file", mail.password_file.as_deref());
    let (user, password) = (mail.user.is_some(), mail.password_file.is_some());
    if user != password {
        found.wrong("`user` and `password-file` go together", "write both, or none of them");
    }
    if password && mail.encryption == Encryption::None {
        let help = "write `starttls` or `tls`";
        found.must("encryption", false, "a password is not sent without encryption", help);
    }
}

fn alertmanager(server: &Alertmanager, found: &mut Found<'_>) {
    found.file("token-file", server.token_file.as_deref());
    found.server(Some(&server.server), server.token_file.is_none());
    for name in server.labels.keys() {
        let (own, is_label) = (LABELS.contains(&name.as_str()), is_label(name));
        found.below("labels", |found| {
            found.must(
                name,
                is_label,
                "this is not the name of a label",
                "use letters, digits and `_`, a letter first",
            );
            found.must(name, !own, "every alert has a label of this name already", "give it another name");
        });
    }
}

/// Whether a text can be the name of a label of Prometheus.
fn is_label(name: &str) -> bool {
    name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && !name.starts_with("__")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
