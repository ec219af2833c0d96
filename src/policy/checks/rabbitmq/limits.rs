//! Limits of memory and disk.

use crate::model::{Broker, ConfigValue};
use crate::policy::{Finding, Subject};

/// The least that a production node should keep free (<https://www.rabbitmq.com/docs/production-checklist>: 2 GB is a
/// common value; 50 MB is the default, for tests). Below a quarter of it a single burst of messages fills the disk.
const LEAST_FREE: f64 = 512e6;

/// Finds a limit of free disk space that is too small to be of use.
pub(in crate::policy) fn disk_free(subject: &Subject<'_>) -> Vec<Finding> {
    let broker = &subject.cluster.broker;
    let absolute = broker.config.get("disk_free_limit.absolute");
    let said = |text: &str| {
        broker.extra.iter().any(|line| line.contains(text))
            || broker.advanced.as_ref().is_some_and(|terms| terms.contains(text))
    };
    match absolute {
        None if broker.config.contains_key("disk_free_limit.relative") || said("disk_free_limit") => Vec::new(),
        None => vec![
            Finding::new()
                .with("limit", "50 MB")
                .with("default", true)
                .at(&["rabbitmq", "config"], "no `disk_free_limit`"),
        ],
        Some(setting) => {
            let bytes = match &setting.value {
                ConfigValue::Int(bytes) => bytes.to_string().parse().ok(),
                ConfigValue::Text(text) => size(text),
                _ => None,
            };
            let small = bytes.is_some_and(|bytes: f64| bytes < LEAST_FREE);
            let finding = || Finding::new().with("limit", shown(broker)).with("default", false);
            if small { vec![finding().at_place(setting.place, "this limit")] } else { Vec::new() }
        }
    }
}

fn shown(broker: &Broker) -> String {
    match broker.config.get("disk_free_limit.absolute").map(|setting| &setting.value) {
        Some(ConfigValue::Int(bytes)) => format!("{bytes} bytes"),
        Some(ConfigValue::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// Reads a size such as `4GB` or `512MiB` as bytes; which thousand a unit means makes no difference here.
fn size(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.trim().parse().ok()?;
    let unit = match text[digits.len()..].chars().next().map(|c| c.to_ascii_lowercase()) {
        None => 1.0,
        Some('k') => 1e3,
        Some('m') => 1e6,
        Some('g') => 1e9,
        Some('t') => 1e12,
        Some('p') => 1e15,
        Some(_) => return None,
    };
    Some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("50MB"), Some(50e6));
        assert_eq!(size("2GiB"), Some(2e9));
        assert_eq!(size("1000"), Some(1000.0));
        assert_eq!(size("lots"), None);
        assert_eq!(size("4 XB"), None);
    }
}
