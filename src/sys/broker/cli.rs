//! The command line: RabbitMQ's own tools, run as the broker's user.

use std::thread;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::live::{Broker, ClusterState, Door, LiveDefinitions, Probe};

use super::super::process::{self, Answer, Call};
use super::read::{self, Facts, Versions};
use super::{Access, BrokerError, probe};

/// What no tool lists for all vhosts at once, in base64 so that the terms of Erlang cannot be mistaken. Every function
/// in it is there from 3.8 to 4.3.
const FACTS: &str = "base64:encode(rabbit_json:encode([\
    {applications, [atom_to_binary(element(1, A), utf8) || A <- application:which_applications()]}, \
    {limits, [{mem_limit, vm_memory_monitor:get_memory_limit()}, \
    {disk_free_limit, rabbit_disk_monitor:get_disk_free_limit()}, {net_ticktime, net_kernel:get_net_ticktime()}]}, \
    {queues, [begin {resource, V, queue, N} = amqqueue:get_name(Q), \
    B = fun(P) when is_binary(P) -> P; (_) -> null end, \
    [{vhost, V}, {name, N}, {type, atom_to_binary(amqqueue:get_type(Q), utf8)}, \
    {policy, B(rabbit_policy:name(Q))}, {operator_policy, B(rabbit_policy:name_op(Q))}] \
    end || Q <- rabbit_amqqueue:list()]}])).";

/// The Erlang cookie in the broker's home.
const COOKIE: &str = ".erlang.cookie";

/// Runs a tool as the broker's user, and returns its standard output. Without a cookie none is run: it would make one of
/// its own.
pub(super) fn run(
    access: &Access,
    node: &str,
    tool: &str,
    args: &[&str],
    deadline: Duration,
) -> Result<Zeroizing<Vec<u8>>, BrokerError> {
    let program = access.tools.dir.join(tool);
    if !access.tools.home.join(COOKIE).exists() {
        return Err(BrokerError::NoCookie { home: access.tools.home.clone() });
    }
    let mut all = vec!["--quiet", "--node", node];
    if access.long_names {
        all.push("--longnames");
    }
    all.extend(args);
    let home = access.tools.home.to_string_lossy();
    let env = vec![("HOME", home.as_ref()), ("LC_ALL", "C.UTF-8"), ("LANG", "C.UTF-8")];
    let account = access.tools.account;
    let Answer { code, stdout, stderr } = process::ask(&Call { program: &program, args: all, account, env, deadline })?;
    if code == Some(0) {
        return Ok(stdout);
    }
    let status = code.map_or_else(|| "a signal".to_owned(), |code| format!("status {code}"));
    let verb = args.iter().find(|arg| !arg.starts_with('-')).unwrap_or(&"");
    Err(BrokerError::Refused { command: format!("{tool} {verb}"), status, words: words(&stderr, &stdout) })
}

/// Returns the lines that say what is wrong, without the pages of help that follow them.
fn words(stderr: &str, stdout: &[u8]) -> String {
    let stdout = String::from_utf8_lossy(stdout);
    let text = if stderr.trim().is_empty() { stdout.as_ref() } else { stderr };
    let lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty() && *line != "Arguments given:").take(4).collect();
    lines.join(" ").chars().filter(|c| !c.is_control()).take(400).collect()
}

fn ctl(access: &Access, args: &[&str]) -> Result<Zeroizing<Vec<u8>>, BrokerError> {
    run(access, &access.node, "rabbitmqctl", args, access.deadline)
}

fn json(question: &str, bytes: &[u8]) -> Result<Value, BrokerError> {
    let unreadable =
        |error: serde_json::Error| BrokerError::Unreadable { question: question.to_owned(), why: error.to_string() };
    serde_json::from_slice(bytes).map_err(unreadable)
}

/// Looks through three calls, which run at the same time.
pub(super) fn look(access: &Access) -> Broker {
    let (cluster, definitions, facts) = thread::scope(|scope| {
        let definitions = scope.spawn(|| definitions(access));
        let facts = scope.spawn(|| facts(access));
        let cluster = cluster(access, &access.node);
        (cluster, definitions.join().expect("no look panics"), facts.join().expect("no look panics"))
    });
    let failed = |error: &BrokerError| error.to_string();
    let (cluster, version, erlang) = match cluster {
        Ok((state, Versions { rabbitmq, erlang })) => (Probe::Seen(state), known(rabbitmq), known(erlang)),
        Err(error) => (Probe::Failed(failed(&error)), Probe::Failed(failed(&error)), Probe::Failed(failed(&error))),
    };
    let (queues, applications, limits) = match facts {
        Ok(Facts { queues, applications, limits }) => {
            (Probe::Seen(queues), Probe::Seen(applications), Probe::Seen(limits))
        }
        Err(error) => (Probe::Failed(failed(&error)), Probe::Failed(failed(&error)), Probe::Failed(failed(&error))),
    };
    Broker {
        node: access.node.clone(),
        door: Door::CommandLine,
        detour: None,
        version,
        erlang,
        cluster,
        definitions: probe(definitions),
        queues,
        applications,
        limits,
    }
}

fn known(version: Option<String>) -> Probe<String> {
    version.map_or_else(|| Probe::Failed("the node does not run".to_owned()), Probe::Seen)
}

/// Asks a node for its cluster, and for its own versions.
pub(super) fn cluster(access: &Access, node: &str) -> Result<(ClusterState, Versions), BrokerError> {
    let timeout = access.deadline.as_secs().max(1).to_string();
    let args = ["--formatter", "json", "--timeout", &timeout, "cluster_status"];
    let answer = run(access, node, "rabbitmqctl", &args, access.deadline)?;
    read::cluster_status(node, &json("cluster_status", &answer)?)
}

fn definitions(access: &Access) -> Result<LiveDefinitions, BrokerError> {
    let answer = ctl(access, &["export_definitions", "-"])?;
    read::definitions(&json("export_definitions", &answer)?, None)
}

pub(super) fn facts(access: &Access) -> Result<Facts, BrokerError> {
    read::evaluated(&ctl(access, &["eval", FACTS])?)
}

/// Asks whether the node runs; a node whose Erlang machine is up and whose broker is not says so with a status.
pub(super) fn is_running(access: &Access) -> Result<bool, BrokerError> {
    match run(access, &access.node, "rabbitmq-diagnostics", &["check_running"], access.deadline) {
        Ok(_) => Ok(true),
        // 69 and 70: the node is not there, or its broker does not run.
        Err(BrokerError::Refused { status, .. }) if ["status 69", "status 70"].contains(&status.as_str()) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a tool says that it could not ask the node. A check that fails ends with the same status, 69.
fn is_unasked(words: &str) -> bool {
    words.contains("unable to perform an operation on node") || words.contains("is not running")
}

/// Asks the checks that RabbitMQ has for a node that is about to stop. The one for mirrors went with the mirrors.
pub(super) fn critical(access: &Access) -> Result<Vec<String>, BrokerError> {
    let mut reasons = Vec::new();
    for check in ["check_if_node_is_quorum_critical", "check_if_node_is_mirror_sync_critical"] {
        match run(access, &access.node, "rabbitmq-queues", &[check], access.deadline) {
            Ok(_) => {}
            Err(BrokerError::Refused { status, .. }) if status == "status 64" && check.contains("mirror") => {}
            Err(BrokerError::Refused { words, status, .. }) if status != "status 64" && !is_unasked(&words) => {
                reasons.push(words);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(reasons)
}
