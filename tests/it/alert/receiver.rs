//! An HTTP server on loopback that takes messages, keeps them, and answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    /// The method and the path.
    pub(super) line: String,
    /// The headers, with small names.
    pub(super) headers: BTreeMap<String, String>,
    /// The body.
    pub(super) body: String,
}

/// What it answers: the head behind `HTTP/1.1 `, and the body.
type Reply = (String, String);

/// The server; it ends with the test.
pub(super) struct Receiver {
    pub(super) url: String,
    taken: Arc<Mutex<Vec<Taken>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Receiver {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/canary-token-5521", listener.local_addr().unwrap());
        let (taken, replies) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let receiver = Self { url, taken: Arc::clone(&taken), replies: Arc::clone(&replies) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &taken, &replies);
            }
        });
        receiver
    }

    /// Answers the next request so; others are answered with 200.
    pub(super) fn reply(&self, head: &str, body: &str) {
        self.replies.lock().unwrap().push_back((head.to_owned(), body.to_owned()));
    }

    /// Returns what came since the last time.
    pub(super) fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }
}

fn serve(stream: TcpStream, taken: &Mutex<Vec<Taken>>, replies: &Mutex<VecDeque<Reply>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        let read = reader.read_line(&mut header);
        if read.is_err() {
            return;
        }
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        // The agent was killed before it had said everything.
        return;
    }
    let line = line.rsplit_once(' ').unwrap().0.to_owned();
    taken.lock().unwrap().push(Taken { line, headers, body: String::from_utf8(body).unwrap() });
    let (head, body) = replies.lock().unwrap().pop_front().unwrap_or(("200 OK".to_owned(), "ok".to_owned()));
    let length = body.len();
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let mut stream = stream;
    // The agent may have been killed meanwhile.
    let _ = stream.write_all(answer.as_bytes());
}
