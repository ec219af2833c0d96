//! Generates a fleet of three-host clusters in three profiles, the same mix as the peers' generator.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const SITES: [&str; 20] = [
    "ams", "bru", "cph", "dub", "fra", "hel", "lis", "lon", "mad", "mil", "muc", "osl", "par", "prg", "rom", "sto",
    "vie", "waw", "zag", "zur",
];

const ROOT: &str = r#"version: 1
defaults:
  rabbitmq:
    version: 3.13.7
    cookie: {secret: erlang-cookie}
    open_files: 65536
    config:
      cluster_partition_handling: pause_minority
      cluster_keepalive_interval: 10000
      num_acceptors.tcp: 64
      handshake_timeout: 10000
      heartbeat: 60
      channel_max: 2047
      tcp_listen_options.backlog: 4096
      tcp_listen_options.nodelay: true
      tcp_listen_options.keepalive: true
      tcp_listen_options.linger.on: true
      tcp_listen_options.linger.timeout: 0
      vm_memory_high_watermark_paging_ratio: 0.5
      disk_free_limit.absolute: 4GB
      queue_master_locator: min-masters
      collect_statistics_interval: 10000
      log.file.level: info
      log.file.rotation.date: $D0
      log.file.rotation.count: 14
      log.console: false
      prometheus.tcp.port: 15692
  haproxy:
    maxconn: 100000
    stats: {bind: "127.0.0.1:1080", uri: /, refresh: 10s}
    amqp: {port: 5673, balance: leastconn, check: {inter: 2s, rise: 2, fall: 3}}
    management: {port: 15673}
profiles:
  mirrored:
    rabbitmq:
      plugins: [rabbitmq_management, rabbitmq_prometheus, rabbitmq_shovel, rabbitmq_shovel_management]
      config: {queue_index_embed_msgs_below: 4096, mirroring_sync_batch_size: 4096}
  quorum:
    rabbitmq:
      plugins: [rabbitmq_management, rabbitmq_prometheus, rabbitmq_federation, rabbitmq_federation_management]
      config: {quorum_queue.property_equivalence.relaxed_checks_on_redeclaration: true, raft.wal_max_size_bytes: 134217728}
  stream:
    rabbitmq:
      plugins: [rabbitmq_management, rabbitmq_prometheus, rabbitmq_stream, rabbitmq_stream_management]
      config: {stream.listeners.tcp.1: 5552, stream.tcp_listen_options.backlog: 4096}
"#;

/// Writes the spec repository's files for a fleet.
pub(crate) fn write(dir: &Path, hosts: usize) {
    let clusters = dir.join("clusters");
    fs::create_dir_all(&clusters).expect("the benchmark's own folder can be made");
    fs::write(dir.join("rmqgit.yaml"), ROOT).expect("the benchmark's own file can be written");
    for i in 0..(hosts / 3).max(1) {
        fs::write(clusters.join(format!("{}.yaml", name(i))), cluster(i, 0))
            .expect("the benchmark's own file can be written");
    }
}

/// Changes the memory watermark of the first cluster: three files differ.
pub(crate) fn change(dir: &Path, round: usize) {
    let file = dir.join("clusters").join(format!("{}.yaml", name(0)));
    fs::write(file, cluster(0, round + 1)).expect("the benchmark's own file can be written");
}

/// Changes a default of all clusters.
pub(crate) fn change_all(dir: &Path) {
    let root = ROOT.replace("heartbeat: 60", "heartbeat: 30");
    fs::write(dir.join("rmqgit.yaml"), root).expect("the benchmark's own file can be written");
}

/// Changes every cluster in another way, so that no two of them can be told as one.
pub(crate) fn change_each(dir: &Path, hosts: usize) {
    for i in 0..(hosts / 3).max(1) {
        let text = cluster(i, 0).replace("  config:\n", &format!("  config:\n    channel_max: {}\n", 100 + i));
        fs::write(dir.join("clusters").join(format!("{}.yaml", name(i))), text)
            .expect("the benchmark's own file can be written");
    }
}

/// The cluster and the host that the benchmark syncs.
pub(crate) fn first_host() -> (String, String) {
    (name(0), format!("{}-1", name(0)))
}

/// Writes what a host's root needs: users that map to this process's, and the secrets.
pub(crate) fn write_root(root: &Path) {
    let write = |path: &str, text: &str| {
        let file = root.join(path);
        fs::create_dir_all(file.parent().expect("the path has a folder"))
            .expect("the benchmark's own folder can be made");
        fs::write(&file, text).expect("the benchmark's own file can be written");
        file
    };
    let me = write("etc/hosts", "127.0.0.1 localhost\n").metadata().expect("the file was just written");
    let (uid, gid) = (me.uid(), me.gid());
    let users = ["root", "rabbitmq", "haproxy", "keepalived_script"];
    write("etc/passwd", &users.map(|user| format!("{user}:x:{uid}:{gid}::/:/bin/false\n")).concat());
    write("etc/group", &users.map(|group| format!("{group}:x:{gid}:\n")).concat());
    for (secret, value) in
        [("erlang-cookie", "BENCHMARKBENCHMARK"), ("vrrp-auth", "bench123"), ("admin-password", "bench")]
    {
        let file = write(&format!("etc/rmqgit/secrets/{secret}"), value);
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("the file was just written");
    }
}

