//! A repository on this machine, and what the store does with what comes from it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rmqgit::fetch::{Fetched, load, offer_signers};
use rmqgit::sys::store::{MAX_PACKS, Slot};

use super::origin::{Origin, REF, bundle, cluster, git, host};

#[test]
fn fetches_what_moved_and_loads_it() {
    let origin = Origin::new();
    let remote = origin.remote();
    let one = origin.publish(1);
    assert_eq!(origin.fetch(&remote).unwrap(), Fetched { tip: one.clone(), previous: None, moved: true });
    let again = Fetched { tip: one.clone(), previous: Some(one.clone()), moved: false };
    assert_eq!(origin.fetch(&remote).unwrap(), again);

    origin.publish(2);
    let three = origin.publish(3);
    let moved = Fetched { tip: three.clone(), previous: Some(one.clone()), moved: true };
    assert_eq!(origin.fetch(&remote).unwrap(), moved);

    let loaded = load(&origin.store, &three, &cluster(), &host()).unwrap();
    assert_eq!(loaded.bundle, bundle(3));
    assert_eq!((loaded.spec_commit, loaded.time), (Some("1".repeat(40)), 1_700_000_000));
    assert_eq!(load(&origin.store, &one, &cluster(), &host()).unwrap().bundle, bundle(1));

    // The store is an ordinary repository, readable by its owner alone.
    let path = origin.dir.path().join("state/repo.git");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    git(&path, &["fsck", "--full", "--strict"], b"");
    assert_eq!(git(&path, &["rev-parse", "refs/rmqgit/fetched/orders/rabbit1"], b""), three.to_string());
}

#[test]
fn a_lost_object_is_brought_again() {
    let origin = Origin::new();
    let remote = origin.remote();
    let one = origin.publish(1);
    origin.fetch(&remote).unwrap();
    let packs = origin.dir.path().join("state/repo.git/objects/pack");
    for file in fs::read_dir(&packs).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let store = rmqgit::sys::store::Store::open(&origin.dir.path().join("state")).unwrap();
    let same = rmqgit::fetch::fetch(&store, &remote, &cluster(), &host()).unwrap();
    assert_eq!(same, Fetched { tip: one.clone(), previous: Some(one.clone()), moved: false });
    assert_eq!(load(&store, &one, &cluster(), &host()).unwrap().bundle, bundle(1));
}

#[test]
fn the_store_stays_small() {
    let origin = Origin::new();
    let remote = origin.remote();
    let first = origin.publish(0);
    origin.fetch(&remote).unwrap();
    origin.store.set_tip(Slot::Applied, &cluster(), &host(), &first).unwrap();
    let chain = origin.sign(3);
    offer_signers(&origin.store, &remote).unwrap();
    origin.store.set_tip(Slot::Signers, &cluster(), &host(), &chain[0]).unwrap();
    for n in 1..u32::try_from(MAX_PACKS).unwrap() {
        origin.publish(n);
        origin.fetch(&remote).unwrap();
    }
    let path = origin.dir.path().join("state/repo.git");
    assert_eq!(git(&path, &["count-objects", "-v"], b"").lines().nth(3), Some("packs: 1"));
    git(&path, &["fsck", "--full", "--strict"], b"");
    assert_eq!(load(&origin.store, &first, &cluster(), &host()).unwrap().bundle, bundle(0));
    assert_eq!(origin.chain(&chain[0]), chain, "the chain of signers is kept whole");

    // The next release still comes after the kept one, although the history between is gone.
    let next = origin.publish(1000);
    assert_eq!(origin.fetch(&remote).unwrap().tip, next);
    assert_eq!(load(&origin.store, &next, &cluster(), &host()).unwrap().bundle, bundle(1000));
}

#[test]
fn releases_only_go_forward() {
    let origin = Origin::new();
    let remote = origin.remote();
    let one = origin.publish(1);
    let two = origin.publish(2);
    origin.fetch(&remote).unwrap();
    let refused = |offered: &str| {
        format!("{remote} moved `{REF}` to {offered}, which does not come after {two}")
            .replace(origin.dir.path().to_str().unwrap(), "DIR")
    };
    // Back, to the side, and to a history of its own: twice each, the second time from the store.
    let side = origin.commit(REF, Some(one.as_str()), &bundle(3).store());
    let stranger = origin.commit(REF, None, &bundle(4).store());
    for offered in [&one, &side, &stranger] {
        origin.git(&["update-ref", REF, offered.as_str()]);
        assert_eq!(origin.failure(&remote), refused(offered.as_str()));
        assert_eq!(origin.failure(&remote), refused(offered.as_str()));
    }
    assert_eq!(origin.store.tip(Slot::Fetched, &cluster(), &host()).unwrap(), Some(two.clone()));
    origin.git(&["update-ref", REF, two.as_str()]);
    let three = origin.publish(3);
    assert_eq!(origin.fetch(&remote).unwrap(), Fetched { tip: three, previous: Some(two), moved: true });
}

#[test]
fn says_what_is_missing() {
    let origin = Origin::new();
    let remote = origin.remote();
    let no_ref = "DIR/origin.git has no ref `refs/rmqgit/hosts/orders/rabbit1`: is the host in the spec, and was the \
                  release published?";
    assert_eq!(origin.failure(&remote), no_ref);
    origin.publish(1);
    origin.fetch(&remote).unwrap();
    fs::remove_dir_all(origin.path()).unwrap();
    let no_repository = "DIR/origin.git is not a Git repository that can be read: failed to resolve path \
                         'DIR/origin.git': No such file or directory";
    assert_eq!(origin.failure(&remote), no_repository);
}
