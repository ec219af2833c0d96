//! A forge on loopback that keeps to what the real one publishes of its API, and complains about whoever does not.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::contract::{Contract, Kind, answer, sample};

/// The token that every request must show, and that nothing may print.
pub(super) const TOKEN: &str = "s3cret-Forge-Token";

/// What happens to one request instead of what should.
pub(super) enum Fault {
    /// This answer, with these headers.
    Answer(u16, &'static str, Value),
    /// The connection ends in the middle of the answer.
    Cut,
    /// No answer at all.
    Silence,
}

/// What the forge knows.
pub(super) struct State {
    kind: Kind,
    contract: Contract,
    /// Each with its number, its author and its text.
    pub(super) comments: Vec<(u64, i64, String)>,
    next: u64,
    pub(super) statuses: Vec<Value>,
    /// The requests, method and path.
    pub(super) log: Vec<String>,
    /// Breaches of the description.
    pub(super) complaints: Vec<String>,
    pub(super) faults: VecDeque<(&'static str, Fault)>,
    /// Whose the token is; the tokens of CI do not say.
    pub(super) user: Option<i64>,
    /// Where the first two lists wait for each other.
    pub(super) together: Option<Arc<Barrier>>,
}

/// The forge. It lives as long as the test.
pub(super) struct StandIn {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

struct Heard {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

impl StandIn {
    pub(super) fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            kind,
            contract: Contract::read(kind),
            comments: Vec::new(),
            next: 1,
            statuses: Vec::new(),
            log: Vec::new(),
            complaints: Vec::new(),
            faults: VecDeque::new(),
            user: Some(7),
            together: None,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &state));
            }
        });
        Self { port, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The URL of the API.
    pub(super) fn api(&self) -> String {
        format!("http://127.0.0.1:{}/api", self.port)
    }
}

impl State {
    pub(super) fn comment(&mut self, author: i64, text: &str) -> u64 {
        self.comments.push((self.next, author, text.to_owned()));
        self.next += 1;
        self.next - 1
    }

    fn show(&self, schema: &Value, (id, author, text): &(u64, i64, String)) -> Value {
        let mut shown = sample(schema);
        shown["id"] = json!(id);
        shown["body"] = json!(text);
        let (field, name) = if self.kind == Kind::Gitlab { ("author", "username") } else { ("user", "login") };
        let mut account = sample(&schema["properties"][field]);
        account["id"] = json!(author);
        account[name] = match author {
            41 if self.kind == Kind::Github => json!("github-actions[bot]"),
            41 => json!("gitea-actions"),
            _ => json!(format!("user{author}")),
        };
        shown[field] = account;
        shown
    }

