//! Compiles the spec of a release again and compares: what stands on the output branch, and was not compiled?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::build::{self, Product};
use super::fleet::Fleet;
use super::index::{self, Index, Record};
use super::judge::{Bench, judge};
use super::source::{SpecCommit, spec_commit};
use super::{PublishError, VERSION, page};
use crate::diag::{Diagnostics, Sources};
use crate::release::{COMPILER, HOST_REFS, SPEC_COMMIT};
use crate::review;
use crate::sys::git::dir::Dir;
use crate::sys::git::object::{self, Kind};
use crate::sys::git::pack::Known;
use crate::sys::git::tree::{self, Entry, Mode};
use crate::sys::git::{GitError, Objects, Oid, Store, refs};
use crate::trust::allowed::AllowedSigners;
use crate::trust::signature;

/// The most commits of a hand that are walked over to find one of rmqgit's.
const MOST_BY_HAND: usize = 1_000;
/// The largest text of which a diff is made, in bytes.
const LARGEST: usize = 1 << 20;

/// What to verify.
#[derive(Debug, Clone)]
pub struct Question {
    /// A directory in the repository.
    pub repository: PathBuf,
    /// A commit of the output branch; its newest, if none is given.
    pub release: Option<String>,
    /// The output branch, if it is not the one that the spec at HEAD names.
    pub branch: Option<String>,
    /// Who may sign, if that is asked.
    pub signers: Option<AllowedSigners>,
    /// How many threads compile.
    pub jobs: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "rmqgit verify")]
pub struct Verified {
    /// The version of this document, 1.
    pub format: u32,
    /// The commit of the release.
    pub release: String,
    /// The commit of the spec that it says it was compiled from.
    pub spec: String,
    /// Its tree.
    pub tree: String,
    /// The tree that the spec compiles to.
    pub compiled: String,
    /// Commits on top of rmqgit's own, the newest first.
    pub by_hand: Vec<String>,
    /// The files that are not what the spec compiles to.
    pub differences: Vec<Difference>,
    /// Who signed the release, if that was asked and somebody did who may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// What is wrong with signatures, and with the refs of hosts.
    pub faults: Vec<Fault>,
    /// Whether the refs of the hosts were compared: they belong to the newest release.
    pub hosts: bool,
}

/// A file that is not what the spec compiles to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// Its path on the output branch.
    pub path: String,
    /// How it differs.
    pub kind: DifferenceKind,
    /// From what was compiled to what is there, where both are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It is there, and was not compiled.
    Added,
    /// It was compiled, and is not there.
    Removed,
    /// It has other bytes.
    Changed,
}

/// Something wrong beside the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// The branch, or a host's ref.
    pub at: String,
    /// What is wrong.
    pub why: String,
}

impl Verified {
    /// Whether all is as it should be.
    pub fn is_sound(&self) -> bool {
        self.tree == self.compiled && self.by_hand.is_empty() && self.faults.is_empty()
    }
}

/// Verifies a release; `None` if its spec is wrong by now, and the diagnostics say how.
pub fn verify(
    diags: &mut Diagnostics,
    sources: &mut Sources,
    question: &Question,
) -> Result<Option<Verified>, PublishError> {
    let store = Store::discover(&question.repository)?;
    let objects = store.objects()?;
    let branch = if let Some(branch) = &question.branch {
        branch.clone()
    } else {
        let spec = spec_commit(&store, &objects, "HEAD")?;
        let Some(fleet) = Fleet::read(diags, sources, &objects, &spec)? else { return Ok(None) };
        fleet.branch().to_owned()
    };
    let tip = store.tip(&format!("refs/heads/{branch}"))?;
    let release = match (&question.release, tip) {
        (Some(rev), _) => store.resolve(rev)?,
        (None, Some(tip)) => tip,
        (None, None) => return Err(PublishError::NothingPublished(branch)),
    };
    let (by_hand, own) = own_commit(&objects, release)?;
    let Some(Origin { spec: named, compiler }) = own else {
        return Err(PublishError::NotARelease(release.to_string()));
    };
    let spec = spec_commit(&store, &objects, &named)?;
    let Some(fleet) = Fleet::read(diags, sources, &objects, &spec)? else { return Ok(None) };
    let bench = Bed { objects: &objects, spec: &spec, fleet: &fleet, jobs: question.jobs };
    let stored = objects.commit(release)?.tree;
    let Some((tree, differences)) = bench.compare(diags, sources, stored)? else { return Ok(None) };
    if tree != stored && compiler != VERSION {
        return Err(PublishError::OtherCompiler { theirs: compiler });
    }
    let mut verified = Verified {
        format: 1,
        release: release.to_string(),
        spec: spec.id.to_string(),
        tree: stored.to_string(),
        compiled: tree.to_string(),
        by_hand: by_hand.iter().map(ToString::to_string).collect(),
        differences,
        signer: None,
        faults: Vec::new(),
        hosts: tip == Some(release),
    };
    let mut judge = |at: &str, commit: Oid| -> Result<Option<String>, PublishError> {
        let Some(signers) = &question.signers else { return Ok(None) };
        match signer(signers, &objects.commit_bytes(commit)?) {
            Ok(signer) => Ok(Some(signer)),
            Err(why) => {
                verified.faults.push(Fault { at: at.to_owned(), why });
                Ok(None)
            }
        }
    };
    let signed = judge(&branch, release)?;
    if verified.hosts {
        let found = host_refs(&store, &objects, stored)?;
        for (name, commit) in &found.commits {
            judge(name, *commit)?;
        }
        verified.faults.extend(found.faults);
    }
    verified.signer = signed;
    Ok(Some(verified))
}

