//! From a committed spec to the output branch, with real repositories.

mod diff;
mod kill;
mod push;
mod rotation;
mod sign;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::git::{git, git_command};
use crate::{rmqgit, run, without_warnings};

const ROOT: &str = "version: 1
defaults:
  platform: debian
  rabbitmq:
    version: 3.10.8
    cookie: {secret: erlang-cookie}
    plugins: [rabbitmq_management]
";

/// A spec repository with a fleet of clusters, one a file.
pub(crate) struct Fleet {
    pub(crate) dir: tempfile::TempDir,
}

impl Fleet {
    /// Makes a committed spec with some clusters.
    pub(crate) fn new(clusters: &[&str]) -> Self {
        let fleet = Self { dir: tempfile::tempdir().unwrap() };
        git(fleet.path(), &["init", "--quiet"]);
        fleet.write("rmqgit.yaml", ROOT);
        for cluster in clusters {
            fleet.cluster(cluster, 5672);
        }
        fleet.commit("Begin");
        fleet
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes the file of a cluster whose addresses come from its name.
    pub(crate) fn cluster(&self, name: &str, port: u16) {
        let net = name.bytes().map(u32::from).sum::<u32>() % 200;
        self.write(&format!("clusters/{name}.yaml"), &cluster(net, port));
    }

    /// Commits the working tree at a fixed time.
    pub(crate) fn commit(&self, message: &str) {
        git(self.path(), &["add", "--all"]);
        let mut command = git_command(self.path());
        command.env("GIT_AUTHOR_DATE", "1700000000 +0100").env("GIT_COMMITTER_DATE", "1700000000 +0100");
        let (status, _, err) = run(command.args(["commit", "--quiet", "--allow-empty", "--message", message]));
        assert_eq!(status, 0, "{err}");
    }

    /// Publishes, which must work; returns what `--format json` says.
    pub(crate) fn publish(&self, args: &[&str]) -> Value {
        publish(self.path(), args)
    }

    /// Tries to publish; returns the exit status and standard error.
    pub(crate) fn try_publish(&self, args: &[&str]) -> (i32, String) {
        let (status, out, err) = run(rmqgit().current_dir(self.path()).arg("publish").args(args));
        assert!(status == 0 || out.is_empty(), "only a success prints data: {out}");
        (status, err)
    }

    /// Makes a clone without anything that was published.
    pub(crate) fn clone(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let from = self.path().to_str().unwrap();
        git(dir.path(), &["clone", "--quiet", "--single-branch", from, "."]);
        Self { dir }
    }
}

fn cluster(net: u32, port: u16) -> String {
    format!(
        "hosts:
  one: {{address: 10.0.{net}.1, interface: eth0}}
  two: {{address: 10.0.{net}.2, interface: eth0}}
rabbitmq:
  nodes: [one, two]
  port: {port}
haproxy:
  hosts: [one, two]
  amqp: {{port: 5673}}
keepalived:
  hosts: [one, two]
  vip: 10.0.{net}.9/24
  virtual_router_id: 51
"
    )
}

pub(crate) fn publish(dir: &Path, args: &[&str]) -> Value {
    let (status, out, err) = run(rmqgit().current_dir(dir).args(["publish", "--format", "json"]).args(args));
    assert_eq!(status, 0, "{err}");
    let value: Value = serde_json::from_str(&out).unwrap();
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/publish.json")).unwrap();
    jsonschema::validate(&serde_json::from_str(&schema).unwrap(), &value).unwrap();
    value
}

/// Returns all refs that rmqgit writes.
pub(crate) fn refs(dir: &Path) -> String {
    git(dir, &["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/rmqgit", "refs/rmqgit"])
}

/// Holds what must be true of every repository after a complete run.
pub(crate) fn check_whole(dir: &Path) {
    assert_eq!(git(dir, &["fsck", "--full", "--strict", "--no-dangling"]), "");
    let hosts = git(dir, &["ls-tree", "-d", "-r", "rmqgit/output"]);
    // CLUSTER/HOST is a path with one slash; `.rmqgit/index` is none of them.
    let hosts: Vec<String> = hosts
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, path)| path.matches('/').count() == 1 && !path.starts_with('.'))
        .map(|(id, path)| format!("{} refs/rmqgit/hosts/{path}\n", id.rsplit(' ').next().unwrap()))
        .collect();
    let refs = git(dir, &["for-each-ref", "--format=%(tree) %(refname)", "refs/rmqgit/hosts"]);
    assert_eq!(refs, hosts.concat());
    let git_dir = PathBuf::from(git(dir, &["rev-parse", "--absolute-git-dir"]).trim());
    let mut open = vec![git_dir];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let left =
                name.starts_with("tmp_") || path.extension().is_some_and(|e| e == "lock") || name == "unfinished";
            if path.is_dir() {
                open.push(path);
            } else {
                assert!(!left, "{} was left behind", path.display());
            }
        }
    }
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn the_tutorial_becomes_a_branch_and_a_ref_per_host() {
    let fleet = Fleet::new(&[]);
    let spec = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tutorial/rmqgit.yaml")).unwrap();
    fleet.write("rmqgit.yaml", &spec);
    fleet.commit("Three brokers\n\nSpec-Commit: not this one\n");
    let release = fleet.publish(&[]);
    let spec = git(fleet.path(), &["rev-parse", "HEAD"]);
    check_whole(fleet.path());

    let show = |format: &str, rev: &str| git(fleet.path(), &["show", "--no-patch", &format!("--format={format}"), rev]);
    let trailers = format!("Spec-Commit: {spec}Rmqgit-Version: {}\n\n", env!("CARGO_PKG_VERSION"));
    let format = "%an <%ae> %ct %cd%n%s%n%(trailers)";
    let expect = |subject: &str| {
        format!("rmqgit <rmqgit@localhost> 1700000000 Tue Nov 14 22:13:20 2023 +0000\n{subject}\n{trailers}")
    };
    assert_eq!(show(format, "rmqgit/output"), expect("Three brokers"));
    assert_eq!(show(format, "refs/rmqgit/hosts/orders/rabbit1"), expect("orders/rabbit1: Three brokers"));
    assert_eq!(names(&release["changed"]), ["orders/rabbit1", "orders/rabbit2", "orders/rabbit3"]);
    insta::assert_snapshot!("tree", git(fleet.path(), &["ls-tree", "-r", "--name-only", "rmqgit/output"]));
    insta::assert_snapshot!("page", git(fleet.path(), &["show", "rmqgit/output:orders/README.md"]));
    insta::assert_snapshot!("picture", git(fleet.path(), &["show", "rmqgit/output:orders/topology.svg"]));
    insta::assert_snapshot!("release_page", git(fleet.path(), &["show", "rmqgit/output:README.md"]));
    let objects = git(fleet.path(), &["count-objects", "-v"]);
    assert!(objects.contains("packs: 1\n"), "one pack for the release: {objects}");
}