    /// Does what a request asks for. Returns the status, more headers, and the body.
    fn carry_out(&mut self, heard: &Heard, operation: &Value) -> (u16, String, Value) {
        let described = operation["path"].as_str().unwrap().to_owned();
        let schema = |status: &str| operation["answers"][status].clone();
        let id = heard.path.rsplit('/').next().and_then(|id| id.parse().ok());
        let at = self.comments.iter().position(|(number, ..)| Some(*number) == id);
        let text = heard.body.as_ref().and_then(|body| body["body"].as_str()).unwrap_or_default();
        let gone = || (404, String::new(), json!({"message": "Not Found"}));
        match (heard.method.as_str(), at) {
            ("GET", _) if described == "/user" => match self.user {
                Some(user) => {
                    let mut shown = sample(&schema("200"));
                    shown["id"] = json!(user);
                    let name = if self.kind == Kind::Gitlab { "username" } else { "login" };
                    shown[name] = json!(format!("user{user}"));
                    (200, String::new(), shown)
                }
                None => (403, String::new(), json!({"message": "Resource not accessible by integration"})),
            },
            ("GET", _) => {
                let number = |name: &str| {
                    let query = heard.path.split_once('?')?.1;
                    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<usize>().ok())
                };
                // Forgejo gives all at once.
                let size = if self.kind == Kind::Forgejo { usize::MAX } else { number("per_page").unwrap_or(20) };
                let page = number("page").unwrap_or(1);
                let items = schema("200")["items"].clone();
                let from = size.saturating_mul(page - 1);
                let shown: Vec<_> = self.comments.iter().skip(from).take(size).map(|c| self.show(&items, c)).collect();
                let more = from + shown.len() < self.comments.len();
                let next = format!("Link: <https://forge.example.org/?page={}>; rel=\"next\"\r\n", page + 1);
                let link = if more { next } else { String::new() };
                (200, link, Value::Array(shown))
            }
            ("POST", _) if described.contains("/statuses/") => {
                self.statuses.push(heard.body.clone().unwrap());
                (201, String::new(), sample(&schema("201")))
            }
            ("POST", _) => {
                let id = self.comment(self.user.unwrap_or(41), text);
                let made = self.comments.iter().find(|(number, ..)| *number == id).unwrap();
                (201, String::new(), self.show(&schema("201"), made))
            }
            ("PATCH" | "PUT", Some(at)) => {
                text.clone_into(&mut self.comments[at].2);
                (200, String::new(), self.show(&schema("200"), &self.comments[at]))
            }
            ("DELETE", Some(at)) => {
                self.comments.remove(at);
                (204, String::new(), Value::Null)
            }
            _ => gone(),
        }
    }

    /// Says whether the token is shown as the forge wants it.
    fn shows_token(&self, heard: &Heard) -> bool {
        let (name, value) = match self.kind {
            Kind::Github => ("authorization", format!("Bearer {TOKEN}")),
            Kind::Gitlab => ("private-token", TOKEN.to_owned()),
            Kind::Forgejo => ("authorization", format!("token {TOKEN}")),
        };
        heard.headers.get(name) == Some(&value)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(heard) = hear(&stream) else { return };
    let Some(target) = heard.path.strip_prefix("/api").map(str::to_owned) else {
        state.lock().unwrap().complaints.push(format!("{} is outside of the API", heard.path));
        return;
    };
    let line = format!("{} {target}", heard.method);
    let together = {
        let mut state = state.lock().unwrap();
        state.log.push(line.clone());
        let lists = state.log.iter().filter(|line| line.starts_with("GET") && !line.ends_with("/user")).count();
        let listing = line.starts_with("GET") && !line.ends_with("/user") && lists <= 2;
        state.together.clone().filter(|_| listing)
    };
    let mut locked = state.lock().unwrap();
    if !locked.shows_token(&heard) {
        locked.complaints.push(format!("{line}: without the token"));
    }
    let known = locked.contract.request(&heard.method, &target, heard.body.as_ref()).cloned();
    let operation = match known {
        Ok(operation) => operation,
        Err(complaint) => return locked.complaints.push(complaint),
    };
    let hit = locked.faults.front().is_some_and(|(text, _)| line.contains(text));
    let (status, headers, body) = match hit.then(|| locked.faults.pop_front().unwrap().1) {
        None => locked.carry_out(&heard, &operation),
        Some(Fault::Answer(status, headers, body)) => (status, headers.to_owned(), body),
        Some(Fault::Cut) => {
            locked.carry_out(&heard, &operation);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n[{");
            return;
        }
        Some(Fault::Silence) => {
            drop(locked);
            // Until the client hangs up.
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    if let Err(complaint) = answer(&operation, status, &body) {
        locked.complaints.push(format!("the stand-in's answer to {line}: {complaint}"));
    }
    drop(locked);
    if let Some(together) = together {
        together.wait();
    }
    let text = if body.is_null() { String::new() } else { body.to_string() };
    // A client that has seen enough hangs up; that is its right.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{text}",
        text.len()
    );
}

fn hear(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).ok()?;
    let body = (length > 0).then(|| serde_json::from_slice(&bytes).unwrap());
    Some(Heard { method, path, headers, body })
}
