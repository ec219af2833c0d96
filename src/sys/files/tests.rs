//! Candidates, renames, and what somebody else does meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct World {
    dir: tempfile::TempDir,
    root: Root,
    path: HostPath,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = Root::open(dir.path()).expect("the root");
        Self { dir, root, path: HostPath::parse("/etc/f").expect("a path") }
    }

    fn put(&self, text: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test makes its world")]
        fs::write(self.dir.path().join("etc/f"), text).expect("the file");
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
