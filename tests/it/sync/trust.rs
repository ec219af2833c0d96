//! Whom a host believes: releases signed by real Git and OpenSSH, and all that is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rmqgit::name::HostName;
use rmqgit::plan::FindingCode;
use rmqgit::release::Bundle;
use rmqgit::report::{Report, Verdict};
use rmqgit::trust::commit::{seal, split};

use super::site::{Site, text};
use crate::fetch::origin::{REF, bundle, git, git_bytes};
use crate::signing::Keys;

/// A file that every release of these tests has.
const FILE: &str = "/etc/motd";

/// A host, and the people who sign for it.
pub(super) struct Signed {
    pub(super) site: Site,
    pub(super) keys: Keys,
}

impl Signed {
    /// A host that trusts Ann, has seen Bob and takes nothing unsigned.
    pub(super) fn new() -> Self {
        let keys = Keys::new(&["ann", "eve", "old", "soon", "files", "lost"]);
        let mut site = Site::new();
        let line = |name: &str, options: &str| format!("{name}@example.org {options}{}\n", keys.public(name));
        let lines = [
            line("ann", ""),
            line("old", "valid-before=\"20200101\" "),
            line("soon", "valid-after=\"21000101\" "),
            line("files", "namespaces=\"file\" "),
            line("lost", ""),
        ];
        site.put("/etc/rmqgit/allowed_signers", &lines.concat(), 0o644);
        site.put("/etc/rmqgit/revoked_keys", &format!("{}\n", keys.public("lost")), 0o644);
        site.files.insert(super::site::path(FILE), text("one\n"));
        site.files.insert(super::site::path("/etc/issue"), text("hello\n"));
        Self { site, keys }
    }

    /// Stores the release's files as a tree of a commit that nothing names.
    fn tree(&self, bundle: &Bundle) -> String {
        self.site.origin.commit("refs/heads/scratch", None, &bundle.store());
        self.site.origin.git(&["rev-parse", "refs/heads/scratch^{tree}"])
    }

    fn bundle(&self) -> Bundle {
        Bundle { artifacts: self.site.files.clone(), ..bundle(0) }
    }

    fn tip(&self) -> String {
        self.site.origin.git(&["for-each-ref", "--format=%(objectname)", REF])
    }

    /// Makes the commit of a release with real Git, after the newest one, signed by a key or by nobody.
    fn commit(&self, bundle: &Bundle, key: Option<&str>, date: &str) -> String {
        let (tree, tip) = (self.tree(bundle), self.tip());
        let message = format!("orders/rabbit1: release\n\nSpec-Commit: {}\n", "1".repeat(40));
        let mut command = Command::new("git");
        command.current_dir(self.site.origin.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "gpg.format=ssh"]);
        if let Some(key) = key {
            command.args(["-c", &format!("user.signingKey={}", self.keys.arg(key))]);
        }
        command.args(["commit-tree", &tree, "-m", &message]);
        if !tip.is_empty() {
            command.args(["-p", &tip]);
        }
        if key.is_some() {
            command.arg("-S");
        }
        if !date.is_empty() {
            command.env("GIT_COMMITTER_DATE", date);
        }
        let (status, out, err) = crate::run(&mut command);
        assert_eq!(status, 0, "{err}");
        out.trim().to_owned()
    }

    /// Writes the bytes of a commit into the remote.
    fn write(&self, bytes: &[u8]) -> String {
        git(&self.site.origin.path(), &["hash-object", "-t", "commit", "-w", "--stdin"], bytes)
    }

    fn read(&self, commit: &str) -> Vec<u8> {
        git_bytes(&self.site.origin.path(), &["cat-file", "commit", commit], b"")
    }

    fn offer(&self, commit: &str) {
        self.site.origin.git(&["update-ref", REF, commit]);
    }

    fn publish(&self, key: &str) -> String {
        let commit = self.commit(&self.bundle(), Some(key), "");
        self.offer(&commit);
        commit
    }

    fn sync(&self) -> (i32, Report) {
        self.site.sync(&["--mode", "converge", "--signatures", "required"])
    }

    /// What the host remembers of releases.
    fn memory(&self) -> String {
        let refs = git(
            &self.site.live("/var/lib/rmqgit/repo.git"),
            &["for-each-ref", "--format=%(refname) %(objectname)"],
            b"",
        );
        refs + &self.site.get("/var/lib/rmqgit/state.json")
    }

    /// Offers a commit that must be refused: the host keeps what it has, and drift is still repaired.
    fn refused(&self, commit: &str, code: FindingCode, message: &str) {
        let before = (self.tip(), self.memory());
        self.offer(commit);
        self.site.put(FILE, "drifted\n", 0o644);
        let (status, report) = self.sync();
        assert_eq!((status, report.verdict), (3, Verdict::Failed), "{report:#?}");
        let found: Vec<_> = report.findings.iter().map(|one| (one.code, one.message.as_str())).collect();
        let message = message.replace("COMMIT", &commit[..10]);
        assert_eq!(found, [(code, message.as_str())]);
        assert!(!report.findings[0].help.is_empty());
        assert_eq!(
            report.failures.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(),
            ["the release is refused"]
        );
        assert!(report.release.as_ref().is_some_and(|release| !release.newest), "{report:#?}");
        assert_eq!(self.site.get(FILE), "one\n");
        assert_eq!(self.memory(), before.1, "{code:?}: the host remembers something of it");
        self.offer(&before.0);
    }

    fn print(&self, key: &str) -> String {
        let (_, out, _) = crate::run(Command::new("ssh-keygen").arg("-lf").arg(self.keys.path(key)));
        out.split(' ').nth(1).unwrap().to_owned()
    }
}

