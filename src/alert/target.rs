//! The services that people are told through, as `agent.yaml` names them.
//!
//! An address that lets everybody who knows it post is a secret, as a token is: each stands in a file of its own, and comes
//! here as a [`Secret`], which cannot be printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::name::ClusterName;
use crate::release::Maintenance;
use crate::secret::Secret;

use super::kind::{Kind, Severity};
use super::quiet::Quiet;
use super::route::Route;
use super::sighting::print;

/// One target. Exactly one service is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetFile {
    /// The least severity that it is told of; `info` if it is not said.
    pub severity: Severity,
    /// The kinds that it is told of; all if none is said.
    pub kinds: BTreeSet<Kind>,
    /// The clusters that it is told of; all if none is said.
    pub clusters: BTreeSet<ClusterName>,
    /// When it is told only of what is critical; the rest waits.
    pub quiet: Option<Quiet>,
    /// An app's webhook, or a bot in a channel, of Slack.
    pub slack: Option<Chat>,
    /// An incoming webhook, or a bot in a channel, of Mattermost.
    pub mattermost: Option<Chat>,
    /// A webhook of a Discord channel.
    pub discord: Option<Discord>,
    /// A workflow of Microsoft Teams that posts what comes to its webhook.
    pub teams: Option<Webhook>,
    /// A bot of Telegram.
    pub telegram: Option<Telegram>,
    /// A webhook of a Google Chat space.
    pub google_chat: Option<Webhook>,
    /// A user in a room of Matrix.
    pub matrix: Option<Matrix>,
    /// A custom robot of a DingTalk group.
    pub dingtalk: Option<Robot>,
    /// A custom robot of a Feishu or Lark group.
    pub feishu: Option<Robot>,
    /// A robot of a WeCom group.
    pub wecom: Option<Webhook>,
    /// Anything that takes a POST request.
    pub webhook: Option<Custom>,
    /// Mail over SMTP.
    pub email: Option<Email>,
    /// An Alertmanager of Prometheus, version 0.16 or newer.
    pub alertmanager: Option<Alertmanager>,
}

/// A webhook whose address is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// The file with the webhook's address.
    pub url_file: PathBuf,
}

/// A webhook, or a bot in a channel. Only a bot can keep an incident in one thread.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Chat {
    /// The file with the webhook's address.
    pub url_file: Option<PathBuf>,
    /// The file with the bot's token, instead of a webhook.
    pub token_file: Option<PathBuf>,
    /// The channel's id that the bot posts to.
    pub channel: Option<String>,
    /// The server that the bot talks to: needed for Mattermost; of Slack it is `https://slack.com`.
    pub server: Option<String>,
}

/// A webhook of a Discord channel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Discord {
    /// The file with the webhook's address.
    pub url_file: PathBuf,
    /// Whether the channel is a forum: each incident gets a post of its own.
    #[serde(default)]
    pub forum: bool,
}

/// A bot of Telegram.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Telegram {
    /// The file with the bot's token.
    pub token_file: PathBuf,
    /// The chat: a number, or `@` and a channel's name.
    pub chat: String,
    /// The topic of a group that has topics.
    #[serde(default)]
    pub topic: Option<u64>,
    /// The server; `https://api.telegram.org` if it is not said.
    #[serde(default)]
    pub server: Option<String>,
}

/// A user in a room of Matrix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Matrix {
    /// The homeserver's address, such as `https://matrix.example.org`.
    pub server: String,
    /// The file with the user's access token.
    pub token_file: PathBuf,
    /// The room's id, such as `!abc:example.org`.
    pub room: String,
}

/// A custom robot of a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Robot {
    /// The file with the webhook's address.
    pub url_file: PathBuf,
    /// The file with the secret that messages are signed with, where the robot asks for that.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

/// Anything that takes a POST request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Custom {
    /// The file with the address.
    pub url_file: PathBuf,
    /// The file with the secret that requests are signed with, by the Standard Webhooks specification.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The body, as a minijinja template; a JSON document with everything if it is not said.
    #[serde(default)]
    pub template: Option<String>,
    /// What the body is; `application/json` if it is not said.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// Mail over SMTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Email {
    /// The server's name.
    pub server: String,
    /// The port; 587, 465 or 25 if it is not said, as the encryption asks.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted; `starttls` if it is not said.
    #[serde(default)]
    pub encryption: Encryption,
    /// The user, where the server asks for one.
    #[serde(default)]
    pub user: Option<String>,
    /// The file with the user's password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Who the mail is from, such as `rmqgit <rmqgit@example.org>`.
    pub from: String,
    /// Who it is to.
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// It begins in plain text and becomes TLS, or is given up.
    #[default]
    Starttls,
    /// It is TLS from the beginning.
    Tls,
    /// It is not: for a server on this machine, and for no password.
    None,
}