#[test]
fn an_unchanged_spec_publishes_nothing() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.publish(&[]);
    fleet.write("NOTES.md", "not part of the spec");
    fleet.commit("Notes");
    let packs = || fs::read_dir(fleet.path().join(".git/objects/pack")).unwrap().count();
    let before = (refs(fleet.path()), packs());
    for args in [&[][..], &["--full"], &["--jobs", "1"]] {
        let release = fleet.publish(args);
        assert_eq!((&release["committed"], &release["pushed"]), (&Value::Bool(false), &Value::Bool(false)), "{args:?}");
    }
    assert_eq!((refs(fleet.path()), packs()), before);
    let (status, out, _) = run(rmqgit().current_dir(fleet.path()).arg("publish"));
    assert_eq!((status, out.split(' ').next()), (0, Some("unchanged")));
}

/// A change of the spec, how many clusters it compiles, and which hosts change and go.
type Step<'a> = (&'a str, &'a dyn Fn(), usize, &'a [&'a str], &'a [&'a str]);

/// What is built upon a release is what a machine makes that has never seen one.
#[test]
fn incremental_and_full_releases_are_the_same_tree() {
    let fleet = Fleet::new(&["a", "b", "c", "d"]);
    fleet.publish(&[]);
    let steps: [Step<'_>; 6] = [
        ("change", &|| fleet.cluster("b", 5680), 1, &["b/one", "b/two"], &[]),
        ("add", &|| fleet.cluster("e", 5672), 1, &["e/one", "e/two"], &[]),
        ("remove", &|| fs::remove_file(fleet.path().join("clusters/a.yaml")).unwrap(), 0, &[], &["a/one", "a/two"]),
        (
            "comment",
            &|| fleet.write("clusters/c.yaml", &format!("# why\n{}", cluster(u32::from(b'c'), 5672))),
            1,
            &[],
            &[],
        ),
        (
            "rename",
            &|| fs::rename(fleet.path().join("clusters/d.yaml"), fleet.path().join("clusters/z.yaml")).unwrap(),
            1,
            &["z/one", "z/two"],
            &["d/one", "d/two"],
        ),
        (
            "defaults",
            &|| fleet.write("rmqgit.yaml", &ROOT.replace("3.10.8", "3.11.28")),
            4,
            &["b/one", "b/two", "c/one", "c/two", "e/one", "e/two", "z/one", "z/two"],
            &[],
        ),
    ];
    for (name, step, compiled, changed, removed) in steps {
        step();
        fleet.commit(name);
        let release = fleet.publish(&["--jobs", "3"]);
        assert_eq!(release["compiled"], compiled, "{name}");
        assert_eq!(
            (names(&release["changed"]).as_slice(), names(&release["removed"]).as_slice()),
            (changed, removed),
            "{name}"
        );
        let fresh = fleet.clone();
        assert_eq!(fresh.publish(&["--jobs", "1"])["tree"], release["tree"], "{name}");
        check_whole(fleet.path());
        check_whole(fresh.path());
    }
}

#[test]
fn two_machines_make_the_same_commits() {
    let fleet = Fleet::new(&["a", "b", "c"]);
    let (one, two) = (fleet.clone(), fleet.clone());
    one.publish(&["--jobs", "1"]);
    two.publish(&["--jobs", "4"]);
    assert_eq!(refs(one.path()), refs(two.path()));
}

#[test]
fn all_faults_of_all_files_and_nothing_written() {
    let fleet = Fleet::new(&["a", "b", "c"]);
    fleet.publish(&[]);
    let before = refs(fleet.path());
    fleet.write("clusters/a.yaml", &format!("{}  colour: red\n", cluster(u32::from(b'a'), 5672)));
    fleet.write("clusters/b.yaml", &cluster(u32::from(b'b'), 5672).replace("10.0.98.1", "10.0.98.1111"));
    fleet.commit("Wrong");
    let (status, err) = fleet.try_publish(&[]);
    insta::assert_snapshot!("faults", without_warnings(&err));
    assert_eq!((status, refs(fleet.path())), (1, before.clone()));

    // A clash of a changed file with one that nobody parses again.
    fleet.cluster("a", 5672);
    fleet.write("clusters/b.yaml", &cluster(u32::from(b'c'), 5672));
    fleet.commit("Clash");
    let (status, err) = fleet.try_publish(&[]);
    insta::assert_snapshot!("clash", without_warnings(&err));
    assert_eq!((status, refs(fleet.path())), (1, before));
    check_whole(fleet.path());
}

#[test]
fn a_release_does_not_shrink_by_accident() {
    let fleet = Fleet::new(&["a", "b", "c"]);
    fleet.publish(&[]);
    let before = refs(fleet.path());
    for name in ["a", "b"] {
        fs::remove_file(fleet.path().join(format!("clusters/{name}.yaml"))).unwrap();
    }
    fleet.commit("Remove two");
    let refused = "rmqgit: the spec has 2 of the 6 published hosts left; a release that loses more than half is refused\n  \
                   help: if that is what you want, add `--allow-shrink`\n";
    assert_eq!(fleet.try_publish(&[]), (3, refused.to_owned()));
    assert_eq!(refs(fleet.path()), before);
    let release = fleet.publish(&["--allow-shrink"]);
    assert_eq!(names(&release["removed"]), ["a/one", "a/two", "b/one", "b/two"]);
    check_whole(fleet.path());
    fs::remove_file(fleet.path().join("clusters/c.yaml")).unwrap();
    fleet.commit("Remove all");
    let (status, err) = fleet.try_publish(&[]);
    assert_eq!((status, err.lines().next()), (3, Some("rmqgit: the spec has no cluster; an empty release is refused")));
}

#[test]
fn the_commit_is_published_and_not_the_working_tree() {
    let fleet = Fleet::new(&["a"]);
    fleet.write("clusters/a.yaml", "not even a cluster");
    let (status, err) = fleet.try_publish(&[]);
    assert_eq!(status, 0);
    let said = "rmqgit: `clusters/a.yaml` has changes that are not committed, and are not published\n";
    assert_eq!(without_warnings(&err), said);
    let published = refs(fleet.path());
    // A bare repository has no working tree at all.
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["clone", "--quiet", "--bare", "--single-branch", fleet.path().to_str().unwrap(), "."]);
    publish(bare.path(), &[]);
    assert_eq!(refs(bare.path()), published);
    check_whole(bare.path());
}

#[test]
fn what_a_hand_did_to_the_branch_is_undone() {
    let fleet = Fleet::new(&["a", "b"]);
    let tree = fleet.publish(&[])["tree"].clone();
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("out");
    git(fleet.path(), &["worktree", "add", "--quiet", path.to_str().unwrap(), "rmqgit/output"]);
    fs::write(path.join("a/one/rootfs/etc/hosts"), "edited").unwrap();
    git(&path, &["commit", "--quiet", "--all", "--message", "By hand"]);
    git(fleet.path(), &["worktree", "remove", path.to_str().unwrap()]);
    let release = fleet.publish(&[]);
    assert_eq!((&release["tree"], &release["compiled"]), (&tree, &Value::from(2)));
    check_whole(fleet.path());
}

#[test]
fn refusals_say_what_to_do() {
    let fleet = Fleet::new(&["a"]);
    let check = |args: &[&str], expect: &str| assert_eq!(fleet.try_publish(args), (3, expect.to_owned()), "{args:?}");
    check(
        &["--branch", "main"],
        "rmqgit: `main` is checked out here; only rmqgit writes it\n  help: check out the branch of the spec\n",
    );
    check(
        &["--branch", "a..b"],
        "rmqgit: `a..b` cannot be the name of a branch\n  help: give a name such as `rmqgit/output`\n",
    );
    fleet.cluster("README.md", 5672);
    fleet.commit("A name that is taken");
    check(&[], "rmqgit: `README.md` cannot be the name of a cluster or a host: a page of the release has it\n");
    fs::remove_file(fleet.path().join("rmqgit.yaml")).unwrap();
    fleet.commit("No spec");
    check(
        &[],
        "rmqgit: `HEAD` holds no `rmqgit.yaml`\n  help: commit a `rmqgit.yaml` at the root of the repository (`rmqgit init`)\n",
    );
    assert_eq!(refs(fleet.path()), "");
}
