//! Candidates, renames, and what somebody else does meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct World {
    dir: tempfile::TempDir,
    root: Root,
    path: HostPath,
}

fn write(path: &Path, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test makes its world")]
    fs::write(path, text).expect("the file");
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(dir.path()).expect("the root");
        Self { dir, root, path: HostPath::parse("/etc/f").expect("a path") }
    }

    fn put(&self, text: &str) {
        write(&self.dir.path().join("etc/f"), text);
    }

    fn get(&self) -> String {
        fs::read_to_string(self.dir.path().join("etc/f")).expect("the file")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("etc")).expect("the directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn stamp(&self) -> Stamp {
        match self.root.probe(&self.path) {
            Probe::Seen(entry) => entry.stamp,
            other => panic!("{other:?}"),
        }
    }

    fn stage(&self, text: &str) -> Staged {
        self.root.stage(&self.path, text.as_bytes(), 0o640, None).expect("a candidate")
    }
}

#[test]
fn a_candidate_takes_the_place_in_one_step() {
    let world = World::new();
    let staged = world.stage("one");
    assert_eq!(world.names(), [".f.rmqgit-new"]);
    assert_eq!(fs::metadata(world.dir.path().join("etc")).expect("made").permissions().mode() & 0o7777, 0o755);
    staged.place(None).expect("placed");
    assert_eq!((world.names(), world.get().as_str()), (vec!["f".to_owned()], "one"));
    let stamp = world.stamp();
    world.stage("two").place(Some(stamp)).expect("placed");
    assert_eq!(world.get(), "two");
    drop(world.stage("three"));
    assert_eq!((world.names(), world.get().as_str()), (vec!["f".to_owned()], "two"));
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays() {
    let moved = |result: Result<(), FilesError>| assert!(matches!(result, Err(FilesError::Moved { .. })), "{result:?}");
    let world = World::new();
    let staged = world.stage("ours");
    world.put("theirs");
    moved(staged.place(None));
    let stamp = world.stamp();
    let staged = world.stage("ours");
    world.put("theirs again");
    moved(staged.place(Some(stamp)));
    moved(world.root.set_mode(&world.path, 0o600, stamp));
    moved(world.root.remove(&world.path, stamp));
    assert_eq!((world.names(), world.get().as_str()), (vec!["f".to_owned()], "theirs again"));
    world.root.set_mode(&world.path, 0o600, world.stamp()).expect("the mode");
    world.root.remove(&world.path, world.stamp()).expect("removed");
    moved(world.stage("ours").place(Some(stamp)));
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_leftover_is_never_followed() {
    let world = World::new();
    world.stage("one").place(None).expect("placed");
    symlink(world.dir.path().join("target"), world.dir.path().join("etc/.f.rmqgit-new")).expect("a link");
    assert!(world.root.has_leftover(&world.path));
    world.stage("two").place(Some(world.stamp())).expect("placed");
    assert_eq!((world.get().as_str(), world.dir.path().join("target").exists()), ("two", false));
    symlink("f", world.dir.path().join("etc/.f.rmqgit-new")).expect("a link");
    world.root.clean(&world.path).expect("cleaned");
    assert_eq!((world.names(), world.root.has_leftover(&world.path)), (vec!["f".to_owned()], false));
    world.root.clean(&world.path).expect("nothing to clean");
}

/// A machine's root in which everybody may write `/etc/rabbitmq`, and a directory beside it.
fn shared() -> (World, std::path::PathBuf) {
    let mut world = World::new();
    world.root.place = Place::Machine;
    let outside = world.dir.path().join("outside");
    fs::create_dir_all(world.dir.path().join("etc/rabbitmq")).expect("a directory");
    fs::create_dir(&outside).expect("a directory");
    fs::set_permissions(world.dir.path().join("etc/rabbitmq"), fs::Permissions::from_mode(0o777)).expect("the mode");
    world.path = HostPath::parse("/etc/rabbitmq/conf.d/f").expect("a path");
    (world, outside)
}

#[test]
fn links_count_only_where_nobody_else_can_put_them() {
    let (mut world, outside) = shared();
    symlink(&outside, world.dir.path().join("etc/rabbitmq/conf.d")).expect("a link");
    let why = match world.root.probe(&world.path) {
        Probe::Failed(why) => why,
        other => panic!("{other:?}"),
    };
    let user = rustix::process::geteuid().as_raw();
    let expect = format!("it is a link, in a directory that user {user} or others can change: it may lead anywhere");
    assert_eq!(why, format!("`/etc/rabbitmq/conf.d`: {expect}"));
    let error = world.root.stage(&world.path, b"x", 0o644, None).expect_err("refused");
    assert_eq!(error.to_string(), "cannot open or make the directory `/etc/rabbitmq/conf.d`");
    assert_eq!(std::error::Error::source(&error).map(ToString::to_string), Some(expect));
    // The same link in a directory that is ours alone is a decision of the host's administrator.
    fs::set_permissions(world.dir.path().join("etc/rabbitmq"), fs::Permissions::from_mode(0o755)).expect("the mode");
    let inside = world.dir.path().join("data");
    fs::create_dir(&inside).expect("a directory");
    fs::remove_file(world.dir.path().join("etc/rabbitmq/conf.d")).expect("removed");
    for target in ["../../data", "/etc/../../data", "/data/"] {
        let link = world.dir.path().join("etc/rabbitmq/conf.d");
        symlink(target, &link).expect("a link");
        let staged = world.root.stage(&world.path, target.as_bytes(), 0o644, None).expect("a candidate");
        staged.place(None).expect("placed");
        assert_eq!(fs::read_to_string(inside.join("f")).expect("the file"), target);
        fs::remove_file(inside.join("f")).expect("removed");
        fs::remove_file(link).expect("removed");
    }
    symlink("conf.d", world.dir.path().join("etc/rabbitmq/conf.d")).expect("a link");
    assert!(matches!(world.root.probe(&world.path), Probe::Failed(_)), "a link to itself ends");
    world.path = HostPath::parse("/etc/rabbitmq/made/by/us").expect("a path");
    world.root.stage(&world.path, b"x", 0o644, None).expect("a candidate").place(None).expect("placed");
    assert!(world.dir.path().join("etc/rabbitmq/made/by/us").exists());
}

#[test]
fn a_directory_that_becomes_a_link_in_this_moment_leads_nowhere() {
    let (world, outside) = shared();
    write(&outside.join("f"), "theirs");
    let rabbitmq = world.dir.path().join("etc/rabbitmq");
    let (name, other) = (rabbitmq.join("conf.d"), rabbitmq.join("other"));
    fs::create_dir(&name).expect("a directory");
    symlink(&outside, &other).expect("a link");
    let done = std::sync::atomic::AtomicBool::new(false);
    let (mut placed, mut blocked) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                rustix::fs::renameat_with(rustix::fs::CWD, &name, rustix::fs::CWD, &other, RenameFlags::EXCHANGE)
                    .expect("they change places");
            }
        });
        while placed < 300 || blocked < 300 {
            let ours = world.root.stage(&world.path, b"ours", 0o600, None).and_then(|staged| {
                match world.root.probe(&world.path) {
                    Probe::Seen(entry) => staged.place(Some(entry.stamp)),
                    _ => staged.place(None),
                }
            });
            *(if ours.is_ok() { &mut placed } else { &mut blocked }) += 1;
            if let Probe::Seen(entry) = world.root.probe(&world.path) {
                let _ = world.root.set_mode(&world.path, 0o640, entry.stamp);
                let _ = world.root.remove(&world.path, entry.stamp);
            }
            let _ = world.root.clean(&world.path);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let left: Vec<_> =
        fs::read_dir(&outside).expect("the directory").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["f"], "something was written where the link leads to");
    let meta = fs::metadata(outside.join("f")).expect("the file");
    assert_eq!(
        (fs::read_to_string(outside.join("f")).expect("the file").as_str(), meta.permissions().mode() & 0o777),
        ("theirs", 0o644)
    );
}

#[test]
fn a_hard_link_keeps_its_mode_and_owner() {
    let (world, outside) = shared();
    fs::create_dir(world.dir.path().join("etc/rabbitmq/conf.d")).expect("a directory");
    write(&outside.join("shadow"), "theirs");
    fs::hard_link(outside.join("shadow"), world.dir.path().join("etc/rabbitmq/conf.d/f")).expect("a link");
    let stamp = world.stamp();
    for result in [
        world.root.set_mode(&world.path, 0o666, stamp),
        world.root.set_owner(&world.path, Account { user: 1, group: 1 }, stamp),
    ] {
        assert!(matches!(result, Err(FilesError::Shared { .. })), "{result:?}");
    }
    // A replacement is another file.
    world.stage("ours").place(Some(world.stamp())).expect("placed");
    assert_eq!(fs::read_to_string(outside.join("shadow")).expect("the file"), "theirs");
}
