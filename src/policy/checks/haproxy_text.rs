//! What HAProxy of the cluster's version says to the haproxy.cfg of its hosts, and how long that version is maintained.

use super::{Check, text};
use crate::facts;
use crate::policy::text::haproxy::Kind;
use crate::policy::{Finding, Subject};

macro_rules! kinds {
    ($($name:literal $kind:ident;)*) => {
        /// A check for each kind of problem, sorted by its name.
        pub(super) const CHECKS: &[(&str, Check)] = &[$(($name, |subject| of(subject, Kind::$kind))),*];
    };
}

kinds! {
    "haproxy-bad-name" BadName;
    "haproxy-bad-port" BadPort;
    "haproxy-bad-time" BadTime;
    "haproxy-bad-value" BadValue;
    "haproxy-broken-line" BrokenLine;
    "haproxy-deprecated-keyword" DeprecatedKeyword;
    "haproxy-dropped-words" DroppedWords;
    "haproxy-environment-variable" EnvironmentVariable;
    "haproxy-future-keyword" FutureKeyword;
    "haproxy-glued-comment" GluedComment;
    "haproxy-hidden-headers" HiddenHeaders;
    "haproxy-inline-address" InlineAddress;
    "haproxy-literal-quote" LiteralQuote;
    "haproxy-misplaced-keyword" MisplacedKeyword;
    "haproxy-missing-backend" MissingBackend;
    "haproxy-missing-timeout" MissingTimeout;
    "haproxy-needs-http-mode" NeedsHttpMode;
    "haproxy-open-admin" OpenAdmin;
    "haproxy-open-socket" OpenSocket;
    "haproxy-password-without-colon" PasswordWithoutColon;
    "haproxy-plain-password" PlainPassword;
    "haproxy-proxy-without-bind" NoBind;
    "haproxy-proxy-without-log" NoLog;
    "haproxy-removed-keyword" RemovedKeyword;
    "haproxy-repeated-bind" RepeatedBind;
    "haproxy-repeated-proxy" RepeatedProxy;
    "haproxy-repeated-server" RepeatedServer;
    "haproxy-repeated-timeout" RepeatedTimeout;
    "haproxy-time-without-unit" TimeWithoutUnit;
    "haproxy-unchecked-server" Unchecked;
    "haproxy-unknown-keyword" UnknownKeyword;
    "haproxy-unknown-parameter" UnknownParameter;
}

fn of(subject: &Subject<'_>, kind: Kind) -> Vec<Finding> {
    text::findings(subject, "haproxy", &subject.texts().haproxy, |judged| &judged.problems, &kind)
}

/// Finds a version of HAProxy whose authors fix it no longer.
pub(super) fn end_of_life(subject: &Subject<'_>) -> Vec<Finding> {
    let version = subject.cluster.balancer.as_ref().and_then(|balancer| balancer.version.as_ref());
    let ended = version.and_then(|version| Some((version, facts::haproxy::series(version.value)?)));
    let ended = ended.filter(|(_, series)| series.end <= subject.today);
    let finding = ended.map(|(version, series)| {
        Finding::new()
            .with("version", version.value.to_string())
            .with("end", series.end.to_string())
            .at_place(version.place, "fixed no longer")
    });
    finding.into_iter().collect()
}
