//! Matrix: a notice in a room, one thread for an incident. The homeserver knows what came twice by the transaction's name.
//!
//! <https://spec.matrix.org/v1.11/client-server-api/#mroommessage>, <https://spec.matrix.org/v1.11/client-server-api/#threading>

use serde_json::{Value, json};

use super::super::letter::Letter;
use super::super::markup::{self, HTML, PLAIN};
use super::{Keys, Post, Request, at, letter, percent, secret, thread, token};
use crate::alert::target::Matrix;

/// The longest content, in bytes of JSON: an event has at most 65,536 in all.
const LONGEST: usize = 60_000;

pub(super) fn request(user: &Matrix, keys: &Keys, post: &Post<'_>) -> Result<Request, String> {
    let mut body = content(&letter(post).fit(|letter| content(letter).to_string().len() <= LONGEST));
    if let Some(thread) = thread(post) {
        body["m.relates_to"] = json!({
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": true,
            "m.in_reply_to": { "event_id": thread },
        });
    }
    let (room, transaction) = (percent(&user.room), percent(&super::webhook::id(post)));
    let path = format!("/_matrix/client/v3/rooms/{room}/send/m.room.message/{transaction}");
    let request = Request::json(secret(&at(&user.server, &path)), &body).bearer(&token(keys)?);
    Ok(Request { put: true, ..request })
}

fn content(letter: &Letter) -> Value {
    json!({
        "msgtype": "m.notice",
        "body": markup::whole(letter, &PLAIN),
        "format": "org.matrix.custom.html",
        "formatted_body": markup::whole(letter, &HTML),
        // Nobody is mentioned, whatever the text says.
        "m.mentions": {},
    })
}
