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

/// A way to another server on this machine, that can lose answers.
pub(super) struct Relay {
    pub(super) port: u16,
    lose: Arc<Mutex<bool>>,
    carried: Arc<Mutex<usize>>,
}

impl Relay {
    pub(super) fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (lose, carried) = (Arc::new(Mutex::new(false)), Arc::new(Mutex::new(0)));
        let relay = Self { port, lose: Arc::clone(&lose), carried: Arc::clone(&carried) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                carry(stream.unwrap(), to, &lose, &carried);
            }
        });
        relay
    }

    /// Loses the next answer: the server has done what was asked.
    pub(super) fn lose_next(&self) {
        *self.lose.lock().unwrap() = true;
    }

    /// Returns how many requests came.
    pub(super) fn carried(&self) -> usize {
        *self.carried.lock().unwrap()
    }
}

/// Carries one request, and its answer back.
fn carry(stream: TcpStream, to: u16, lose: &Mutex<bool>, carried: &Mutex<usize>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.trim_end().split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    *carried.lock().unwrap() += 1;
    let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let mut stream = stream;
    if !std::mem::take(&mut *lose.lock().unwrap()) {
        // The agent may have been killed meanwhile.
        let _ = stream.write_all(&answer);
    }
}