/// What a release says that it was made from.
struct Origin {
    spec: String,
    compiler: String,
}

/// Finds the newest commit that says what it was compiled from and by which version, and those on top of it.
fn own_commit(objects: &Objects<'_>, release: Oid) -> Result<(Vec<Oid>, Option<Origin>), PublishError> {
    let (mut by_hand, mut next) = (Vec::new(), Some(release));
    while let Some(id) = next.filter(|_| by_hand.len() < MOST_BY_HAND) {
        let commit = objects.commit(id)?;
        if let (Some(spec), Some(compiler)) = (commit.trailer(SPEC_COMMIT), commit.trailer(COMPILER)) {
            return Ok((by_hand, Some(Origin { spec, compiler })));
        }
        by_hand.push(id);
        next = commit.parents.first().copied();
    }
    Ok((by_hand, None))
}

/// Says who signed a commit, as Git would: by the time that the commit itself has.
fn signer(signers: &AllowedSigners, commit: &[u8]) -> Result<String, String> {
    let signed = signature::verify(commit).map_err(|flaw| flaw.to_string())?;
    let print = signed.key.fingerprint();
    match signers.judge(&signed.key, &[signed.time]) {
        Ok(who) => Ok(format!("{who} {print}")),
        Err(fault) => Err(format!("it is signed by {print}: {fault}")),
    }
}

/// The commits of the hosts' refs, and what is wrong with them.
struct Found {
    commits: BTreeMap<String, Oid>,
    faults: Vec<Fault>,
}

/// Holds the refs of the hosts against the directories of a release.
fn host_refs(store: &Store, objects: &Objects<'_>, root: Oid) -> Result<Found, PublishError> {
    let commits = refs::read(store.dir(), HOST_REFS)?;
    let mut wanted = BTreeMap::new();
    for cluster in objects.tree(root)? {
        if cluster.mode == Mode::Tree && cluster.name != index::DIRECTORY {
            for host in objects.tree(cluster.id)?.into_iter().filter(|host| host.mode == Mode::Tree) {
                wanted.insert(format!("{HOST_REFS}/{}/{}", cluster.name, host.name), host.id);
            }
        }
    }
    let mut faults = Vec::new();
    let mut complain = |at: &String, why: &str| faults.push(Fault { at: at.clone(), why: why.to_owned() });
    for name in wanted.keys().chain(commits.keys()).collect::<BTreeSet<_>>() {
        match (wanted.get(name), commits.get(name)) {
            (Some(_), None) => complain(name, "there is no such ref"),
            (None, Some(_)) => complain(name, "the release has no such host"),
            (Some(tree), Some(commit)) if objects.commit(*commit)?.tree != *tree => {
                complain(name, "it holds other files than the release");
            }
            _ => {}
        }
    }
    Ok(Found { commits, faults })
}

/// What is compiled, and from what.
struct Bed<'a> {
    objects: &'a Objects<'a>,
    spec: &'a SpecCommit,
    fleet: &'a Fleet,
    jobs: usize,
}

/// A part of a release: its name as an object, and its files where they had to be kept.
type Part = (Mode, Oid, Option<BTreeMap<String, Vec<u8>>>);