/// An Alertmanager of Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Alertmanager {
    /// Its address, such as `http://127.0.0.1:9093`.
    pub server: String,
    /// The file with a token, or with `user:password`, where a proxy before it asks for that.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Labels that every alert gets, beside its own.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// The service of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// Slack.
    Slack(Chat),
    /// Mattermost.
    Mattermost(Chat),
    /// Discord.
    Discord(Discord),
    /// Microsoft Teams.
    Teams(Webhook),
    /// Telegram.
    Telegram(Telegram),
    /// Google Chat.
    GoogleChat(Webhook),
    /// Matrix.
    Matrix(Matrix),
    /// DingTalk.
    DingTalk(Robot),
    /// Feishu or Lark.
    Feishu(Robot),
    /// WeCom.
    WeCom(Webhook),
    /// Anything else.
    Webhook(Custom),
    /// Mail.
    Email(Email),
    /// Alertmanager.
    Alertmanager(Alertmanager),
}

/// One target, as a run uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its service.
    pub service: Service,
    /// What it wants to hear of.
    pub route: Route,
    /// When it is told only of what is critical.
    pub quiet: Option<Maintenance>,
}

/// The secrets of a target, read from their files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The address.
    pub url: Option<Secret>,
    /// The token or password.
    pub token: Option<Secret>,
    /// What messages are signed with.
    pub secret: Option<Secret>,
}

/// Which secret of a target a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The address.
    Url,
    /// The token or password.
    Token,
    /// What messages are signed with.
    Secret,
}

impl TargetFile {
    /// Returns the services that it names; one, where it is sound.
    pub(super) fn services(&self) -> Vec<Service> {
        let services = [
            self.slack.clone().map(Service::Slack),
            self.mattermost.clone().map(Service::Mattermost),
            self.discord.clone().map(Service::Discord),
            self.teams.clone().map(Service::Teams),
            self.telegram.clone().map(Service::Telegram),
            self.google_chat.clone().map(Service::GoogleChat),
            self.matrix.clone().map(Service::Matrix),
            self.dingtalk.clone().map(Service::DingTalk),
            self.feishu.clone().map(Service::Feishu),
            self.wecom.clone().map(Service::WeCom),
            self.webhook.clone().map(Service::Webhook),
            self.email.clone().map(Service::Email),
            self.alertmanager.clone().map(Service::Alertmanager),
        ];
        services.into_iter().flatten().collect()
    }

    /// Returns the target; none where not one service is named, which a check says.
    pub(super) fn target(&self) -> Option<Target> {
        let [service] = self.services().try_into().ok()?;
        let route = Route { severity: self.severity, kinds: self.kinds.clone(), place: print(&format!("{service:?}")) };
        Some(Target { service, route, quiet: self.quiet.as_ref().map(Quiet::windows) })
    }
}

impl Service {
    /// Returns its name in the settings.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Slack(_) => "slack",
            Self::Mattermost(_) => "mattermost",
            Self::Discord(_) => "discord",
            Self::Teams(_) => "teams",
            Self::Telegram(_) => "telegram",
            Self::GoogleChat(_) => "google-chat",
            Self::Matrix(_) => "matrix",
            Self::DingTalk(_) => "dingtalk",
            Self::Feishu(_) => "feishu",
            Self::WeCom(_) => "wecom",
            Self::Webhook(_) => "webhook",
            Self::Email(_) => "email",
            Self::Alertmanager(_) => "alertmanager",
        }
    }

    /// Returns the files of its secrets.
    pub fn files(&self) -> Vec<(Key, &Path)> {
        let mut files: Vec<(Key, &Path)> = Vec::new();
        match self {
            Self::Slack(chat) | Self::Mattermost(chat) => {
                files.extend(chat.url_file.as_deref().map(|file| (Key::Url, file)));
                files.extend(chat.token_file.as_deref().map(|file| (Key::Token, file)));
            }
            Self::Teams(hook) | Self::GoogleChat(hook) | Self::WeCom(hook) => files.push((Key::Url, &hook.url_file)),
            Self::Discord(hook) => files.push((Key::Url, &hook.url_file)),
            Self::Telegram(bot) => files.push((Key::Token, &bot.token_file)),
            Self::Matrix(user) => files.push((Key::Token, &user.token_file)),
            Self::DingTalk(robot) | Self::Feishu(robot) => {
                files.push((Key::Url, &robot.url_file));
                files.extend(robot.secret_file.as_deref().map(|file| (Key::Secret, file)));
            }
            Self::Webhook(hook) => {
                files.push((Key::Url, &hook.url_file));
                files.extend(hook.secret_file.as_deref().map(|file| (Key::Secret, file)));
            }
            Self::Email(mail) => files.extend(mail.password_file.as_deref().map(|file| (Key::Token, file))),
            Self::Alertmanager(server) => files.extend(server.token_file.as_deref().map(|file| (Key::Token, file))),
        }
        files
    }
}
