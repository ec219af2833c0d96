//! A forge in memory, with faults and a clock that only waiting moves.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::*;

const SHA: &str = "1234567890123456789012345678901234567890";
const TOTAL: Duration = Duration::from_secs(300);

/// What happens to one request instead of what should.
enum Fault {
    /// This answer.
    Answer(u16, Vec<(&'static str, String)>, Value),
    /// No answer, before the forge has heard of it.
    Deaf,
    /// No answer, after it has done what was asked.
    Mute,
    /// Another run makes a comment first.
    Overtaken(&'static str),
    /// The first comment is removed first.
    Removed,
    /// No trust in the certificate.
    Refused,
}

struct Forge {
    kind: Kind,
    comments: Vec<(u64, i64, String)>,
    next: u64,
    /// What happens to a request whose line contains the text, once each.
    faults: VecDeque<(&'static str, Fault)>,
    /// Who is asked for; `None` where the token does not tell.
    me: Option<i64>,
    longest: usize,
    seen: Vec<String>,
    passed: Duration,
}

impl Forge {
    fn new(kind: Kind) -> Self {
        let faults = VecDeque::new();
        Self {
            kind,
            comments: vec![],
            next: 1,
            faults,
            me: Some(7),
            longest: usize::MAX,
            seen: vec![],
            passed: Duration::ZERO,
        }
    }

    fn with(mut self, faults: impl IntoIterator<Item = (&'static str, Fault)>) -> Self {
        self.faults = faults.into_iter().collect();
        self
    }

    fn comment(mut self, author: i64, body: &str) -> Self {
        self.add(author, body);
        self
    }

    fn add(&mut self, author: i64, body: &str) -> u64 {
        self.comments.push((self.next, author, body.to_owned()));
        self.next += 1;
        self.next - 1
    }

    fn show(&self, (id, author, body): &(u64, i64, String)) -> Value {
        let login = if *author == 41 { "github-actions[bot]".to_owned() } else { format!("user{author}") };
        match self.kind {
            Kind::GitLab => json!({"id": id, "body": body, "author": {"id": author, "username": login}}),
            _ => json!({"id": id, "body": body, "user": {"id": author, "login": login}}),
        }
    }

    fn carry_out(&mut self, request: &Request) -> Answer {
        let body = request.body.as_ref().map(|body| body["body"].as_str().unwrap_or_default().to_owned());
        let id = request.path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
        let long = body.as_ref().is_some_and(|body| body.len() > self.longest);
        let at = self.comments.iter().position(|(number, ..)| Some(*number) == id);
        let path = request.path.as_str();
        match request.method {
            _ if path.contains("/statuses/") => answer(201, json!({})),
            _ if path == "/user" => match self.me {
                Some(me) => answer(200, json!({"id": me, "login": "me", "username": "me"})),
                None => answer(403, json!({"message": "Resource not accessible by integration"})),
            },
            Method::Get => {
                let page = path.rsplit("page=").next().and_then(|page| page.parse().ok()).unwrap_or(1_usize);
                let shown: Vec<_> = self.comments.iter().skip((page - 1) * 2).take(2).map(|c| self.show(c)).collect();
                let mut answer = answer(200, Value::Array(shown));
                if self.comments.len() > page * 2 {
                    answer.headers.insert("link".into(), "<https://elsewhere.example/?page=9>; rel=\"next\"".into());
                }
                answer
            }
            _ if long => {
                answer(422, json!({"message": "Validation Failed", "errors": [{"message": "Body is too long"}]}))
            }
            Method::Post => {
                let id = self.add(self.me.unwrap_or(41), &body.expect("a body"));
                let made = self.comments.iter().find(|(number, ..)| *number == id).expect("it was made");
                answer(201, self.show(made))
            }
            Method::Patch | Method::Put => at.map_or_else(
                || answer(404, Value::Null),
                |at| {
                    self.comments[at].2 = body.expect("a body");
                    answer(200, json!({}))
                },
            ),
            Method::Delete => at.map_or_else(
                || answer(404, Value::Null),
                |at| {
                    self.comments.remove(at);
                    answer(204, Value::Null)
                },
            ),
        }
    }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, body, headers: BTreeMap::new() }
}

impl Web for Forge {
    fn send(&mut self, request: &Request, time: Duration) -> Result<Answer, Lost> {
        assert!(!time.is_zero() && time <= Duration::from_secs(30));
        let short = request.path.replace(SHA, "SHA").replace("/repos/acme/spec", "").replace("/projects/40", "");
        let line = format!("{:?} {short}", request.method);
        self.seen.push(line.clone());
        let hit = self.faults.front().is_some_and(|(text, _)| line.contains(text));
        let lost = |why: &str| Err(Lost { why: why.to_owned(), passing: true });
        match hit.then(|| self.faults.pop_front().expect("a fault").1) {
            None => Ok(self.carry_out(request)),
            Some(Fault::Answer(status, headers, body)) => {
                let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                Ok(Answer { status, headers, body })
            }
            Some(Fault::Deaf) => lost("connection refused"),
            Some(Fault::Mute) => {
                self.carry_out(request);
                lost("connection reset")
            }
            Some(Fault::Overtaken(body)) => {
                self.add(self.me.unwrap_or(41), body);
                Ok(self.carry_out(request))
            }
            Some(Fault::Removed) => {
                self.comments.remove(0);
                Ok(self.carry_out(request))
            }
            Some(Fault::Refused) => Err(Lost { why: "invalid peer certificate".into(), passing: false }),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.seen.push(format!("wait {}", time.as_secs()));
        self.passed += time;
    }

    fn passed(&self) -> Duration {
        self.passed
    }

    fn now(&self) -> i64 {
        1_000
    }
}

fn place(kind: Kind) -> Place {
    Place {
        kind,
        api: "https://forge.example.org/api".into(),
        project: if kind == Kind::GitLab { "40".into() } else { "acme/spec".into() },
        number: 5,
        head: None,
        run: Some(10),
        page: Some("https://forge.example.org/run".into()),
        fork: false,
        login: None,
    }
}

fn run(forge: &mut Forge, place: &Place) -> Posted {
    let instance = Instance::default();
    let text = |room: usize| if room < 40_000 { "short".to_owned() } else { "long".repeat(10_000) };
    let review =
        Review { instance: &instance, text: &text, headline: "rolling: one", verdict: Verdict::Fine, whole: None };
    post(forge, place, &review, TOTAL)
}

/// Posts, and expects an end, what comments there are then, and what was done for it.
#[track_caller]
fn check(mut forge: Forge, expect: &str, comments: &[&str], seen: &[&str]) {
    let place = place(forge.kind);
    let posted = run(&mut forge, &place);
    let ended = match posted.comment {
        Ok(commented) => format!("{commented:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(ended, expect);
    let left: Vec<_> = forge.comments.iter().map(|(id, author, body)| told(*id, *author, body)).collect();
    assert_eq!(left, comments);
    assert_eq!(forge.seen, seen);
    assert!(forge.faults.is_empty(), "a fault did not happen");
}

fn told(id: u64, author: i64, body: &str) -> String {
    format!("{id} {author} {}", body.replace('\n', "|").replace(&"long".repeat(10_000), "LONG"))
}

const NEW: &str = "<!-- rmqgit/review run=10 -->|LONG";
const LIST: &str = "Get /issues/5/comments?per_page=100&page=1";

#[test]
fn the_first_comment_is_made() {
    let make = ["Get /user", LIST, "Post /issues/5/comments", LIST];
    check(Forge::new(Kind::GitHub), "Created", &[&format!("1 7 {NEW}")], &make);
    let make = ["Get /user", "Get /issues/5/comments", "Post /issues/5/comments", "Get /issues/5/comments"];
    check(Forge::new(Kind::Gitea), "Created", &[&format!("1 7 {NEW}")], &make);
    let list = "Get /merge_requests/5/notes?sort=asc&order_by=created_at&per_page=100&page=1";
    let make = ["Get /user", list, "Post /merge_requests/5/notes", list];
    check(Forge::new(Kind::GitLab), "Created", &[&format!("1 7 {NEW}")], &make);
}

#[test]
fn the_comment_is_found_on_any_page_and_only_if_it_is_ours() {
    let forge = Forge::new(Kind::GitHub)
        .comment(8, "<!-- rmqgit/review run=1 -->\nplanted by a stranger")
        .comment(7, "> <!-- rmqgit/review run=1 -->\nour words, but not this")
        .comment(7, "<!-- rmqgit/review/other run=1 -->\nanother instance")
        .comment(9, "LGTM")
        .comment(7, "<!-- rmqgit/review run=9 -->\nold");
    let pages = [1, 2, 3].map(|page| format!("Get /issues/5/comments?per_page=100&page={page}"));
    let left = [
        "1 8 <!-- rmqgit/review run=1 -->|planted by a stranger",
        "2 7 > <!-- rmqgit/review run=1 -->|our words, but not this",
        "3 7 <!-- rmqgit/review/other run=1 -->|another instance",
        "4 9 LGTM",
        &format!("5 7 {NEW}"),
    ];
    check(forge, "Updated", &left, &["Get /user", &pages[0], &pages[1], &pages[2], "Patch /issues/comments/5"]);
}

#[test]
fn what_says_the_same_or_is_newer_stays() {
    let same = NEW.replace('|', "\r\n").replace("LONG", &"long".repeat(10_000));
    check(
        Forge::new(Kind::GitHub).comment(7, same.trim()),
        "Unchanged",
        &[&told(1, 7, same.trim())],
        &["Get /user", LIST],
    );
    let newer = "<!-- rmqgit/review run=11 -->\nnewer";
    check(Forge::new(Kind::GitHub).comment(7, newer), "Newer", &[&told(1, 7, newer)], &["Get /user", LIST]);
}

#[test]
fn two_runs_at_once_leave_one_comment() {
    let update = "Patch /issues/comments/1";
    // The other one was first: ours goes, and theirs is kept up to date.
    let older = [("Post", Fault::Overtaken("<!-- rmqgit/review run=9 -->\ntheirs"))];
    let seen = ["Get /user", LIST, "Post /issues/5/comments", LIST, "Delete /issues/comments/2", LIST, update];
    check(Forge::new(Kind::GitHub).with(older), "Updated", &[&format!("1 7 {NEW}")], &seen);
    let newer = [("Post", Fault::Overtaken("<!-- rmqgit/review run=12 -->\ntheirs"))];
    check(Forge::new(Kind::GitHub).with(newer), "Newer", &["1 7 <!-- rmqgit/review run=12 -->|theirs"], &seen[..6]);
    // The other one came second, and removes its own by itself; if it was killed, the next run does.
    let left = Forge::new(Kind::GitHub)
        .comment(7, "<!-- rmqgit/review run=8 -->\none")
        .comment(7, "<!-- rmqgit/review run=9 -->\ntwo");
    let seen = ["Get /user", LIST, "Delete /issues/comments/2", update];
    check(left, "Updated", &[&format!("1 7 {NEW}")], &seen);
    // Somebody removes the comment between the look and the change.
    let gone = Forge::new(Kind::GitHub).comment(7, "<!-- rmqgit/review -->").with([("Patch", Fault::Removed)]);
    let seen = ["Get /user", LIST, update, LIST, "Post /issues/5/comments", LIST];
    check(gone, "Created", &[&format!("2 7 {NEW}")], &seen);
}

#[test]
fn a_comment_that_was_made_without_an_answer_is_not_made_twice() {
    let seen = ["Get /user", LIST, "Post /issues/5/comments", "wait 2", LIST];
    let faults = [("Post", Fault::Mute)];
    check(Forge::new(Kind::GitHub).with(faults), "Unchanged", &[&format!("1 7 {NEW}")], &seen);
    let faults = [("Post", Fault::Answer(502, vec![], Value::Null))];
    let again = [&seen[..], &["Post /issues/5/comments", LIST]].concat();
    check(Forge::new(Kind::GitHub).with(faults), "Created", &[&format!("1 7 {NEW}")], &again);
}

#[test]
fn a_token_that_does_not_say_whose_it_is() {
    let mut forge = Forge::new(Kind::GitHub).comment(8, "<!-- rmqgit/review -->").comment(41, "<!-- rmqgit/review -->");
    forge.me = None;
    let left = ["1 8 <!-- rmqgit/review -->", &format!("2 41 {NEW}")];
    check(forge, "Updated", &left, &["Get /user", LIST, "Patch /issues/comments/2"]);

    // An app of one's own has another name. It is known once it has said something.
    let mut forge = Forge::new(Kind::GitHub).comment(50, "<!-- rmqgit/review -->\nours");
    forge.me = Some(50);
    let denied = Fault::Answer(403, vec![], json!({"message": "Resource not accessible by integration"}));
    let seen = [
        "Get /user",
        LIST,
        "Post /issues/5/comments",
        LIST,
        "Delete /issues/comments/2",
        LIST,
        "Patch /issues/comments/1",
    ];
    check(forge.with([("/user", denied)]), "Updated", &[&format!("1 50 {NEW}")], &seen);
}

#[test]
fn refused_sizes_are_halved() {
    let mut forge = Forge::new(Kind::GitHub);
    forge.longest = 1_000;
    let make = "Post /issues/5/comments";
    let seen = ["Get /user", LIST, make, LIST, make, LIST];
    check(forge, "Created", &["1 7 <!-- rmqgit/review run=10 -->|short"], &seen);
    let mut forge = Forge::new(Kind::GitHub);
    forge.longest = 10;
    let posted = run(&mut forge, &place(Kind::GitHub));
    assert_eq!(posted.comment, Err(PostError::TooLong(2_048)));
}

#[test]
fn limits_are_waited_for() {
    let limited = |status, headers: Vec<(&'static str, String)>, words: &str, seconds: u64| {
        let fault = Fault::Answer(status, headers, json!({ "message": words }));
        let wait = format!("wait {seconds}");
        let seen = ["Get /user", LIST, "Post /issues/5/comments", &wait, "Post /issues/5/comments", LIST];
        check(Forge::new(Kind::GitHub).with([("Post", fault)]), "Created", &[&format!("1 7 {NEW}")], &seen);
    };
    let header = |name, value: &str| (name, value.to_owned());
    limited(429, vec![header("retry-after", "17")], "", 17);
    limited(403, vec![header("retry-after", "0")], "", 1);
    limited(403, vec![header("x-ratelimit-remaining", "0"), header("x-ratelimit-reset", "1041")], "", 42);
    limited(429, vec![header("ratelimit-remaining", "0"), header("ratelimit-reset", "1009")], "", 10);
    limited(403, vec![], "You have exceeded a secondary rate limit. Please wait.", 60);
    limited(429, vec![header("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "", 60);
    // As GitLab says it, for whom the words are an object, and what is left is of another limit.
    let words = json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}});
    let headers = || vec![header("ratelimit-remaining", "595"), header("ratelimit-reset", "1060")];
    let fault = || ("Post", Fault::Answer(429, headers(), words.clone()));
    let mut forge = Forge::new(Kind::GitLab).with([fault(), fault()]);
    assert!(run(&mut forge, &place(Kind::GitLab)).comment.is_ok());
    let waits: Vec<_> = forge.seen.iter().filter(|line| line.starts_with("wait")).collect();
    assert_eq!(waits, ["wait 60", "wait 120"], "longer each time");
}

#[test]
fn faults_pass_or_are_told() {
    let broken = || ("comments?", Fault::Answer(503, vec![], Value::Null));
    let seen = ["Get /user", LIST, "wait 1", LIST, "wait 2", LIST, "wait 4", LIST, "Post /issues/5/comments", LIST];
    let three = Forge::new(Kind::GitHub).with([broken(), ("comments?", Fault::Deaf), broken()]);
    check(three, "Created", &[&format!("1 7 {NEW}")], &seen);

    let failure = |fault: Fault, kind| {
        let mut forge = Forge::new(kind).with([("Get", fault)]);
        run(&mut forge, &place(kind)).comment.expect_err("it fails").to_string()
    };
    let refused = |status, words: &str| Fault::Answer(status, vec![], json!({ "message": words }));
    let led = |place: &str| Fault::Answer(301, vec![("location", place.to_owned())], Value::Null);
    let all = [
        failure(refused(401, "Bad credentials"), Kind::GitHub),
        failure(refused(403, "insufficient_scope"), Kind::GitLab),
        failure(led("https://evil.example/api/user?a=b"), Kind::Gitea),
        failure(led("https://forge.example.org/api.evil/user"), Kind::Gitea),
        failure(Fault::Refused, Kind::Gitea),
        failure(Fault::Answer(429, vec![("retry-after", "301".into())], Value::Null), Kind::GitHub),
        failure(Fault::Answer(200, vec![], Value::Null), Kind::GitLab),
        {
            let locked = refused(403, "Unable to create comment because issue is locked.");
            let mut forge = Forge::new(Kind::GitHub).with([("Post", locked)]);
            run(&mut forge, &place(Kind::GitHub)).comment.expect_err("it fails").to_string()
        },
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_time_for_everything_ends() {
    let faults = (0..20).map(|_| ("/user", Fault::Deaf));
    let mut forge = Forge::new(Kind::GitHub).with(faults);
    let error = run(&mut forge, &place(Kind::GitHub)).comment.expect_err("it fails");
    assert_eq!(error.to_string(), "GET /user: connection refused (6 times)");
    let wait = || ("/user", Fault::Answer(429, vec![("retry-after", "290".into())], Value::Null));
    let mut forge = Forge::new(Kind::GitHub).with([wait(), ("/user", Fault::Deaf), ("/user", Fault::Deaf)]);
    forge.faults.extend((0..3).map(|_| ("/user", Fault::Deaf)));
    let error = run(&mut forge, &place(Kind::GitHub)).comment.expect_err("it fails");
    assert_eq!(error.to_string(), "GET /user: 300 s were not enough (`connection refused`)");
    assert!(forge.passed <= TOTAL);
}

#[test]
fn a_redirect_within_the_api_is_followed() {
    let to = |path: &str| {
        let place = format!("https://forge.example.org/api{path}");
        Fault::Answer(307, vec![("location", place)], Value::Null)
    };
    let forge = Forge::new(Kind::GitHub).with([("Post", to("/repositories/1/issues/5/comments"))]);
    let seen = ["Get /user", LIST, "Post /issues/5/comments", "Post /repositories/1/issues/5/comments", LIST];
    check(forge, "Created", &[&format!("1 7 {NEW}")], &seen);
    let mut forge = Forge::new(Kind::GitHub).with((0..4).map(|_| ("/user", to("/user"))));
    let error = run(&mut forge, &place(Kind::GitHub)).comment.expect_err("it fails").to_string();
    assert_eq!(error, "GET /user: the answer is 307; it redirects more than 3 times");
}

#[test]
fn the_status_says_the_class() {
    let status = |kind, faults: Vec<(&'static str, Fault)>| {
        let mut forge = Forge::new(kind).with(faults);
        let place = Place { head: Some(SHA.into()), ..place(kind) };
        run(&mut forge, &place).status.expect("the commit is known").map_err(|error| error.to_string())
    };
    for kind in [Kind::GitHub, Kind::GitLab, Kind::Gitea] {
        assert_eq!(status(kind, vec![]), Ok(()));
    }
    let already = json!({"message": "Cannot transition status via :run from :running"});
    assert_eq!(status(Kind::GitLab, vec![("statuses", Fault::Answer(400, vec![], already))]), Ok(()));
    let bad = json!({"message": {"name": ["is too long"]}});
    assert_eq!(
        status(Kind::GitLab, vec![("statuses", Fault::Answer(400, vec![], bad))]),
        Err(format!(r#"POST /projects/40/statuses/{SHA}: the answer is 400 (`{{"name":["is too long"]}}`)"#))
    );
    // GitLab is changing the statuses of this commit for somebody else.
    let busy = json!({"message": "Another update to this commit status is in progress"});
    assert_eq!(status(Kind::GitLab, vec![("statuses", Fault::Answer(409, vec![], busy))]), Ok(()));
    // The pipeline is one of the merge: the status is set without it.
    let none = json!({"message": "404 Pipeline for pipeline_id, sha and ref Not Found"});
    let mut forge = Forge::new(Kind::GitLab).with([("statuses", Fault::Answer(404, vec![], none.clone()))]);
    let posted = run(&mut forge, &Place { head: Some(SHA.into()), run: Some(10), ..place(Kind::GitLab) });
    assert_eq!(posted.status, Some(Ok(())));
    let of_the_commit = Place { head: Some(SHA.into()), run: None, ..place(Kind::GitLab) };
    let mut forge = Forge::new(Kind::GitLab).with([("statuses", Fault::Answer(404, vec![], none))]);
    assert!(run(&mut forge, &of_the_commit).status.expect("the commit is known").is_err());
    // A newer run has spoken, and its verdict stays too.
    let mut forge = Forge::new(Kind::GitHub).comment(7, "<!-- rmqgit/review run=99 -->\nnewer");
    let posted = run(&mut forge, &Place { head: Some(SHA.into()), run: Some(10), ..place(Kind::GitHub) });
    assert_eq!((posted.comment, posted.status), (Ok(Commented::Newer), None));
    // It is set even where no comment can be made.
    let mut forge = Forge::new(Kind::GitHub).with([("/user", Fault::Refused)]);
    let posted = run(&mut forge, &Place { head: Some(SHA.into()), ..place(Kind::GitHub) });
    assert!(posted.comment.is_err() && posted.status == Some(Ok(())));
    assert_eq!(forge.seen, ["Get /user", "Post /statuses/SHA"]);
}
