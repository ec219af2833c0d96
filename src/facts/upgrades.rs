//! From which version a cluster can be upgraded to which, and what must be switched on before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use super::range::Versions;
use super::releases;
use super::table;
use super::version::Version;

/// How a cluster gets from one version to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes, or only the patch.
    Patch,
    /// Node by node.
    Rolling,
    /// With all nodes stopped.
    Stop,
    /// Not at all: to an older version.
    Down,
    /// Not in one step.
    None,
}

struct Edge {
    from: Versions,
    to: Version,
    step: Step,
}

struct Flags {
    series: Version,
    names: Vec<&'static str>,
}

static EDGES: LazyLock<Vec<Edge>> =
    LazyLock::new(|| table::built_in(include_str!("tables/rabbitmq_upgrades.tsv"), EDGE_COLUMNS, read_edge));
static FLAGS: LazyLock<Vec<Flags>> =
    LazyLock::new(|| table::built_in(include_str!("tables/rabbitmq_flags.tsv"), FLAG_COLUMNS, read_flags));

const EDGE_COLUMNS: [&str; 4] = ["from", "to", "how", "source"];
const FLAG_COLUMNS: [&str; 3] = ["series", "flags", "source"];

fn read_edge([from, to, how, _]: [&'static str; 4]) -> Result<Edge, String> {
    let step = match how {
        "rolling" => Step::Rolling,
        "stop" => Step::Stop,
        _ => return Err(format!("`{how}` is not a way to upgrade")),
    };
    Ok(Edge { from: from.parse()?, to: to.parse()?, step })
}

fn read_flags([series, flags, _]: [&'static str; 3]) -> Result<Flags, String> {
    Ok(Flags { series: series.parse()?, names: flags.split(' ').collect() })
}

/// Returns the series of a version, as its first version.
fn series(version: Version) -> Version {
    Version { patch: 0, ..version }
}

/// Returns how a cluster gets from one version to another in one step; rolling, where both ways work.
pub fn step(from: Version, to: Version) -> Step {
    if to < from {
        return Step::Down;
    }
    if series(from) == series(to) {
        return Step::Patch;
    }
    let edge = EDGES.iter().find(|edge| edge.to == series(to) && edge.from.contains(from));
    edge.map_or(Step::None, |edge| edge.step)
}

/// Returns the versions to go through, the last one being where to go; `None` if there is no way that is known.
pub fn path(from: Version, to: Version) -> Option<Vec<Version>> {
    let mut came: BTreeMap<Version, Version> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(at) = next.pop_front() {
        if at == to {
            let mut path = vec![at];
            while let Some(before) = came.get(path.last()?).filter(|before| **before != from) {
                path.push(*before);
            }
            path.reverse();
            return Some(path);
        }
        let stations = releases::all().iter().map(|series| series.newest).filter(|station| *station < to).chain([to]);
        for station in stations.filter(|station| *station > at) {
            if matches!(step(at, station), Step::Patch | Step::Rolling | Step::Stop) && !came.contains_key(&station) {
                came.insert(station, at);
                next.push_back(station);
            }
        }
    }
    None
}

/// Returns the feature flags that must be on in the old version, because the new one does not start without them.
pub fn required_flags(from: Version, to: Version) -> Vec<&'static str> {
    let between = FLAGS.iter().filter(|row| row.series > series(from) && row.series <= series(to));
    between.flat_map(|row| row.names.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn the_tables_are_read() {
        let edges = table::read(include_str!("tables/rabbitmq_upgrades.tsv"), EDGE_COLUMNS, read_edge).expect("edges");
        table::read(include_str!("tables/rabbitmq_flags.tsv"), FLAG_COLUMNS, read_flags).expect("flags");
        for edge in edges {
            assert!(releases::series(edge.to).is_some() && releases::series(edge.from.first()).is_some());
        }
    }

    #[test]
    fn an_upgrade_is_possible_or_not() {
        let check = |from, to, expect| assert_eq!(step(version(from), version(to)), expect, "{from} to {to}");
        check("3.6.12", "3.6.16", Step::Patch);
        check("3.6.12", "3.7.28", Step::Stop);
        check("3.7.17", "3.8.9", Step::Stop);
        check("3.7.18", "3.8.9", Step::Rolling);
        check("3.11.17", "3.12.0", Step::None);
        check("3.11.18", "3.12.0", Step::Rolling);
        check("3.13.7", "4.2.0", Step::Rolling);
        check("3.13.7", "4.3.0", Step::None);
        check("4.2.0", "4.3.5", Step::Rolling);
        check("4.2.0", "4.1.8", Step::Down);
    }

    #[test]
    fn a_way_is_found() {
        let check = |from, to, expect: &str| {
            let path = path(version(from), version(to)).expect("a way");
            let path: Vec<_> = path.iter().map(ToString::to_string).collect();
            assert_eq!(path.join(" "), expect, "{from} to {to}");
        };
        check("3.13.7", "4.3.1", "4.2.10 4.3.1");
        check("3.11.5", "3.12.0", "3.11.28 3.12.0");
        check("3.8.9", "3.13.7", "3.9.29 3.10.25 3.11.28 3.12.14 3.13.7");
        check("4.2.0", "4.3.0", "4.3.0");
        assert_eq!(path(version("4.3.0"), version("4.2.0")), None);
        assert_eq!(path(version("4.3.0"), version("9.0.0")), None);
    }

    #[test]
    fn flags_are_those_of_every_series_on_the_way() {
        assert_eq!(required_flags(version("3.9.0"), version("3.10.0")), [""; 0]);
        assert_eq!(required_flags(version("3.10.8"), version("3.11.0")).len(), 5);
        assert!(required_flags(version("4.2.0"), version("4.3.0")).contains(&"khepri_db"));
    }
}
