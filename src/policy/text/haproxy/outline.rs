//! The settings of a haproxy.cfg, section by section, whether or not they are right.

use super::words::Line;
use crate::policy::text::Setting;

/// The words that begin a section (configuration manual 3.2, "2.1. Configuration file format" and the chapters of each).
const SECTIONS: [&str; 19] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "peers",
    "resolvers",
    "userlist",
    "mailers",
    "program",
    "cache",
    "ring",
    "log-forward",
    "log-profile",
    "http-errors",
    "fcgi-app",
    "crt-store",
    "acme",
    "traces",
];

/// Returns the settings in their order. A line that cannot be read is a setting of the words before the fault.
pub fn outline(text: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut place = String::new();
    let mut line = Line::default();
    for source in text.lines() {
        line.split(source, true);
        let words: Vec<String> = line.words.iter().map(|word| word.clone().into_owned()).collect();
        match words.first() {
            None => {}
            Some(first) if SECTIONS.contains(&first.as_str()) => {
                place = words.join(" ");
                settings.push(Setting { place: place.clone(), words: Vec::new() });
            }
            Some(_) => settings.push(Setting { place: place.clone(), words }),
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_know_their_section() {
        let text = "# x\nglobal\n  log /dev/log local0 # y\nlisten a\n\n  bind *:1\n";
        let shown: Vec<String> = outline(text).iter().map(|s| format!("{}|{}", s.place, s.words.join(" "))).collect();
        assert_eq!(shown, ["global|", "global|log /dev/log local0", "listen a|", "listen a|bind *:1"]);
    }
}
