//! `alerts` in `agent.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::name::ClusterName;

use super::kind::{Kind, Severity};
use super::lapse::Lapse;
use super::rules::Rules;
use super::target::{Target, TargetFile};

/// What becomes an incident, and who is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AlertsFile {
    /// After how long people are reminded of an incident that is still open; `24h` if it is not said, `0` is never.
    pub remind_after: Option<Lapse>,
    /// How long something has to last before it is an incident, by kind. If it is not said: `pending` 4h, `restart-waits`
    /// 24h, `unreachable-remote` and `unknown` 15m, `peer-silent` 10m, `member-down` and `cut-off` 5m, the others 0.
    pub after: BTreeMap<Kind, Lapse>,
    /// How bad something is, by kind.
    pub severities: BTreeMap<Kind, Severity>,
    /// Where a release can be read. `{commit}` is the commit of the host's release, `{spec}` that of the spec, `{cluster}` and
    /// `{host}` are this host's.
    pub release_link: Option<String>,
    /// Where people read what to do. `{kind}` is the kind of the incident, `{cluster}` and `{host}` are this host's.
    pub runbook: Option<String>,
    /// The proxy that messages go through, such as `http://proxy.example.org:3128`; what the environment says if it is not said.
    pub proxy: Option<String>,
    /// The certificates, in PEM, that a server's must lead to; the system's if it is not said.
    pub ca_file: Option<PathBuf>,
    /// The seconds that all deliveries of a run may take together, at most 120; 20 if it is not said.
    pub deadline: Option<u32>,
    /// Who is told, each under a name of your own.
    pub targets: BTreeMap<String, TargetFile>,
    /// What was wrong with the settings and is left out of them, one line each, without any value.
    #[serde(skip)]
    pub left_out: Vec<String>,
}

impl AlertsFile {
    /// Returns who is told on a host of a cluster.
    pub fn targets(&self, cluster: &ClusterName) -> BTreeMap<String, Target> {
        let mine = |file: &TargetFile| file.clusters.is_empty() || file.clusters.contains(cluster);
        let files = self.targets.iter().filter(|(_, file)| mine(file));
        files.filter_map(|(name, file)| Some((name.clone(), file.target()?))).collect()
    }

    /// Returns how findings become incidents.
    pub fn rules(&self) -> Rules {
        let usual = Rules::default();
        Rules {
            remind_after: self
                .remind_after
                .map_or(usual.remind_after, |lapse| if lapse.is_none() { lapse } else { lapse.max(Lapse::hours(1)) }),
            after: self.after.clone(),
            severities: self.severities.clone(),
        }
    }
}
