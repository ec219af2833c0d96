//! Anything that takes a POST request: a JSON document, or what a template makes of it, signed by the Standard Webhooks
//! specification: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::markup::{self, PLAIN};
use super::sign::hmac_sha256;
use super::template::render;
use super::{Keys, Post, Request, letter, secret, url};
use crate::alert::target::Custom;

/// The version of the document.
const FORMAT: u32 = 1;
/// The longest body, in bytes.
const LONGEST: usize = 256 << 10;

pub(super) fn request(hook: &Custom, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let document = document(post);
    let body = match &hook.template {
        None => document.to_string(),
        Some(template) => render(template, &document)?,
    };
    if body.len() > LONGEST {
        return Err(format!("the body has {} bytes, and at most {LONGEST} are sent", body.len()));
    }
    let kind = hook.content_type.as_deref().unwrap_or("application/json");
    let (id, time) = (id(post), post.now.as_second());
    let mut headers = vec![
        ("content-type", secret(kind)),
        ("webhook-id", secret(&id)),
        ("webhook-timestamp", secret(&time.to_string())),
    ];
    if let Some(key) = &keys.secret {
        let key = key.expose();
        // A secret that is written as the specification has it is base64 behind its prefix; any other is taken as it is.
        let bytes = match key.strip_prefix("whsec_").map(|text| STANDARD.decode(text)) {
            Some(Err(_)) => return Err("the secret is no base64 behind `whsec_`".to_owned()),
            Some(Ok(bytes)) => bytes,
            None => key.as_bytes().to_vec(),
        };
        let bytes = zeroize::Zeroizing::new(bytes);
        let sign = hmac_sha256(&bytes, format!("{id}.{time}.{body}").as_bytes());
        headers.push(("webhook-signature", secret(&format!("v1,{sign}"))));
    }
    Ok(Request { put: false, url: url(keys)?, headers, body: body.into_bytes(), bare: false })
}

/// Returns the message's name among those of every host: the same whenever the same is sent. It has no full stop, because a
/// signature covers it and the time with one between them.
pub(super) fn id(post: &Post<'_>) -> String {
    let (cluster, host) = (&post.sender.cluster, &post.sender.host);
    let digest = hmac_sha256(b"rmqgit", format!("{cluster}/{host}/{}", post.batch.id()).as_bytes());
    format!("msg_{}", digest.replace('+', "-").replace('/', "_").replace('=', ""))
}

pub(super) fn document(post: &Post<'_>) -> Value {
    let (sender, letter) = (post.sender, letter(post));
    let incidents: Vec<Value> = post
        .batch
        .entries
        .iter()
        .map(|entry| {
            let case = &entry.case;
            let detail = !post.batch.plain;
            json!({
                "number": case.number,
                "stage": entry.stage,
                "at": entry.at.to_string(),
                "kind": case.identity.kind,
                "object": case.identity.object,
                "severity": case.severity,
                "cause": case.cause,
                "summary": case.summary,
                "help": case.help,
                "diff": case.diff.as_deref().filter(|_| detail),
                "first_seen": case.first_seen.to_string(),
                "runbook": sender.runbook_of(&case.identity),
            })
        })
        .collect();
    let (release, spec) = sender.release.clone().map_or((None, None), |(release, spec)| (Some(release), spec));
    json!({
        "format": FORMAT,
        "id": id(post),
        "at": post.now.to_string(),
        "cluster": sender.cluster,
        "host": sender.host,
        "release": release,
        "spec": spec,
        "release_link": sender.release_page(),
        "title": letter.title,
        "text": markup::whole(&letter, &PLAIN),
        "incidents": incidents,
    })
}
