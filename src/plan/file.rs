//! Compares one file and decides what becomes of it.

use crate::live::{Account, Bytes, FileState, Kind, Observed, Place, Probe};
use crate::name::HostPath;
use crate::release::{OnChange, Part};

use super::base::BaseFile;
use super::block::{self, Block};
use super::compare::{self, Agreement, Aspects, Ownership};
use super::desired::{Joined, JoinedSecret, Wanted};
use super::diff;
use super::{Action, Candidate, Cause, Change, Class, Difference, Held, HeldCode, Plan, Subject, Unknown};

/// Compares a file that the release has.
pub(super) fn compare(plan: &mut Plan, path: &HostPath, wanted: &Wanted, base: Option<&BaseFile>, observed: &Observed) {
    let joined = match &wanted.content {
        Ok(joined) => joined,
        Err(missing) => {
            let why = format!("it needs the secret `{}`: {}", missing.name, missing.why);
            let help = Some(missing.help.clone());
            plan.unknown.push(Unknown { subject: path.to_string(), why, help, blocks: true });
            return;
        }
    };
    let becomes = BaseFile::of(wanted, joined);
    let task = Task { path, wanted, joined, base, becomes, observed };
    match observed.files.get(path) {
        Some(Probe::Absent) => task.create(plan),
        Some(Probe::Seen(live)) => task.change(plan, live),
        Some(Probe::Failed(why)) => plan.unknown.push(failed(path, why)),
        None => plan.unknown.push(failed(path, "it was not looked at")),
    }
}

/// Compares a file that the release no longer has.
pub(super) fn compare_removed(plan: &mut Plan, path: &HostPath, base: &BaseFile, observed: &Observed) {
    let live = match observed.files.get(path) {
        Some(Probe::Absent) => return,
        Some(Probe::Seen(live)) => live,
        Some(Probe::Failed(why)) => return plan.unknown.push(failed(path, why)),
        None => return plan.unknown.push(failed(path, "it was not looked at")),
    };
    if compare::is_gone(observed.files.get(path), base.part) {
        return;
    }
    let ours =
        Aspects::of_live(live, base.part).is_some_and(|aspects| compare::against_base(&aspects, base, observed).all());
    let mut change = Change {
        subject: Subject::File { path: path.clone() },
        action: Action::Remove,
        cause: if ours { Cause::Release } else { Cause::Both },
        class: class_of(&base.on_change),
        differs: vec![Difference::Surplus],
        diff: None,
        modified: Some(live.modified),
        since: None,
        held: None,
    };
    let bytes = match base.part {
        Part::Whole => Some(Vec::new()),
        Part::Block => live.bytes().and_then(|bytes| block::splice(bytes, None)).map(|(bytes, _)| bytes),
    };
    if ours && let Some(bytes) = bytes {
        let candidate = Candidate {
            bytes: Bytes::new(bytes),
            mode: live.mode,
            account: Some(live.account),
            replaces: Some(live.stamp),
            becomes: None,
            secrets: Vec::new(),
        };
        plan.candidates.insert(path.clone(), candidate);
    } else {
        change.held = Some(Held {
            code: HeldCode::LeftBehind,
            why: "the release no longer has it, but it was changed on this host since it was last applied".to_owned(),
            help: "look at it, and remove it by hand if nobody needs it".to_owned(),
        });
    }
    plan.changes.push(change);
}

fn failed(path: &HostPath, why: &str) -> Unknown {
    Unknown { subject: path.to_string(), why: why.to_owned(), help: None, blocks: true }
}

/// Returns what a change of a file with this action does to clients.
pub(super) fn class_of(on_change: &OnChange) -> Class {
    match on_change {
        OnChange::Nothing | OnChange::Sysctl | OnChange::Units | OnChange::Plugins => Class::Live,
        OnChange::Reload(_) => Class::Reload,
        OnChange::Restart(_) | OnChange::DaemonReload(_) => Class::Rolling,
    }
}

/// One file that the release has.
struct Task<'a> {
    path: &'a HostPath,
    wanted: &'a Wanted,
    joined: &'a Joined,
    base: Option<&'a BaseFile>,
    becomes: BaseFile,
    observed: &'a Observed,
}

