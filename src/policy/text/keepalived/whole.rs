//! What only the whole text shows: scripts that nothing tracks, instances that clash.

use super::{Judge, Kind};
use crate::policy::text::Verdict;

impl Judge {
    /// Judges the text as a whole.
    pub(super) fn whole(&mut self) {
        self.scripts_run();
        self.instances_agree();
    }

    fn scripts_run(&mut self) {
        let scripts = std::mem::take(&mut self.scripts);
        let has_security = self.since(1, 3, 0);
        if let Some(script) = scripts.first().filter(|_| has_security && self.security.is_none()) {
            self.add(script.line, Kind::NoSecurity, Verdict::Refused, &script.name, "");
        }
        for script in &scripts {
            if self.security.is_some() && !self.script_user && !script.user {
                self.add(script.line, Kind::NoScriptUser, Verdict::Refused, &script.name, "");
            }
            let name = &script.name;
            let tracked = self.instances.iter().flat_map(|instance| &instance.scripts).any(|(_, used, _)| used == name);
            let complained =
                self.problems.iter().any(|problem| problem.kind == Kind::UnknownScript && problem.word == *name);
            if !tracked && !complained && !self.defines && !self.instances.is_empty() {
                self.add(script.line, Kind::UnusedScript, Verdict::Silent, name, "");
            }
        }
        self.scripts = scripts;
    }

    fn instances_agree(&mut self) {
        let instances = std::mem::take(&mut self.instances);
        for (index, instance) in instances.iter().enumerate() {
            for other in &instances[..index] {
                let same = |a: &Option<(u32, String)>, b: &Option<(u32, String)>| {
                    a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.1 == b.1)
                };
                let clash = instance.virtual_router_id.filter(|(_, id)| {
                    other.virtual_router_id.is_some_and(|(_, other)| other == *id)
                        && same(&instance.interface, &other.interface)
                });
                if let Some((line, id)) = clash {
                    let id = id.to_string();
                    self.add(line, Kind::RepeatedRouterId, Verdict::Refused, &id, &other.name);
                }
                let twice = instance
                    .addresses
                    .iter()
                    .find(|(_, one)| other.addresses.iter().any(|(_, two)| ip(one) == ip(two)));
                if let Some((line, address)) = twice {
                    self.add(*line, Kind::RepeatedAddress, Verdict::Silent, address, &other.name);
                }
            }
        }
        self.instances = instances;
    }
}

fn ip(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}
