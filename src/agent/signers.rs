//! Whom this host trusts: its own files, and the chain of signers in its store.

use std::path::Path;

use crate::fetch::{self, FetchError};
use crate::name::ReleaseId;
use crate::plan::{Finding, FindingCode};
use crate::release::ALLOWED_SIGNERS;
use crate::sys::guarded;
use crate::sys::store::{Slot, StoreError};
use crate::trust::allowed::{AllowedSigners, LineError, Revoked};
use crate::trust::chain::{Broken, Introduction, Trust};
use crate::trust::signature;

use super::Run;

/// The most links of a chain that are walked: a change of signers a week for twenty years.
const LONGEST: usize = 1_000;
/// The largest file of allowed signers in a link.
const BIGGEST: usize = 1 << 20;

/// Why a release cannot be judged: something to tell, or something that failed.
pub(super) enum Doubt {
    /// The release is refused.
    Refused(Finding),
    /// It could not be looked at; the next run tries again.
    Failed(Box<dyn std::error::Error>),
}

impl From<StoreError> for Doubt {
    fn from(error: StoreError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<FetchError> for Doubt {
    fn from(error: FetchError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl Run<'_> {
    /// Returns whom the host trusts for a release that belongs to a link of the chain of signers, or to none.
    pub(super) fn trust(&self, named: Option<&ReleaseId>) -> Result<Trust, Doubt> {
        let own = self.own_files()?;
        let known = self.store.tip(Slot::Signers, &self.settings.cluster, &self.settings.host)?;
        let before = match known.as_ref().filter(|known| self.store.has(known)) {
            Some(known) => self.follow(own.clone(), known)?.0,
            None => own.clone(),
        };
        let Some(named) = named else { return Ok(before) };
        if !self.store.has(named) {
            fetch::offer_signers(&self.store, &self.settings.remote)?;
        }
        if !self.store.has(named) {
            return Err(broken(format!(
                "the release belongs to the signers of {named}, which the remote does not have"
            )));
        }
        let (trust, links, why) = self.follow(own, named)?;
        if let Some(why) = why {
            return Err(broken(format!(
                "the signers that the release belongs to cannot be followed to the end: {why}"
            )));
        }
        match before.head() {
            Some(head) if !links.iter().any(|link| link == head) => Err(broken(format!(
                "the release belongs to the signers of {named}, which do not come after those that this host knows, {head}"
            ))),
            _ => Ok(trust),
        }
    }

    /// Reads the host's own files.
    fn own_files(&self) -> Result<Trust, Doubt> {
        let paths = &self.settings.trust;
        let anchor = read(&paths.allowed_signers, AllowedSigners::parse)?;
        let revoked = read(&paths.revoked_keys, Revoked::parse)?.unwrap_or_default();
        match anchor.filter(|anchor| !anchor.is_empty()) {
            Some(anchor) => Ok(Trust::new(anchor, revoked)),
            None => Err(Doubt::Refused(Finding {
                code: FindingCode::NoSigners,
                about: String::new(),
                message: format!("`{}` names no key, so no release can be trusted", paths.allowed_signers.display()),
                help: "put a line `NAME KEY` there for each public key that may sign releases; where unsigned ones \
                       shall be taken, set `trust: {signatures: ignored}` in agent.yaml"
                    .to_owned(),
            })),
        }
    }

    /// Follows the chain up to a link. Returns what it makes of the trust in the host's own files, its links, and why it
    /// cannot be followed to the end.
    fn follow(&self, own: Trust, to: &ReleaseId) -> Result<(Trust, Vec<String>, Option<Broken>), StoreError> {
        let mut links = vec![to.clone()];
        while let Some(last) = links.last()
            && links.len() < LONGEST
            && let Some(parent) = self.store.parent(last)?
        {
            links.push(parent);
        }
        links.reverse();
        let mut trust = own;
        for link in &links {
            let text = self.store.file(link, ALLOWED_SIGNERS, BIGGEST)?;
            let next = Introduction {
                id: link.to_string(),
                signed: signature::verify(&self.store.commit_bytes(link)?),
                signers: text.and_then(|text| AllowedSigners::parse(&text).ok()),
            };
            if let Err(why) = trust.follow(&next) {
                return Ok((trust, names(&links), Some(why)));
            }
        }
        Ok((trust, names(&links), None))
    }
}

fn names(links: &[ReleaseId]) -> Vec<String> {
    links.iter().map(ToString::to_string).collect()
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, LineError>) -> Result<Option<T>, Doubt> {
    let unreadable = |message: String| {
        let help = "nothing is trusted until it is repaired: root alone may write it, and every line must be readable";
        Doubt::Refused(Finding {
            code: FindingCode::UnreadableSigners,
            about: String::new(),
            message,
            help: help.to_owned(),
        })
    };
    match guarded::read(path).map_err(|error| unreadable(super::with_causes(&error)))? {
        Some(text) => parse(&text).map(Some).map_err(|error| unreadable(format!("`{}`, {error}", path.display()))),
        None => Ok(None),
    }
}

fn broken(message: String) -> Doubt {
    let help =
        "publish again from a repository that has the newest release; if the signers were replaced on purpose, see \
                the page on trust"
            .to_owned();
    Doubt::Refused(Finding { code: FindingCode::BrokenSigners, about: String::new(), message, help })
}
