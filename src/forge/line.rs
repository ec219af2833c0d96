//! Carries one request to its answer: repeats what may be repeated, waits as long as it is told to, and ends in time.

use std::time::Duration;

use super::api::{Answer, Method, Request};
use super::place::Place;
use super::words::{advice, plain, reason};

/// How often a request is sent at most.
const TRIES: u32 = 6;
/// The longest that one answer may take.
const ONE: Duration = Duration::from_secs(30);
/// How long to wait when a forge is tired of us and does not say for how long: GitHub asks for a minute, and for more each time.
const TIRED: u64 = 60;
/// Places that a request is led to at most.
const REDIRECTS: u32 = 3;

/// What carries requests. It knows the token and the address; nobody else does.
pub trait Web {
    /// Sends a request and returns the answer, whatever its status. It follows no redirect.
    fn send(&mut self, request: &Request, time: Duration) -> Result<Answer, Lost>;
    /// Waits.
    fn wait(&mut self, time: Duration);
    /// Returns the time since it was made.
    fn passed(&self) -> Duration;
    /// Returns the seconds since 1970.
    fn now(&self) -> i64;
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Why.
    pub why: String,
    /// Whether it makes sense to try again: not when a certificate is refused.
    pub passing: bool,
}

/// Says why something was not posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// No answer came.
    #[error("{what}: {why}")]
    Lost {
        /// The request.
        what: String,
        /// Why.
        why: String,
        /// Whether the request may have been carried out all the same.
        perhaps: bool,
    },
    /// The forge refused.
    #[error("{what}: the answer is {status}{}{}", quoted(words), advised(advice.as_ref()))]
    Refused {
        /// The request.
        what: String,
        /// The status.
        status: u16,
        /// What the forge says.
        words: String,
        /// What to do.
        advice: Option<String>,
    },
    /// The forge is tired of us for longer than there is time.
    #[error("{what}: too many requests; the forge takes the next one in {seconds} s, and there is no time for that")]
    Tired {
        /// The request.
        what: String,
        /// How long it would take.
        seconds: u64,
    },
    /// The time is over.
    #[error("{what}: {seconds} s were not enough{}", quoted(last))]
    Late {
        /// The request.
        what: String,
        /// The time for everything.
        seconds: u64,
        /// What went wrong before that.
        last: String,
    },
    /// The answer makes no sense.
    #[error("{what}: the answer is not one of {kind}; is the URL of its API right?")]
    Strange {
        /// The request.
        what: String,
        /// The forge.
        kind: &'static str,
    },
    /// Others keep changing the comment.
    #[error("the comment changed under our hands {0} times")]
    Contended(u32),
    /// Nothing is short enough.
    #[error("the forge refuses even {0} bytes as too long")]
    TooLong(usize),
}

fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" (`{words}`)") }
}

fn advised(advice: Option<&String>) -> String {
    advice.map_or_else(String::new, |advice| format!("; {advice}"))
}

/// A way to a forge, with the time that is left for everything.
pub(super) struct Line<'a> {
    web: &'a mut dyn Web,
    pub(super) place: &'a Place,
    end: Duration,
    time: Duration,
}

impl<'a> Line<'a> {
    pub(super) fn open(web: &'a mut dyn Web, place: &'a Place, time: Duration) -> Self {
        let end = web.passed() + time;
        Self { web, place, end, time }
    }

    /// Sends a request until it is answered by something else than "not now".
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer, PostError> {
        let what = named(request);
        let mut request = request.clone();
        let (mut last, mut redirects) = (String::new(), 0);
        for attempt in 0..TRIES {
            let left = self.left();
            if left.is_zero() {
                return Err(self.late(&what, &last));
            }
            let answer = match self.web.send(&request, left.min(ONE)) {
                Ok(answer) => answer,
                Err(gone) if !gone.passing || !request.again => {
                    return Err(PostError::Lost { what, why: plain(&gone.why, 300), perhaps: gone.passing });
                }
                Err(gone) => {
                    last = plain(&gone.why, 300);
                    self.rest(backoff(attempt), &what, &last)?;
                    continue;
                }
            };
            if (300..400).contains(&answer.status) && answer.status != 304 {
                redirects += 1;
                request.path = self.follow(what.clone(), &request, &answer, redirects)?;
                continue;
            }
            if let Some(seconds) = tired(&answer, self.web.now(), attempt) {
                let pause = Duration::from_secs(seconds);
                if pause >= self.left() {
                    return Err(PostError::Tired { what, seconds });
                }
                last = said(&answer);
                self.web.wait(pause);
            } else if passes(answer.status) {
                last = said(&answer);
                if !request.again {
                    return Err(PostError::Lost { what, why: last, perhaps: true });
                }
                self.rest(backoff(attempt), &what, &last)?;
            } else {
                return Ok(answer);
            }
        }
        Err(PostError::Lost { what, why: format!("{last} ({TRIES} times)"), perhaps: false })
    }

