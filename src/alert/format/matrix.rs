//! Matrix: a notice in a room, one thread for an incident. The homeserver knows what came twice by the transaction's name.
//!
//! <https://spec.matrix.org/v1.11/client-server-api/#mroommessage>, <https://spec.matrix.org/v1.11/client-server-api/#threading>

use serde_json::json;

use super::super::markup::{self, HTML, PLAIN};
use super::{Keys, Post, Request, at, letter, percent, secret, token};
use crate::alert::target::Matrix;

/// The longest body of either kind, in bytes: an event has at most 65,536 in all.
const LONGEST: usize = 16_000;

pub(super) fn request(user: &Matrix, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let letter = letter(post).fit(|letter| markup::whole(letter, &HTML).len() <= LONGEST);
    let mut body = json!({
        "msgtype": "m.notice",
        "body": markup::whole(&letter, &PLAIN),
        "format": "org.matrix.custom.html",
        "formatted_body": markup::whole(&letter, &HTML),
        "m.mentions": {},
    });
    if let Some(thread) = post.thread {
        body["m.relates_to"] = json!({
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": thread },
        });
    }
    let sender = post.sender;
    let transaction = format!("{}-{}-{}", sender.cluster, sender.host, super::webhook::id(post));
    let path =
        format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{}", percent(&user.room), percent(&transaction));
    let request = Request::json(secret(&at(&user.server, &path)), &body).bearer(&token(keys)?);
    Ok(Request { put: true, ..request })
}