fn name(i: usize) -> String {
    format!("{}-mq{i:05}", SITES[i % SITES.len()])
}

/// One cluster as a person would write it.
fn cluster(i: usize, change: usize) -> String {
    let name = name(i);
    let profile = ["mirrored", "quorum", "stream"][i % 3];
    let env = ["prod", "prod", "stage", "dev"][i % 4];
    let block =
        |first: usize, k: usize| format!("10.{}.{}.{}", first + (i >> 14), (i >> 6) & 255, (i & 63) * 4 + k + 1);
    let teams = ["orders", "billing", "events", "audit", "mail", "stock"];
    let vhosts =
        ["/".to_owned(), format!("{}-{env}", teams[i % 6]), format!("{}-{env}", teams[(i + 1 + i / 6 % 4) % 6])];
    let watermark = if change == 0 { format!("0.{}", 4 + i % 3) } else { format!("0.{}", 30 + change % 60) };
    let mut text = format!("name: {name}\nprofile: {profile}\nhosts:\n");
    for k in 0..3 {
        let _ = writeln!(text, "  {name}-{}: {{address: {}, interface: ens192}}", k + 1, block(16, k));
    }
    let _ = write!(text, "rabbitmq:\n  nodes: [{name}-1, {name}-2, {name}-3]\n  config:\n");
    let _ = writeln!(text, "    vm_memory_high_watermark.relative: {watermark}");
    if i % 4 != 3 {
        text.push_str(TLS);
    }
    text.push_str("  vhosts:\n");
    for vhost in &vhosts {
        let _ = writeln!(text, "    {vhost}: {{}}");
    }
    text.push_str("  users:\n    admin:\n      tags: [administrator]\n      password: {secret: admin-password}\n");
    text.push_str("      permissions: {/: all}\n");
    for vhost in &vhosts[1..] {
        let _ = writeln!(text, "    app-{vhost}:\n      password: {{secret: app-{vhost}}}\n      permissions:");
        let _ =
            writeln!(text, "        {vhost}: {{configure: '^{vhost}\\.', write: '^({vhost}|ha|qq)\\.', read: '.*'}}");
    }
    text.push_str("  policies:\n");
    for vhost in &vhosts {
        for policy in policies(profile) {
            let _ = writeln!(text, "    - {{vhost: {vhost}, {policy}}}");
        }
    }
    let _ = write!(text, "haproxy:\n  hosts: [{name}-1, {name}-2, {name}-3]\nkeepalived:\n");
    let _ = write!(text, "  hosts: [{name}-1, {name}-2, {name}-3]\n  instances:\n");
    for k in 0..2 {
        let order = [[1, 2, 3], [2, 3, 1]][k].map(|n| format!("{name}-{n}")).join(", ");
        let _ = writeln!(text, "    vip{}:\n      hosts: [{order}]\n      vip: {}/24", k + 1, block(64, k));
        let _ = writeln!(text, "      virtual_router_id: {}\n      auth: {{secret: vrrp-auth}}", 1 + (2 * i + k) % 254);
    }
    text
}

const TLS: &str = "    listeners.ssl.default: 5671
    ssl_options.cacertfile: /etc/rabbitmq/tls/ca.pem
    ssl_options.certfile: /etc/rabbitmq/tls/node.pem
    ssl_options.keyfile: /etc/rabbitmq/tls/node.key
    ssl_options.verify: verify_peer
    ssl_options.fail_if_no_peer_cert: false
    ssl_options.versions.1: tlsv1.3
    ssl_options.versions.2: tlsv1.2
";

fn policies(profile: &str) -> &'static [&'static str] {
    match profile {
        "mirrored" => &[
            "name: ha-two, pattern: '^ha\\.', apply-to: queues, priority: 10, definition: {ha-mode: exactly, ha-params: 2, ha-sync-mode: automatic, queue-mode: lazy}",
            "name: ttl, pattern: '^tmp\\.', apply-to: queues, priority: 5, definition: {message-ttl: 3600000, expires: 86400000}",
            "name: limit, pattern: '.*', apply-to: queues, priority: 0, definition: {max-length: 1000000, overflow: reject-publish, dead-letter-exchange: dlx}",
        ],
        "quorum" => &[
            "name: qq, pattern: '^qq\\.', apply-to: queues, priority: 10, definition: {delivery-limit: 20, max-in-memory-length: 100000, dead-letter-exchange: dlx}",
            "name: limit, pattern: '.*', apply-to: queues, priority: 0, definition: {max-length-bytes: 8589934592, overflow: reject-publish}",
        ],
        _ => &[
            "name: retention, pattern: '^st\\.', apply-to: queues, priority: 10, definition: {max-age: 7D, stream-max-segment-size-bytes: 536870912}",
            "name: limit, pattern: '.*', apply-to: queues, priority: 0, definition: {max-length: 500000, dead-letter-exchange: dlx}",
        ],
    }
}