#[test]
fn what_git_signs_is_followed() {
    let signed = Signed::new();
    signed.publish("ann");
    let (status, report) = signed.sync();
    assert_eq!((status, report.verdict), (0, Verdict::Converged), "{report:#?}");
    let by = format!("ann@example.org {}", signed.print("ann"));
    assert_eq!(report.release.unwrap().signer, Some(by));
    let text = signed.site.text(&["--signatures", "required"]);
    assert_eq!(text, "orders/rabbit1: in sync, release COMMIT, signed by ann@example.org, mode report\n[exit 0]");
}

#[test]
fn what_nobody_trusted_has_signed_is_refused() {
    let mut signed = Signed::new();
    signed.keys.make("rsa", &["-t", "rsa", "-N", ""]);
    signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    signed.site.files.insert(super::site::path(FILE), text("two\n"));
    let made = |key: Option<&str>| signed.commit(&signed.bundle(), key, "");
    let by = |key: &str, why: &str| format!("release COMMIT, signed by {}, is refused: {why}", signed.print(key));
    let check = |commit: &str, code, message: &str| signed.refused(commit, code, message);
    let unsigned = made(None);
    check(&unsigned, FindingCode::UnsignedRelease, "release COMMIT is refused: it is not signed");
    let unknown = by("eve", "nobody who is trusted here has that key");
    check(&made(Some("eve")), FindingCode::UnknownSigner, &unknown);
    let old = by("old", "that key was valid until 2020-01-01T00:00:00Z");
    check(&made(Some("old")), FindingCode::ExpiredSigner, &old);
    // Neither helps a date of then, which Git would believe.
    let backdated = signed.commit(&signed.bundle(), Some("old"), "2019-06-01T00:00:00Z");
    check(&backdated, FindingCode::ExpiredSigner, &old);
    let soon = by("soon", "that key is valid from 2100-01-01T00:00:00Z on");
    check(&made(Some("soon")), FindingCode::EarlySigner, &soon);
    let files = by("files", "that key may sign for `file` only, not for `git`");
    check(&made(Some("files")), FindingCode::WrongNamespace, &files);
    check(&made(Some("lost")), FindingCode::RevokedSigner, &by("lost", "that key is revoked on this host"));
    let rsa = "release COMMIT is refused: it is signed by a key of type ssh-rsa, which rmqgit does not verify";
    check(&made(Some("rsa")), FindingCode::UnsupportedKey, rsa);

    // Signatures of Ann's that are not for this.
    let payload = signed.read(&unsigned);
    fs::write(signed.keys.path("payload"), &payload).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-Y", "sign", "-n", "file", "-f"]).arg(signed.keys.path("ann")).arg(signed.keys.path("payload"));
    let (status, _, err) = crate::run(&mut keygen);
    assert_eq!(status, 0, "{err}");
    let armor = fs::read_to_string(signed.keys.path("payload.sig")).unwrap();
    let other = "release COMMIT is refused: its signature is for `file`, not for `git`";
    check(&signed.write(&seal(&payload, &armor)), FindingCode::WrongNamespace, other);
    let genuine = signed.read(&signed.tip());
    let armor = String::from_utf8(split(&genuine).unwrap().armor.unwrap()).unwrap();
    let forged = "release COMMIT is refused: its signature is not over this commit";
    check(&signed.write(&seal(&payload, &armor)), FindingCode::BadSignature, forged);
    let unreadable = "release COMMIT is refused: its signature is not readable";
    let line = armor.lines().nth(1).unwrap();
    for damaged in [armor.replace(line, ""), armor.replace(line, &line[1..]), format!("{armor} more\n")] {
        check(&signed.write(&seal(&payload, &damaged)), FindingCode::BadSignature, unreadable);
    }
    let twice = seal(&seal(&payload, &armor), &armor);
    check(&signed.write(&twice), FindingCode::BadSignature, unreadable);
    let gpg = "release COMMIT is refused: its signature is not one of an SSH key";
    let armor = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";
    check(&signed.write(&seal(&payload, armor)), FindingCode::BadSignature, gpg);

    // And the one that is right is followed.
    signed.offer(&made(Some("ann")));
    assert_eq!(signed.sync().0, 0);
    assert_eq!(signed.site.get(FILE), "two\n");
}

