//! Switches the plugins of the running broker.

use std::time::Duration;

use crate::sys::process::{self, Ended, ProcessError};

/// How long the broker may take to start and stop its plugins.
const DEADLINE: Duration = Duration::from_secs(120);

/// Lets the running broker have exactly these plugins, and what they need.
pub(super) fn switch(plugins: &[String]) -> Result<Ended, ProcessError> {
    let mut args = vec!["--quiet", "set", "--online"];
    args.extend(plugins.iter().map(String::as_str));
    process::run("rabbitmq-plugins", &args, DEADLINE)
}