impl Bed<'_> {
    /// Compiles the whole spec; returns the tree, and how a stored one differs from it.
    fn compare(
        &self,
        diags: &mut Diagnostics,
        sources: &mut Sources,
        stored: Oid,
    ) -> Result<Option<(Oid, Vec<Difference>)>, PublishError> {
        let Self { objects, fleet, .. } = *self;
        let before: BTreeMap<String, Entry> =
            objects.tree(stored)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        let units = fleet.units();
        let same = |name: &str, id: Oid| before.get(name).is_some_and(|entry| entry.id == id);
        let known = Known::default();
        let judged = build::build(
            &known,
            units.len(),
            self.jobs,
            |_, unit| {
                Ok(fleet.compile(objects, &units[unit], None)?.map(|one| {
                    let files = build::files(&one.bundles, one.pages());
                    let id = Dir::new(files.clone()).id();
                    // The files of a fleet are not kept, but for those that differ.
                    let files = (!same(one.facts.cluster.as_str(), id)).then_some(files);
                    Product { facts: one.facts, warnings: one.warnings, value: (id, files) }
                }))
            },
            |_| Ok::<_, GitError>(()),
        )?;
        let kept = Index::new();
        let bench = Bench { objects, kept: &kept, units: &units, checker: None };
        let Some(products) = judge(diags, sources, &bench, judged)? else { return Ok(None) };
        let (mut index, mut parts) = (Index::new(), BTreeMap::<String, Part>::new());
        for (unit, Product { facts, value: (id, files), .. }) in units.iter().zip(products) {
            let blob = fleet.file(unit).blob;
            let secrets = fleet.secrets().get(facts.cluster.as_str()).copied();
            parts.insert(facts.cluster.to_string(), (Mode::Tree, id, files));
            index.insert(facts.cluster.clone(), Record { blob, secrets, facts });
        }
        let memory = index::write(VERSION, &self.spec.shared, &index);
        parts.insert(index::DIRECTORY.to_owned(), (Mode::Tree, Dir::new(memory.clone()).id(), Some(memory)));
        let page = page::root(index.values().map(|record| &record.facts)).into_bytes();
        let page_id = object::id(Kind::Blob, &page);
        parts.insert(page::NAME.to_owned(), (Mode::File, page_id, Some(BTreeMap::from([(String::new(), page)]))));
        let entry = |(name, (mode, id, _)): (&String, &Part)| match mode {
            Mode::Tree => Entry::tree(name, *id),
            _ => Entry::file(name, *id),
        };
        let mut entries: Vec<Entry> = parts.iter().map(entry).collect();
        let compiled = object::id(Kind::Tree, &tree::bytes(&mut entries));
        let mut differences = Vec::new();
        for name in before.keys().chain(parts.keys()).collect::<BTreeSet<_>>() {
            let there = before.get(name);
            let made = parts.get(name);
            if there.map(|entry| (entry.mode, entry.id)) == made.map(|(mode, id, _)| (*mode, *id)) {
                continue;
            }
            let there = there.map_or_else(|| Ok(BTreeMap::new()), |entry| self.stored(entry))?;
            let made = made.and_then(|(_, _, files)| files.clone()).unwrap_or_default();
            let found = differing(name, &made, &there);
            // The same bytes under the same paths: a mode, or the kind of an entry.
            let other = Difference { path: name.clone(), kind: DifferenceKind::Changed, diff: None };
            differences.extend(if found.is_empty() { vec![other] } else { found });
        }
        Ok(Some((compiled, differences)))
    }

    /// Returns the files of an entry, by their paths below it.
    fn stored(&self, entry: &Entry) -> Result<BTreeMap<String, Vec<u8>>, PublishError> {
        Ok(match entry.mode {
            Mode::Tree => self.objects.files(entry.id)?,
            Mode::Commit => BTreeMap::from([(String::new(), Vec::new())]),
            _ => BTreeMap::from([(String::new(), self.objects.blob(entry.id)?)]),
        })
    }
}

/// Compares the files of one part.
fn differing(name: &str, made: &BTreeMap<String, Vec<u8>>, there: &BTreeMap<String, Vec<u8>>) -> Vec<Difference> {
    let mut found = Vec::new();
    for path in made.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
        let (kind, diff) = match (made.get(path), there.get(path)) {
            (Some(made), Some(there)) if made == there => continue,
            (Some(made), Some(there)) => (DifferenceKind::Changed, diff(made, there)),
            (Some(made), None) => (DifferenceKind::Removed, diff(made, b"")),
            (None, Some(there)) => (DifferenceKind::Added, diff(b"", there)),
            (None, None) => continue,
        };
        let path = if path.is_empty() { name.to_owned() } else { format!("{name}/{path}") };
        found.push(Difference { path, kind, diff });
    }
    found
}

/// Returns the unified diff of two texts, without anything that a terminal would obey.
fn diff(made: &[u8], there: &[u8]) -> Option<String> {
    let text = |bytes| std::str::from_utf8(bytes).ok().filter(|text: &&str| text.len() <= LARGEST);
    let diff = review::diff::unified(text(made)?, text(there)?);
    let shown = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    Some(diff.chars().map(shown).collect())
}
