//! A commit and the signature in its header, as Git writes it: gitformat-signature(5).

/// The header that holds the signature.
const HEADER: &[u8] = b"gpgsig ";
/// The header of a signature over the commit's other form, in repositories that move to SHA-256.
const OTHER_HEADER: &[u8] = b"gpgsig-sha256 ";

/// A commit without its signature, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What was signed: the commit without the header of the signature.
    pub payload: Vec<u8>,
    /// The signature, in its armour.
    pub armor: Option<Vec<u8>>,
    /// When it was committed, in seconds since 1970: for a signed commit, when it was signed.
    pub time: i64,
}

/// Takes a commit and its signature apart; `None` if the bytes are no commit, or one with more than one signature.
pub fn split(commit: &[u8]) -> Option<Split> {
    let end = commit.windows(2).position(|two| two == b"\n\n")? + 1;
    let (head, rest) = commit.split_at(end);
    let mut payload = Vec::with_capacity(commit.len());
    let mut armor: Option<Vec<u8>> = None;
    let mut time = None;
    let mut inside = false;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if inside && let Some(more) = line.strip_prefix(b" ") {
            armor.get_or_insert_default().extend_from_slice(more);
            continue;
        }
        inside = false;
        if line.starts_with(OTHER_HEADER) {
            return None;
        } else if let Some(first) = line.strip_prefix(HEADER) {
            if armor.is_some() {
                return None;
            }
            armor = Some(first.to_vec());
            inside = true;
            continue;
        } else if let Some(who) = line.strip_prefix(b"committer ") {
            if time.is_some() {
                return None;
            }
            time = Some(std::str::from_utf8(who).ok()?.trim_end().rsplit(' ').nth(1)?.parse().ok()?);
        }
        payload.extend_from_slice(line);
    }
    payload.extend_from_slice(rest);
    Some(Split { payload, armor, time: time? })
}

/// Puts a signature into a commit that has none, where Git puts it: after the other headers.
pub fn seal(payload: &[u8], armor: &str) -> Vec<u8> {
    let end = payload.windows(2).position(|two| two == b"\n\n").map_or(payload.len(), |at| at + 1);
    let mut sealed = payload[..end].to_vec();
    for (number, line) in armor.trim_end().lines().enumerate() {
        sealed.extend_from_slice(if number == 0 { HEADER } else { b" " });
        sealed.extend_from_slice(line.as_bytes());
        sealed.push(b'\n');
    }
    sealed.extend_from_slice(&payload[end..]);
    sealed
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 1 +0000\n\
                          committer A <a@b> 2 +0100\n\nSubject\n\ngpgsig of the message\n";

    #[test]
    fn what_is_sealed_comes_apart_again() {
        let sealed = seal(COMMIT.as_bytes(), "BEGIN\nabc\n\nEND\n");
        let text = String::from_utf8(sealed.clone()).expect("text");
        assert!(text.contains("2 +0100\ngpgsig BEGIN\n abc\n \n END\n\nSubject"), "{text}");
        let split = split(&sealed).expect("a commit");
        assert_eq!(split.payload, COMMIT.as_bytes());
        assert_eq!((split.armor.as_deref(), split.time), (Some(&b"BEGIN\nabc\n\nEND\n"[..]), 2));
    }

    #[test]
    fn odd_commits_are_none() {
        let check = |text: &str, time: Option<i64>| {
            assert_eq!(split(text.as_bytes()).map(|split| split.time), time, "{text}");
        };
        check(COMMIT, Some(2));
        check("", None);
        check("tree x\ncommitter A <a@b> 2 +0000\n", None);
        check("tree x\n\nno committer\n", None);
        check("tree x\ncommitter A <a@b> soon +0000\n\n", None);
        check("tree x\ncommitter A <a@b> 1 +0000\ncommitter A <a@b> 2 +0000\n\n", None);
        check("tree x\ncommitter A <a@b> 1 +0000\ngpgsig a\n b\ngpgsig c\n d\n\n", None);
        check("tree x\ncommitter A <a@b> 1 +0000\ngpgsig-sha256 a\n b\n\n", None);
    }
}
