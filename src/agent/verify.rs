//! Fetches the newest release and verifies it, before anything of this host moves.

use crate::fetch::{self, FetchError, Fetched, LoadError, Loaded};
use crate::name::ReleaseId;
use crate::plan::{Finding, FindingCode};
use crate::release::SIGNERS;
use crate::report::{Failure, FailureCode, Mode, Next};
use crate::sys::store::{self, Slot};
use crate::trust::allowed::KeyFault;
use crate::trust::signature::{self, Flaw};

use super::Run;
use super::settings::Signatures;
use super::signers::Doubt;
use super::state::Accepted;

/// The seconds of a day.
const DAY: i64 = 86_400;

/// Who signed a release, and the link of the chain of signers that it belongs to.
struct Verified {
    signer: Option<String>,
    signers: Option<ReleaseId>,
}

impl Run<'_> {
    /// Fetches and reads the newest release. What fails is a failure of the report, what is refused a finding.
    pub(super) fn newest(&mut self) -> Option<Loaded> {
        let Some(loaded) = self.verified() else {
            // What was refused stays in the store only for as long as there is room.
            if let Err(error) = self.store.tidy() {
                self.fail(&error, Next::Retry);
            }
            return None;
        };
        Some(loaded)
    }

    fn verified(&mut self) -> Option<Loaded> {
        let settings = self.settings;
        let offered = match fetch::offer(&self.store, &settings.remote, &settings.cluster, &settings.host) {
            Ok(offered) => offered,
            Err(error) => {
                // The remote answers and has nothing for this host: it may have left the cluster, and nothing may start
                // what a person has stopped for that.
                if matches!(error, FetchError::MissingRef { .. }) && self.report.mode == Mode::Converge {
                    self.report.mode = Mode::Report;
                }
                match astray(&error) {
                    Some(finding) => self.refuse(finding),
                    None => self.fail_as(unfetched(&error), &error, Next::Retry),
                }
                return None;
            }
        };
        let verified = match self.verify(&offered) {
            Ok(verified) => verified,
            Err(Doubt::Refused(finding)) => {
                self.refuse(finding);
                return None;
            }
            Err(Doubt::Failed(error)) => {
                self.fail(&*error, Next::Retry);
                return None;
            }
        };
        let loaded = match fetch::load(&self.store, &offered.tip, &settings.cluster, &settings.host) {
            Ok(loaded) => Loaded { signer: verified.signer.clone(), ..loaded },
            Err(error) => {
                self.refuse(unfit(&error));
                return None;
            }
        };
        if let Err(error) = self.accept(&offered, &verified) {
            self.fail(&error, Next::Retry);
            return None;
        }
        self.report.findings.extend(self.stale(&loaded));
        Some(loaded)
    }

    /// Finds out who signed a release, and whether that counts here and now.
    fn verify(&self, offered: &Fetched) -> Result<Verified, Doubt> {
        if self.settings.trust.signatures == Signatures::Ignored {
            return Ok(Verified { signer: None, signers: None });
        }
        let release = &offered.tip;
        let bytes = self.store.commit_bytes(release)?;
        // What has no valid signature is not even asked whom it belongs to.
        let signed = signature::verify(&bytes).map_err(|flaw| Doubt::Refused(flawed(release, &flaw)))?;
        let message = self.store.message(release)?;
        let signers = store::trailer(&message, SIGNERS).and_then(|id| ReleaseId::parse(&id).ok());
        let trust = self.trust(signers.as_ref())?;
        // A key must be valid when it signs, and when the release first comes here: afterwards it may end.
        let came = self.state.accepted.as_ref().filter(|accepted| accepted.release == *release);
        let came = came.map_or(self.report.at, |accepted| accepted.at).as_second();
        let print = signed.key.fingerprint();
        match trust.judge(&signed.key, &[signed.time, came]) {
            Ok(who) => Ok(Verified {
                signer: Some(format!("{who} {print}")),
                signers: signers.filter(|signers| trust.head() == Some(signers.as_str())),
            }),
            Err(fault) => Err(Doubt::Refused(distrusted(release, &print, &fault))),
        }
    }

    /// Moves the tips to a release that was verified.
    fn accept(&mut self, offered: &Fetched, verified: &Verified) -> Result<(), store::StoreError> {
        let settings = self.settings;
        // The signers first: a run that is killed in between finds them, and the release again.
        if let Some(signers) = &verified.signers
            && self.store.tip(Slot::Signers, &settings.cluster, &settings.host)?.as_ref() != Some(signers)
        {
            self.store.set_tip(Slot::Signers, &settings.cluster, &settings.host, signers)?;
        }
        if self.state.accepted.as_ref().is_none_or(|accepted| accepted.release != offered.tip) {
            self.state.accepted = Some(Accepted { release: offered.tip.clone(), at: self.report.at });
        }
        fetch::accept(&self.store, offered, &settings.cluster, &settings.host)
    }

    /// Says that nobody has signed a release again for a long time: the remote may be held back.
    fn stale(&self, loaded: &Loaded) -> Option<Finding> {
        let most = i64::from(self.settings.trust.max_age);
        let age = self.report.at.as_second().saturating_sub(loaded.time) / DAY;
        (loaded.signer.is_some() && most > 0 && age > most).then(|| Finding {
            code: FindingCode::StaleRelease,
            about: String::new(),
            message: format!("the newest release was signed {age} days ago, more than {most}"),
            help:
                "renew it with `rmqgit publish --sign KEY --refresh --push REMOTE`; if somebody has, the remote keeps \
                   newer releases from this host"
                    .to_owned(),
        })
    }

    /// Says why a release is refused, and that it is.
    pub(super) fn refuse(&mut self, finding: Finding) {
        self.report.findings.push(finding);
        let message = "the release is refused".to_owned();
        self.report.failures.push(Failure { code: FailureCode::RefusedRelease, message, next: Next::WaitForRelease });
    }
}

