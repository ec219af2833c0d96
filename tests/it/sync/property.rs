//! After apply the plan is empty, whatever stood there before.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use rmqgit::apply::apply;
use rmqgit::name::HostPath;
use rmqgit::observe::{Targets, observe};
use rmqgit::plan::{Base, Desired, Joined, Plan, Wanted, plan};
use rmqgit::release::{OnChange, Owner, Part};
use rmqgit::sys::files::Root;

/// What stands at a path before a run.
#[derive(Debug, Clone)]
enum Before {
    Nothing,
    File { text: String, mode: u32, user: u32 },
    Link(String),
    Directory,
}

fn before() -> impl Strategy<Value = Before> {
    let text = prop_oneof!["[ab\n]{0,8}", Just("# END rmqgit\n".to_owned())];
    prop_oneof![
        Just(Before::Nothing),
        (text, prop_oneof![Just(0o644), Just(0o4755), Just(0o000)], 0u32..3)
            .prop_map(|(text, mode, user)| Before::File { text, mode, user }),
        "[a-z/.]{1,8}".prop_map(Before::Link),
        Just(Before::Directory),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let part = prop_oneof![3 => Just(Part::Whole), 1 => Just(Part::Block)];
    ("[ab\n]{0,8}", prop_oneof![Just(0o644), Just(0o755), Just(0o400)], 0u32..2, part).prop_map(
        |(text, mode, user, part)| Wanted {
            content: Ok(Joined::plain(&text)),
            mode,
            owner: owner(user),
            check: None,
            on_change: OnChange::Nothing,
            part,
        },
    )
}

fn owner(user: u32) -> Owner {
    Owner { user: format!("u{user}"), group: format!("u{user}") }
}

fn place(root: &Path, path: &HostPath, before: &Before) {
    let at = root.join(path.relative());
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    match before {
        Before::Nothing => {}
        Before::File { text, mode, user } => {
            fs::write(&at, text).unwrap();
            std::os::unix::fs::chown(&at, Some(*user), Some(*user)).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(*mode)).unwrap();
        }
        Before::Link(target) => symlink(target, &at).unwrap(),
        Before::Directory => fs::create_dir(&at).unwrap(),
    }
}

fn look(root: &Root, base: &Base, desired: &Desired) -> (Plan, Base) {
    let files = base.files.keys().chain(desired.files.keys()).cloned().collect();
    let targets = Targets { files, owners: [owner(0), owner(1)].into(), ..Targets::default() };
    let observed = observe(root, &targets, jiff::Timestamp::UNIX_EPOCH);
    (plan(base, desired, &observed), base.settled(desired, &observed))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_apply_the_plan_is_empty(
        files in prop::collection::vec((before(), wanted()), 1..5),
        later in prop::collection::vec(prop::option::of(wanted()), 5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/passwd"), "u0:x:0:0\nu1:x:1:1\n").unwrap();
        fs::write(dir.path().join("etc/group"), "u0:x:0:\nu1:x:1:\n").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let path = |i: usize| HostPath::parse(&format!("/etc/d{}/f{i}", i % 2)).unwrap();
        let mut first = Desired::default();
        for (i, (before, wanted)) in files.iter().enumerate() {
            place(dir.path(), &path(i), before);
            first.files.insert(path(i), wanted.clone());
        }
        let mut base = Base::default();
        let mut second = Desired { grants: vec!["shrink".to_owned()], ..Desired::default() };
        for (i, wanted) in later.iter().enumerate() {
            second.files.extend(wanted.clone().map(|wanted| (path(i), wanted)));
        }
        for desired in [first, second].iter().filter(|desired| !desired.files.is_empty()) {
            let (plan, _) = look(&root, &base, desired);
            let held: BTreeSet<_> =
                plan.changes.iter().filter(|change| change.held.is_some()).map(|change| &change.subject).collect();
            let outcomes = apply(&root, &plan);
            prop_assert!(outcomes.iter().all(|outcome| !outcome.is_bad()), "{outcomes:?}");
            let (after, settled) = look(&root, &base, desired);
            base = settled;
            let left: BTreeSet<_> = after.changes.iter().map(|change| &change.subject).collect();
            prop_assert_eq!(&left, &held, "{:?}", after.changes);
            let (again, _) = look(&root, &base, desired);
            prop_assert!(again.is_settled() && again.steps.is_empty(), "{:?}", again);
        }
    }
}
