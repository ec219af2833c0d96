//! A server that answers as a test tells it to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rmqgit::sys::remote::{Remote, RemoteOptions};

use super::origin::REF;

pub(crate) const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
pub(crate) const RESULT: &str = "application/x-git-upload-pack-result";

/// A server that answers the n-th connection with the n-th text, whatever it is asked.
pub(crate) struct Script {
    pub(crate) port: u16,
    pub(crate) thread: Option<JoinHandle<()>>,
    /// Taken when a connection shall be held open without an answer until the test ends.
    _silence: std::sync::mpsc::Sender<()>,
}

impl Script {
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silence, quiet) = channel();
        let thread = std::thread::spawn(move || answers.iter().for_each(|answer| answer.give(&listener, &quiet)));
        Self { port, thread: Some(thread), _silence: silence }
    }

    pub(crate) fn http(&self, timeout: u32) -> Remote {
        let options = RemoteOptions { timeout, max_pack: 1, ..RemoteOptions::default() };
        Remote::parse(&format!("http://127.0.0.1:{}/origin.git", self.port), options).unwrap()
    }
}

/// What one connection gets.
pub(crate) enum Answer {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then nothing.
    Silence(Vec<u8>),
    /// These bytes, then others one by one, a few a second, until the client hangs up.
    Drip(Vec<u8>, Vec<u8>),
    /// These bytes, then others again and again, until the client hangs up.
    Flood(Vec<u8>, Vec<u8>),
}

impl Answer {
    pub(crate) fn http(kind: &str, body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self::Bytes(bytes)
    }

    fn give(&self, listener: &TcpListener, quiet: &Receiver<()>) {
        let (mut stream, _) = listener.accept().unwrap();
        let (Self::Bytes(bytes) | Self::Silence(bytes) | Self::Drip(bytes, _) | Self::Flood(bytes, _)) = self;
        read_request(&mut stream);
        // A client that has seen enough hangs up; that is its right.
        let _ = stream.write_all(bytes);
        match self {
            Self::Bytes(_) => {}
            Self::Silence(_) => {
                let _ = quiet.recv();
            }
            Self::Drip(_, more) => {
                let mut more = more.iter().cycle();
                while more.next().is_some_and(|byte| stream.write_all(&[*byte]).is_ok()) {
                    // The pause is what is tested; it ends early when the test does.
                    let _ = quiet.recv_timeout(Duration::from_millis(100));
                }
            }
            Self::Flood(_, more) => while stream.write_all(more).is_ok() {},
        }
    }
}

/// Reads a request with its body, so that closing the connection does not destroy the answer.
fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let _ = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
}

pub(crate) fn line(text: &str) -> String {
    format!("{:04x}{text}\n", text.len() + 5)
}

pub(crate) fn capabilities() -> Answer {
    let lines = ["version 2", "agent=git/2", "ls-refs", "fetch=shallow", "object-format=sha1"].map(line).concat();
    Answer::http(ADVERTISEMENT, (lines + "0000").as_bytes())
}

pub(crate) fn refs(tip: &str) -> Answer {
    Answer::http(RESULT, (line(&format!("{tip} {REF}")) + "0000").as_bytes())
}

/// A pack in its side-band, in pieces of at most 60,000 bytes.
pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut body = line("packfile").into_bytes();
    for piece in bytes.chunks(60_000) {
        write!(body, "{:04x}\u{1}", piece.len() + 5).unwrap();
        body.extend_from_slice(piece);
    }
    body.extend_from_slice(b"0000");
    body
}
