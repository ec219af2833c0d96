//! The settings of a text on both sides, whatever its syntax: what came, what went, what has another value.

use std::collections::BTreeMap;

use crate::policy::text::Setting;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Differs {
    /// Where it stands.
    pub(super) place: String,
    /// Its name; empty is the place itself, which is new or gone.
    pub(super) key: String,
    /// Its value on the old side.
    pub(super) from: Option<String>,
    /// Its value on the new side.
    pub(super) to: Option<String>,
}

/// The values of a setting, by place and name, in the order of the text.
type Values = BTreeMap<(String, String), Vec<String>>;

/// Compares settings; `name` says how many words of a line are its name.
pub(super) fn differing(old: &[Setting], new: &[Setting], name: impl Fn(&Setting) -> usize) -> Vec<Differs> {
    // Most of a text is as it was, and is not looked at any further.
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[same..], &new[same..]);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - same], &new[..new.len() - same]);
    let values = |settings: &[Setting]| {
        let mut values = Values::new();
        for setting in settings {
            let (key, value) = setting.words.split_at(name(setting).min(setting.words.len()));
            values.entry((setting.place.clone(), key.join(" "))).or_default().push(value.join(" "));
        }
        values
    };
    let (old, new) = (values(old), values(new));
    let place = |place: &str| (place.to_owned(), String::new());
    let mut found = Vec::new();
    for (at, key) in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        // What stands in a section that comes or goes is no news beside that.
        if !key.is_empty() && old.contains_key(&place(at)) != new.contains_key(&place(at)) {
            continue;
        }
        let of = |side: &Values| side.get(&(at.clone(), key.clone())).cloned().unwrap_or_default();
        let (mut gone, mut come) = (of(&old), of(&new));
        come.retain(|value| match gone.iter().position(|other| other == value) {
            Some(same) => {
                gone.remove(same);
                false
            }
            None => true,
        });
        let mut come = come.into_iter();
        for from in gone {
            found.push(Differs { place: at.clone(), key: key.clone(), from: Some(from), to: come.next() });
        }
        found.extend(come.map(|to| Differs { place: at.clone(), key: key.clone(), from: None, to: Some(to) }));
    }
    found.sort_by(|a, b| (&a.place, &a.key).cmp(&(&b.place, &b.key)));
    found
}

/// Says how a value changes, such as `: 1 instead of 2`.
pub(super) fn change(from: Option<&str>, to: Option<&str>) -> String {
    let shown = |value: &str| if value.is_empty() { "set".to_owned() } else { value.to_owned() };
    match (from, to) {
        (Some(from), Some(to)) => format!("{} → {}", shown(from), shown(to)),
        (None, Some("")) => "new".to_owned(),
        (None, Some(to)) => format!("{to} (new)"),
        (Some(""), None) => "gone".to_owned(),
        (Some(from), None) => format!("gone (was {from})"),
        (None, None) => "the same".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Vec<Setting> {
        crate::policy::text::haproxy::outline(text)
    }

    #[test]
    fn what_comes_goes_and_changes() {
        let old = settings("listen a\nbind *:1\nbind *:2\nbalance source\nlisten b\nmode tcp\n");
        let new = settings("listen a\nbind *:2\nbind *:3\nmode tcp\nlisten c\nmode tcp\n");
        let found = differing(&old, &new, |_| 1);
        let shown: Vec<String> = found
            .iter()
            .map(|one| format!("{} {}: {}", one.place, one.key, change(one.from.as_deref(), one.to.as_deref())))
            .collect();
        assert_eq!(
            shown,
            [
                "listen a balance: gone (was source)",
                "listen a bind: *:1 → *:3",
                "listen a mode: tcp (new)",
                "listen b : gone",
                "listen c : new",
            ]
        );
    }
}
