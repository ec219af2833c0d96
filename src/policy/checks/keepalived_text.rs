//! What Keepalived of the cluster's version says to the keepalived.conf of its hosts.
//!
//! No spec can leave out script security, only a template of one's own can: Keepalived's own test refuses that on the host.

use super::{Check, text};
use crate::policy::text::keepalived::Kind;
use crate::policy::{Finding, Subject};

macro_rules! kinds {
    ($($name:literal $kind:ident;)*) => {
        /// A check for each kind of problem, sorted by its name.
        pub(super) const CHECKS: &[(&str, Check)] = &[$(($name, |subject| of(subject, Kind::$kind))),*];
    };
}

kinds! {
    "keepalived-address-owner" AddressOwner;
    "keepalived-advert-rounded" Advert;
    "keepalived-auth-ignored" AuthIgnored;
    "keepalived-bad-address" BadAddress;
    "keepalived-bad-number" BadNumber;
    "keepalived-bad-state" BadState;
    "keepalived-broken-line" BrokenLine;
    "keepalived-dropped-words" DroppedWords;
    "keepalived-future-keyword" FutureKeyword;
    "keepalived-glued-comment" GluedComment;
    "keepalived-instance-without-address" NoAddress;
    "keepalived-long-password" LongPassword;
    "keepalived-master-waits" MasterWaits;
    "keepalived-missing-value" MissingValue;
    "keepalived-plain-password" PlainPassword;
    "keepalived-relative-script" RelativeScript;
    "keepalived-repeated-address" RepeatedAddress;
    "keepalived-repeated-instance" RepeatedInstance;
    "keepalived-repeated-keyword" RepeatedKeyword;
    "keepalived-repeated-router-id" RepeatedRouterId;
    "keepalived-strict-unicast" StrictMode;
    "keepalived-unbalanced-brace" UnbalancedBrace;
    "keepalived-unicast-self" UnicastSelf;
    "keepalived-unicast-without-peer" UnicastNoPeer;
    "keepalived-unknown-keyword" UnknownKeyword;
    "keepalived-unknown-script" UnknownScript;
    "keepalived-unused-script" UnusedScript;
}

fn of(subject: &Subject<'_>, kind: Kind) -> Vec<Finding> {
    text::findings(subject, "keepalived", &subject.texts().keepalived, |judged| &judged.problems, &kind)
}