    /// Waits before something is tried anew, if there is time for it.
    pub(super) fn pause(&mut self, attempt: u32) {
        let left = self.left();
        self.web.wait(backoff(attempt).min(left));
    }

    /// Waits before a request is sent again; a wait that leaves no time for that is not begun.
    fn rest(&mut self, pause: Duration, what: &str, last: &str) -> Result<(), PostError> {
        if pause >= self.left() {
            return Err(self.late(what, last));
        }
        self.web.wait(pause);
        Ok(())
    }

    fn left(&self) -> Duration {
        self.end.saturating_sub(self.web.passed())
    }

    /// Makes an error of an answer that was not hoped for.
    pub(super) fn refused(&self, request: &Request, answer: &Answer) -> PostError {
        let what = named(request);
        let words = reason(answer);
        let advice = advice(self.place, answer.status, &words);
        PostError::Refused { what, status: answer.status, words, advice }
    }

    /// Returns the path that a redirect leads to, if it is one of the same API: the token goes nowhere else.
    fn follow(&self, what: String, request: &Request, answer: &Answer, times: u32) -> Result<String, PostError> {
        let refused = |advice: String| {
            Err(PostError::Refused { what, status: answer.status, words: String::new(), advice: Some(advice) })
        };
        if times > REDIRECTS {
            return refused(format!("it redirects more than {REDIRECTS} times"));
        }
        let place = answer.headers.get("location").map_or("", String::as_str);
        let path = place.strip_prefix(self.place.api.as_str()).filter(|path| path.starts_with('/'));
        let repeats = request.method == Method::Get || matches!(answer.status, 307 | 308);
        if let Some(path) = path.filter(|path| repeats && !path.contains("..") && !path.contains(char::is_control)) {
            return Ok(path.to_owned());
        }
        let place = plain(place.split('?').next().unwrap_or_default(), 200);
        let api = &self.place.api;
        refused(format!("it redirects to `{place}`, and the token goes nowhere but below {api}"))
    }

    fn late(&self, what: &str, last: &str) -> PostError {
        PostError::Late { what: what.to_owned(), seconds: self.time.as_secs(), last: last.to_owned() }
    }
}

/// Names a request: its method, and its path without the query.
pub(super) fn named(request: &Request) -> String {
    format!("{} {}", request.method.as_str(), request.path.split('?').next().unwrap_or_default())
}

/// Returns a status and what the forge says with it.
fn said(answer: &Answer) -> String {
    let words = reason(answer);
    if words.is_empty() { answer.status.to_string() } else { format!("{} {words}", answer.status) }
}

/// Says whether a status is about the moment and not about the request. 409: GitLab is changing the statuses of this very commit.
fn passes(status: u16) -> bool {
    status == 409 || (status >= 500 && status != 501)
}

/// 1, 2, 4, 8, 16 seconds.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.min(4))
}

/// Says for how many seconds a forge wants to be left alone, if the answer says that at all.
fn tired(answer: &Answer, now: i64, attempt: u32) -> Option<u64> {
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.trim().parse::<i64>().ok());
    let over = ["x-ratelimit-remaining", "ratelimit-remaining"].iter().any(|name| header(name) == Some(0));
    // GitHub refuses what is too much with 403 as well as with 429; its second limit is told by words alone.
    let limited = match answer.status {
        429 => true,
        403 => header("retry-after").is_some() || over || reason(answer).to_lowercase().contains("rate limit"),
        _ => false,
    };
    if !limited {
        return None;
    }
    let reset = ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|name| header(name)).filter(|_| over);
    let seconds = header("retry-after").or(reset.map(|reset| reset - now + 1));
    Some(seconds.map_or(TIRED << attempt, |seconds| u64::try_from(seconds).unwrap_or(0).max(1)))
}