/// A signature names no host by itself: what it is over must.
#[test]
fn a_signed_release_counts_for_its_own_host_only() {
    let signed = Signed::new();
    signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    let other = HostName::parse("rabbit2").unwrap();
    let commit = signed.commit(&Bundle { host: other, ..signed.bundle() }, Some("ann"), "");
    let message = "release COMMIT is for host `orders/rabbit2`, not for this one";
    signed.refused(&commit, FindingCode::OtherHost, message);
    let other = rmqgit::name::ClusterName::parse("bills").unwrap();
    let commit = signed.commit(&Bundle { cluster: other, ..signed.bundle() }, Some("ann"), "");
    signed.refused(&commit, FindingCode::OtherCluster, "release COMMIT is for host `bills/rabbit1`, not for this one");
    // A tree that is not one of rmqgit's.
    let mut files = signed.bundle().store();
    files.insert("rootfs/etc/shadow".to_owned(), b"root::\n".to_vec());
    signed.site.origin.commit("refs/heads/scratch", None, &files);
    let tree = signed.site.origin.git(&["rev-parse", "refs/heads/scratch^{tree}"]);
    let bytes = String::from_utf8(signed.read(&signed.commit(&signed.bundle(), None, ""))).unwrap();
    let bytes = format!("tree {tree}{}", &bytes[45..]);
    fs::write(signed.keys.path("payload"), &bytes).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-Y", "sign", "-n", "git", "-f"]).arg(signed.keys.path("ann")).arg(signed.keys.path("payload"));
    assert_eq!(crate::run(&mut keygen).0, 0);
    let armor = fs::read_to_string(signed.keys.path("payload.sig")).unwrap();
    let commit = signed.write(&seal(bytes.as_bytes(), &armor));
    let message = format!(
        "release {commit} is not a bundle: `rootfs/etc/shadow` is in the manifest or in the tree, but not in both"
    );
    signed.refused(&commit, FindingCode::MalformedRelease, &message);
}

#[test]
fn a_signed_release_that_goes_back_or_aside_is_refused() {
    let mut signed = Signed::new();
    let first = signed.publish("ann");
    signed.site.files.insert(super::site::path("/etc/more"), text("more\n"));
    let second = signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    signed.offer(&first);
    signed.site.files.insert(super::site::path("/etc/more"), text("other\n"));
    let aside = signed.publish("ann");
    signed.offer(&second);
    // The host has only ever seen the second one, and cannot tell back from aside.
    let message = format!("the remote offers release COMMIT, which does not come after {}", &second[..10]);
    signed.refused(&first, FindingCode::ForkedRelease, &message);
    signed.refused(&aside, FindingCode::ForkedRelease, &message);
    let third = signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    let message = format!("the remote offers release COMMIT, which came before {}", &third[..10]);
    signed.refused(&second, FindingCode::RewoundRelease, &message);
}

#[test]
fn an_empty_or_shrunken_release_is_refused_whoever_signed() {
    let mut signed = Signed::new();
    signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    for n in 0..3 {
        signed.site.files.insert(super::site::path(&format!("/etc/f{n}")), text("x\n"));
    }
    signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    let all = signed.site.files.clone();
    for (left, code) in [(0, FindingCode::EmptyRelease), (2, FindingCode::ShrunkenRelease)] {
        signed.site.files = all.clone().into_iter().take(left).collect();
        signed.publish("ann");
        signed.site.put(FILE, "drifted\n", 0o644);
        let (status, report) = signed.sync();
        assert_eq!((status, report.findings[0].code), (3, code), "{report:#?}");
        assert_eq!(signed.site.get(FILE), "one\n", "the last good release is in force");
        assert_eq!(signed.site.get("/etc/f2"), "x\n");
    }
}

