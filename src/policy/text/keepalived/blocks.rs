//! `global_defs` and `vrrp_script`, and the values that more than one block has.

use super::words::Node;
use super::{Judge, Kind, Script};
use crate::policy::text::Verdict;

impl Judge {
    pub(super) fn global_defs(&mut self, node: &Node<'_>) {
        for line in node.inside() {
            if !self.known("global_defs", line) {
                continue;
            }
            match line.word(0) {
                "enable_script_security" => self.security = Some(line.line),
                "script_user" => self.script_user = true,
                "vrrp_version" => self.version3 = line.word(1) == "3",
                "vrrp_strict" => self.strict = true,
                "vrrp_garp_interval" | "vrrp_gna_interval" if self.since(2, 0, 0) => {
                    self.decimal(line, 0.000_001, 4294.0, "more than 0");
                }
                "router_id" => {
                    self.value(line);
                }
                _ => {}
            }
        }
    }

    pub(super) fn script(&mut self, node: &Node<'_>) {
        self.once(node, &["script", "interval", "timeout", "weight", "rise", "fall", "user"]);
        let mut script = Script { name: node.word(1).to_owned(), line: node.line, ..Script::default() };
        for line in node.inside() {
            if !self.known("vrrp_script", line) || !self.value(line) {
                continue;
            }
            match line.word(0) {
                "script" => self.command(line, &mut script),
                "user" => script.user = true,
                "weight" => script.weight = self.whole_number(line, -253, 253).unwrap_or_default(),
                "rise" | "fall" => {
                    self.whole_number(line, 1, i64::from(i32::MAX));
                }
                "interval" | "timeout" => self.decimal(line, 0.001, 1_000_000.0, "more than 0"),
                _ => {}
            }
        }
        if self.scripts.iter().any(|other| other.name == script.name) {
            self.add(node.line, Kind::RepeatedInstance, Verdict::Refused, &script.name, "");
        }
        self.scripts.push(script);
    }

    /// A command with arguments is one quoted word; what stands behind that is dropped.
    fn command(&mut self, line: &Node<'_>, script: &mut Script) {
        let command = line.word(1);
        script.command = Some((line.line, command.to_owned()));
        if line.words.len() > 2 {
            self.add(line.line, Kind::DroppedWords, Verdict::Silent, command, line.words[2..].join(" "));
        }
        let program = command.split(' ').next().unwrap_or_default();
        if !program.starts_with(['/', '<', '$']) {
            self.add(line.line, Kind::RelativeScript, Verdict::Silent, program, "");
        }
    }

    /// Tells whether a line has a value where it needs one.
    pub(super) fn value(&mut self, line: &Node<'_>) -> bool {
        let needs = line.block.is_none() && line.words.len() < 2 && !matches!(line.word(0), "init_fail" | "user");
        if needs {
            self.add(line.line, Kind::MissingValue, Verdict::Refused, line.word(0), "");
        }
        !needs
    }

    /// Returns the whole number of a line if it is in a range.
    pub(super) fn whole_number(&mut self, line: &Node<'_>, least: i64, most: i64) -> Option<i64> {
        let value = line.word(1);
        if self.is_parameter(value) {
            return None;
        }
        let number = value.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            let range =
                if most == i64::from(i32::MAX) { format!("at least {least}") } else { format!("{least} to {most}") };
            self.add(line.line, Kind::BadNumber, Verdict::Refused, &line.words.join(" "), range);
        }
        number
    }

    /// Judges whether the number of a line is in a range.
    pub(super) fn decimal(&mut self, line: &Node<'_>, least: f64, most: f64, range: &str) {
        let value = line.word(1);
        let fits = value.parse::<f64>().is_ok_and(|number| (least..=most).contains(&number));
        if !fits && !self.is_parameter(value) {
            self.add(line.line, Kind::BadNumber, Verdict::Refused, &line.words.join(" "), range);
        }
    }
}