impl Task<'_> {
    fn create(self, plan: &mut Plan) {
        let cause = self.cause(None, Agreement { content: false, mode: true, owner: true });
        let mut change = self.base_change(Action::Create, cause, None);
        change.differs.push(Difference::Absent);
        let new = self.block_in(b"").unwrap_or_else(|| self.joined.clone());
        match self.account(None) {
            Ok(account) => self.candidate(plan, &new, self.wanted.mode, account, None),
            Err(held) => change.held = Some(held),
        }
        plan.changes.push(change);
    }

    fn change(self, plan: &mut Plan, live: &FileState) {
        match &live.kind {
            Kind::Regular(bytes) if self.wanted.part == Part::Block => self.edit_block(plan, live, bytes.as_slice()),
            Kind::Regular(bytes) => self.replace(plan, live, bytes.as_slice()),
            Kind::Symlink(_) | Kind::Huge(_) if self.wanted.part == Part::Whole => {
                let mut change = self.other_kind(live);
                match self.account(None) {
                    Ok(account) => self.candidate(plan, self.joined, self.wanted.mode, account, Some(live)),
                    Err(held) => change.held = Some(held),
                }
                plan.changes.push(change);
            }
            _ => {
                let mut change = self.other_kind(live);
                change.held = Some(Held {
                    code: HeldCode::NotAFile,
                    why: format!("{} stands at this path", kind_text(&live.kind)),
                    help: "move it away; the next run then writes the file".to_owned(),
                });
                plan.changes.push(change);
            }
        }
    }

    fn other_kind(&self, live: &FileState) -> Change {
        let cause = self.cause(None, Agreement { content: false, mode: true, owner: true });
        let action = if self.wanted.part == Part::Block { Action::EditBlock } else { Action::Replace };
        let mut change = self.base_change(action, cause, Some(live));
        change.differs.push(Difference::Kind { live: kind_text(&live.kind) });
        change
    }

    fn replace(self, plan: &mut Plan, live: &FileState, bytes: &[u8]) {
        let ownership = compare::owner(live.account, &self.wanted.owner, self.observed);
        let same = Agreement {
            content: bytes == self.joined.bytes.as_slice(),
            mode: live.mode == self.wanted.mode,
            owner: ownership != Ownership::Other,
        };
        if ownership == Ownership::Unknown {
            plan.unknown.push(self.owner_unknown(live));
        }
        if same.all() {
            return;
        }
        let action = match same {
            Agreement { content: true, mode: true, .. } => Action::Owner,
            Agreement { content: true, owner: true, .. } => Action::Mode,
            _ => Action::Replace,
        };
        let cause = self.cause(Aspects::of_live(live, Part::Whole), same);
        let mut change = self.base_change(action, cause, Some(live));
        self.differences(&mut change, live, same);
        if !same.content {
            change.diff = diff::unified(bytes, self.joined, self.base_prefixes());
        }
        match self.account((ownership != Ownership::Other).then_some(live.account)) {
            Ok(account) => self.candidate(plan, self.joined, self.wanted.mode, account, Some(live)),
            Err(held) => change.held = Some(held),
        }
        plan.changes.push(change);
    }

    fn edit_block(self, plan: &mut Plan, live: &FileState, bytes: &[u8]) {
        let found = block::find(bytes);
        if let Block::One { inner, .. } = &found
            && block::same(&bytes[inner.clone()], self.joined.bytes.as_slice())
        {
            return;
        }
        let same = Agreement { content: false, mode: true, owner: true };
        let cause = self.cause(Aspects::of_live(live, Part::Block), same);
        let mut change = self.base_change(Action::EditBlock, cause, Some(live));
        change.differs.push(Difference::Content { secret: false });
        if let Some(new) = self.block_in(bytes) {
            change.diff = diff::unified(bytes, &new, self.base_prefixes());
            self.candidate(plan, &new, live.mode, Some(live.account), Some(live));
        } else {
            let why = if let Block::Damaged(why) = found { why } else { "the markers do not fit together" };
            change.held = Some(Held {
                code: HeldCode::DamagedBlock,
                why: why.to_owned(),
                help: "repair the lines `# BEGIN rmqgit` and `# END rmqgit`, or remove both with what is between"
                    .to_owned(),
            });
        }
        plan.changes.push(change);
    }

    /// Returns the whole file with our block in it; `None` where the file is not shared, or its markers are damaged.
    fn block_in(&self, bytes: &[u8]) -> Option<Joined> {
        if self.wanted.part != Part::Block {
            return None;
        }
        let (bytes, place) = block::splice(bytes, Some(self.joined.bytes.as_slice()))?;
        let shifted = self.joined.secrets.iter().map(|secret| JoinedSecret {
            range: secret.range.start + place.start..secret.range.end + place.start,
            ..secret.clone()
        });
        Some(Joined { secrets: shifted.collect(), bytes: Bytes::new(bytes) })
    }

    /// Tells who moved. Without a base nothing was ever applied: the release asks for something new.
    fn cause(&self, live: Option<Aspects>, same: Agreement) -> Cause {
        let Some(base) = self.base else { return Cause::Release };
        let live = live.map(|live| compare::against_base(&live, base, self.observed));
        let live = live.unwrap_or(Agreement { content: false, mode: true, owner: true });
        let aspects = [
            (same.content, base.digest != self.becomes.digest || base.part != self.becomes.part, live.content),
            (same.mode, base.mode != self.becomes.mode, live.mode),
            (same.owner, base.owner != self.becomes.owner, live.owner),
        ];
        let differs = || aspects.iter().filter(|(same, ..)| !same);
        match (differs().any(|(_, released, _)| *released), differs().any(|(_, _, as_base)| !as_base)) {
            (true, true) => Cause::Both,
            (true, false) => Cause::Release,
            (false, _) => Cause::Drift,
        }
    }

    fn base_prefixes(&self) -> &[String] {
        self.base.map_or(&[], |base| &base.secrets)
    }

    fn base_change(&self, action: Action, cause: Cause, live: Option<&FileState>) -> Change {
        let class = match action {
            Action::Mode | Action::Owner => Class::Live,
            _ => class_of(&self.wanted.on_change),
        };
        Change {
            subject: Subject::File { path: self.path.clone() },
            action,
            cause,
            class,
            differs: Vec::new(),
            diff: None,
            modified: live.map(|live| live.modified),
            since: None,
            held: None,
        }
    }

    fn differences(&self, change: &mut Change, live: &FileState, same: Agreement) {
        if !same.content {
            change.differs.push(Difference::Content { secret: self.joined.is_one_secret() });
        }
        if !same.mode {
            let (live, wanted) = (format!("{:04o}", live.mode), format!("{:04o}", self.wanted.mode));
            change.differs.push(Difference::Mode { live, wanted });
        }
        if !same.owner {
            let text = |owner: &crate::release::Owner| format!("{}:{}", owner.user, owner.group);
            change.differs.push(Difference::Owner { live: text(&live.owner), wanted: text(&self.wanted.owner) });
        }
    }

    /// Finds who shall own the candidate. In a sandbox without that user, and for a run that is not root, it stays with
    /// the user that writes, or as it is.
    fn account(&self, live: Option<Account>) -> Result<Option<Account>, Held> {
        match self.observed.accounts.get(&self.wanted.owner) {
            Some(Probe::Seen(account)) if self.observed.user == 0 => Ok(Some(*account)),
            Some(Probe::Seen(_)) => Ok(None),
            _ if self.observed.place == Place::Sandbox => Ok(live.filter(|_| self.observed.user == 0)),
            other => {
                let owner = &self.wanted.owner;
                let why = match other {
                    Some(Probe::Failed(why)) => {
                        format!("its owner {}:{} could not be looked up: {why}", owner.user, owner.group)
                    }
                    _ => format!("this host has no user `{}` or no group `{}`", owner.user, owner.group),
                };
                let help = "install the package that makes them; the next run then writes the file".to_owned();
                Err(Held { code: HeldCode::NoAccount, why, help })
            }
        }
    }

    fn owner_unknown(&self, live: &FileState) -> Unknown {
        let (owner, has) = (&self.wanted.owner, &live.owner);
        let why = match self.observed.accounts.get(owner) {
            Some(Probe::Seen(_)) => {
                format!(
                    "owner {}:{} instead of {}:{}; this run is not root",
                    has.user, has.group, owner.user, owner.group
                )
            }
            Some(Probe::Failed(why)) => {
                format!("its owner {}:{} could not be looked up: {why}", owner.user, owner.group)
            }
            _ => format!("the root has no user `{}` or no group `{}`", owner.user, owner.group),
        };
        let blocks = self.observed.place == Place::Machine;
        Unknown { subject: format!("owner of {}", self.path), why, help: None, blocks }
    }

    fn candidate(&self, plan: &mut Plan, new: &Joined, mode: u32, account: Option<Account>, live: Option<&FileState>) {
        let candidate = Candidate {
            bytes: new.bytes.clone(),
            mode,
            account,
            replaces: live.map(|live| live.stamp),
            becomes: Some(self.becomes.clone()),
            secrets: new.secrets.clone(),
        };
        plan.candidates.insert(self.path.clone(), candidate);
    }
}

fn kind_text(kind: &Kind) -> String {
    match kind {
        Kind::Regular(_) => "a file".to_owned(),
        Kind::Huge(size) => format!("a file of {size} bytes"),
        Kind::Symlink(target) => format!("a symbolic link to `{}`", diff::printable(target)),
        Kind::Directory => "a directory".to_owned(),
        Kind::Other => "a socket, pipe or device".to_owned(),
    }
}