/// The signature is over the commit, the commit names the tree, and each name is the digest of what it names.
#[test]
fn objects_are_what_their_names_say() {
    let signed = Signed::new();
    signed.publish("ann");
    assert_eq!(signed.sync().0, 0);
    let mut signed = signed;
    signed.site.files.insert(super::site::path(FILE), text("two\n"));
    let commit = signed.publish("ann");
    let origin = signed.site.origin.path();
    let objects = origin.join("objects");
    let place = |id: &str| objects.join(&id[..2]).join(&id[2..]);
    let good = signed.site.origin.git(&["rev-parse", &format!("{commit}:rootfs{FILE}")]);
    let evil = git(&origin, &["hash-object", "-w", "--stdin"], b"evil\n");
    fs::set_permissions(place(&good), fs::Permissions::from_mode(0o644)).unwrap();
    fs::copy(place(&evil), place(&good)).unwrap();
    let before = signed.memory();
    let (status, report) = signed.sync();
    assert_eq!((status, report.verdict), (3, Verdict::Failed));
    assert_eq!((signed.site.get(FILE), signed.memory()), ("one\n".to_owned(), before), "{report:#?}");
}

#[test]
fn nobody_is_trusted_by_accident() {
    let signed = Signed::new();
    signed.publish("ann");
    let path = "/etc/rmqgit/allowed_signers";
    let whole = signed.site.get(path);
    let check = |code: FindingCode, message: &str| {
        let (status, report) = signed.sync();
        assert_eq!(status, 3);
        let found: Vec<_> = report.findings.iter().map(|one| (one.code, signed.site.redact(&one.message))).collect();
        assert_eq!(found, [(code, message.to_owned())]);
        assert!(!signed.site.live(FILE).exists());
    };
    fs::remove_file(signed.site.live(path)).unwrap();
    let none = "`DIR/root/etc/rmqgit/allowed_signers` names no key, so no release can be trusted";
    check(FindingCode::NoSigners, none);
    signed.site.put(path, "# nobody yet\n", 0o644);
    check(FindingCode::NoSigners, none);
    signed.site.put(path, &format!("* cert-authority {}\n", signed.keys.public("ann")), 0o644);
    check(
        FindingCode::UnreadableSigners,
        "`DIR/root/etc/rmqgit/allowed_signers`, line 1: certificate authorities are not supported: name each signer's own \
         key",
    );
    signed.site.put(path, &whole, 0o666);
    check(FindingCode::UnreadableSigners, "others may write `DIR/root/etc/rmqgit/allowed_signers` (mode 0666, user 0)");
    signed.site.put(path, &whole, 0o644);
    signed.site.put("/etc/rmqgit/revoked_keys", "what\n", 0o644);
    check(
        FindingCode::UnreadableSigners,
        "`DIR/root/etc/rmqgit/revoked_keys`, line 1: it is neither a public key nor a fingerprint",
    );
    fs::remove_file(signed.site.live("/etc/rmqgit/revoked_keys")).unwrap();
    assert_eq!(signed.sync().0, 0);
}

#[test]
fn a_signature_grows_old_and_its_key_may_end_after_it_was_accepted() {
    let signed = Signed::new();
    let commit = signed.commit(&signed.bundle(), Some("ann"), "2024-06-01T00:00:00Z");
    signed.offer(&commit);
    let (status, report) = signed.sync();
    assert_eq!((status, report.verdict), (1, Verdict::Converged));
    assert_eq!(report.findings.iter().map(|one| one.code).collect::<Vec<_>>(), [FindingCode::StaleRelease]);
    let (_, report) = signed.site.sync(&["--signatures", "required", "--max-age", "0"]);
    assert_eq!(report.findings, []);
    // The key ended a year ago, and the release was accepted before that.
    let line = format!("ann valid-before=\"20250101\" {}\n", signed.keys.public("ann"));
    signed.site.put("/etc/rmqgit/allowed_signers", &line, 0o644);
    let (status, report) = signed.sync();
    assert_eq!((status, report.findings[0].code), (3, FindingCode::ExpiredSigner));
    let state = signed.site.get("/var/lib/rmqgit/state.json");
    let at = state.split("\"at\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    signed.site.put("/var/lib/rmqgit/state.json", &state.replace(&at, "2024-06-02T00:00:00Z"), 0o600);
    let (status, report) = signed.sync();
    assert_eq!((status, report.findings[0].code), (1, FindingCode::StaleRelease), "{report:#?}");
    // Revoked is revoked, whenever it was accepted: what is in force stays, and the report says so every time.
    signed.site.put("/etc/rmqgit/revoked_keys", &format!("{}\n", signed.keys.public("ann")), 0o644);
    signed.site.put(FILE, "drifted\n", 0o644);
    let (status, report) = signed.sync();
    assert_eq!((status, report.findings[0].code), (3, FindingCode::RevokedSigner));
    assert_eq!(signed.site.get(FILE), "one\n");
}