fn short(release: &ReleaseId) -> &str {
    &release.as_str()[..10]
}

/// Says what kind of failure it is that there is no newest release.
fn unfetched(error: &FetchError) -> FailureCode {
    match error {
        FetchError::MissingRef { .. } => FailureCode::NoRelease,
        FetchError::Remote(_) => FailureCode::UnreachableRemote,
        FetchError::NotADescendant { .. } | FetchError::Store(_) => FailureCode::Other,
    }
}

/// A ref that does not go forward.
fn astray(error: &FetchError) -> Option<Finding> {
    let FetchError::NotADescendant { offered, previous, rewound, accept, .. } = error else { return None };
    let (code, what) = match rewound {
        true => (FindingCode::RewoundRelease, "which came before"),
        false => (FindingCode::ForkedRelease, "which does not come after"),
    };
    Some(Finding {
        code,
        about: String::new(),
        message: format!("the remote offers release {}, {what} {}", short(offered), short(previous)),
        help: format!(
            "releases only go forward: publish a new one; if the history was replaced on purpose, remove `{accept}` on \
             this host"
        ),
    })
}

/// A signature that says nothing.
fn flawed(release: &ReleaseId, flaw: &Flaw) -> Finding {
    let (code, help) = match flaw {
        Flaw::Unsigned => (FindingCode::UnsignedRelease, "publish it with `--sign KEY`"),
        Flaw::Kind | Flaw::Armor | Flaw::Forged => {
            (FindingCode::BadSignature, "publish it again with `--sign KEY`, and find out who pushed this one")
        }
        Flaw::Namespace(_) => {
            (FindingCode::WrongNamespace, "sign commits with `rmqgit publish --sign KEY` or Git itself")
        }
        Flaw::KeyType(_) => (FindingCode::UnsupportedKey, "sign with an Ed25519 or ECDSA key"),
    };
    let message = format!("release {} is refused: {flaw}", short(release));
    Finding { code, about: String::new(), message, help: help.to_owned() }
}

/// A signature of a key that does not count here.
fn distrusted(release: &ReleaseId, print: &str, fault: &KeyFault) -> Finding {
    let (code, help) = match fault {
        KeyFault::Unknown => (
            FindingCode::UnknownSigner,
            "if the key is one of yours, add it to the signers; otherwise find out who pushed this",
        ),
        KeyFault::Revoked => (FindingCode::RevokedSigner, "sign with another key, and find out who pushed this"),
        KeyFault::Dropped => (FindingCode::DroppedSigner, "sign with a key of today, and find out who pushed this"),
        KeyFault::Namespace(_) => {
            (FindingCode::WrongNamespace, "sign with a key whose line allows the namespace `git`")
        }
        KeyFault::Early(_) => (FindingCode::EarlySigner, "sign with another key, or look at the clocks"),
        KeyFault::Expired(_) => (FindingCode::ExpiredSigner, "sign with a newer key: `rmqgit publish --sign KEY`"),
    };
    let message = format!("release {}, signed by {print}, is refused: {fault}", short(release));
    Finding { code, about: String::new(), message, help: help.to_owned() }
}

/// A release that is not this host's.
fn unfit(error: &LoadError) -> Finding {
    match error {
        LoadError::Stranger { release, cluster, host, own_cluster } => Finding {
            code: if *own_cluster { FindingCode::OtherHost } else { FindingCode::OtherCluster },
            about: String::new(),
            message: format!("release {} is for host `{cluster}/{host}`, not for this one", short(release)),
            help: "somebody has moved this host's ref to it: publish again, and look at `cluster` and `host` in agent.yaml"
                .to_owned(),
        },
        error => Finding {
            code: FindingCode::MalformedRelease,
            about: String::new(),
            message: super::with_causes(error),
            help: "publish again with rmqgit, and with a version that this host's rmqgit can read".to_owned(),
        },
    }
}
