//! `rmqgit secret set`, `generate` and `edit`: new values.

use std::io::Write as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::desk::{Desk, Kept};
use super::{Named, Place};
use crate::check::uses;
use crate::cli::{Exit, Failure, identity, stderr, stdout};
use crate::name::SecretRef;
use crate::secret::{Leaks, Secret};
use crate::sys::{editor, process, random, terminal};

/// Seal a value that you type, or that comes from standard input
///
/// The value is asked for twice without showing it; where standard input is not a terminal, all of it is the value, without
/// its last newline. It is never an argument: those can be read by everybody on the machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret set admin-password
  $ pwgen -s 32 1 | rmqgit secret set admin-password --cluster orders")]
pub(super) struct Set {
    #[command(flatten)]
    named: Named,
}

/// Seal a random value that fits every place where the secret is used
///
/// A password has 40 letters and digits, one of VRRP has 8. It is not shown. What is there already gets a new value.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret generate erlang-cookie
  $ rmqgit secret generate --missing --cluster orders")]
pub(super) struct Generate {
    /// The secret, as the spec names it: `{secret: NAME}`
    #[arg(required_unless_present = "missing", conflicts_with = "missing")]
    name: Option<SecretRef>,
    /// Every secret that the spec needs and nobody has sealed yet
    #[arg(long)]
    missing: bool,
    #[command(flatten)]
    place: Place,
}

/// Change a value in your editor
///
/// The editor is $VISUAL, $EDITOR or vi. The value stands in a file that only you can read, on a file system in memory, and is
/// wiped afterwards. What is not changed is not sealed anew.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit secret edit shovel-uri
  $ rmqgit secret edit shovel-uri --cluster orders --identity ~/.ssh/ops")]
pub(super) struct Edit {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    identity: identity::Required,
    /// Put the file into this directory instead, even if it is on a disk
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

pub(super) fn set(args: &Set) -> Result<Exit, Failure> {
    process::keep_memory_private();
    let desk = Desk::open(&args.named.place)?;
    let kept = desk.one(&args.named.name)?;
    let value = if terminal::is_interactive() {
        let title = format!("{}/{}", kept.cluster.name.value, args.named.name);
        let value = terminal::ask_hidden(&format!("Value of {title}: "))?;
        if terminal::ask_hidden("Once more: ")? != value {
            return Err(Failure::new("the two values differ; nothing was written"));
        }
        value
    } else {
        terminal::read_stdin()?
    };
    seal(&desk, kept, &args.named.name, &Secret::new(value))
}

pub(super) fn generate(args: &Generate) -> Result<Exit, Failure> {
    process::keep_memory_private();
    let desk = Desk::open(&args.place)?;
    if let Some(name) = &args.name {
        let kept = desk.one(name)?;
        return seal(&desk, kept, name, &random_value(kept, name)?);
    }
    let mut left = Exit::Clean;
    for kept in &desk.clusters {
        for name in kept.needs.keys().filter(|name| kept.sealed(name).is_none()) {
            match random_value(kept, name) {
                Ok(value) => drop(seal(&desk, kept, name, &value)?),
                Err(failure) => {
                    let help = failure.help.unwrap_or_default();
                    writeln!(stderr(), "{}/{name}: {}; {help}", kept.cluster.name.value, failure.message)?;
                    left = Exit::Findings;
                }
            }
        }
    }
    Ok(left)
}

fn random_value(kept: &Kept, name: &SecretRef) -> Result<Secret, Failure> {
    let uses = uses::uses(&kept.cluster, name);
    if let Some(other) = uses::unmakeable(&uses) {
        let message = format!("nobody but you knows a value for the {}", other.describe());
        return Err(Failure::new(message).help(format!("`rmqgit secret set {name}`")));
    }
    let length = uses::length(&uses);
    let mut value = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while value.len() < length {
        random::fill(&mut bytes[..])?;
        let letters = bytes.iter().copied().filter_map(uses::letter);
        let left = length - value.len();
        value.extend(letters.take(left));
    }
    Ok(Secret::new(value))
}

pub(super) fn edit(args: &Edit) -> Result<Exit, Failure> {
    let opener = args.identity.open()?;
    let desk = Desk::open(&args.named.place)?;
    let kept = desk.one(&args.named.name)?;
    let (_, old) = kept.open(&opener, &args.named.name)?;
    let dir = match &args.scratch {
        Some(dir) => dir.clone(),
        None => editor::in_memory(&memory_directories())
            .map_err(|error| Failure::from_error(&error).help("name a directory that is safe enough: --scratch DIR"))?,
    };
    let text = editor::edit(&editor_words()?, &dir, args.named.name.as_str(), old.expose())
        .map_err(|error| Failure::from_error(&error))?;
    let new = Secret::new(text);
    if new == old {
        writeln!(stdout(), "{}: unchanged", args.named.name)?;
        return Ok(Exit::Clean);
    }
    seal(&desk, kept, &args.named.name, &new)
}

/// Returns the directories that may be in memory: the person's own one first.
fn memory_directories() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    own.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

fn editor_words() -> Result<Vec<String>, Failure> {
    let named = ["VISUAL", "EDITOR"].iter().filter_map(std::env::var_os).find(|editor| !editor.is_empty());
    let text = named.map_or_else(|| "vi".to_owned(), |editor| editor.to_string_lossy().into_owned());
    match shlex::split(&text) {
        Some(words) if !words.is_empty() => Ok(words),
        _ => Err(Failure::usage(format!("`{text}` is not the command of an editor"))),
    }
}

/// Holds a value against its uses, seals it, and says where else it stands.
fn seal(desk: &Desk, kept: &Kept, name: &SecretRef, secret: &Secret) -> Result<Exit, Failure> {
    let refusals = uses::refusals(&kept.cluster, &kept.bundles, name, secret.expose());
    if !refusals.is_empty() {
        return Err(Failure::new(refusals.join("; ")).help("nothing was written"));
    }
    let said = desk.write(kept, name, secret)?;
    writeln!(stdout(), "{said}")?;
    let leaks = Leaks::of(secret);
    let mut exit = Exit::Clean;
    for (path, bytes) in &desk.files {
        if let Some(form) = leaks.find(bytes) {
            writeln!(stderr(), "rmqgit: `{}` holds this value, {form}: take it out", desk.path(path).display())?;
            exit = Exit::Findings;
        }
    }
    Ok(exit)
}
