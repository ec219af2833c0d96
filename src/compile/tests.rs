//! The compiler on models made in Rust: what a spec cannot say is said here.

use std::fmt::Write as _;

use super::sample::{at, cluster, secret};
use super::*;
use crate::facts::version::Version;
use crate::model::{ConfigValue, NodeKind};

/// Returns every file of a bundle as one text.
fn shown(bundle: &Bundle) -> String {
    let mut text = String::new();
    for (path, artifact) in &bundle.artifacts {
        let (bytes, _) = artifact.stored();
        let Artifact { mode, owner, check, on_change, part, .. } = artifact;
        let Owner { user, group } = owner;
        writeln!(text, "=== {path} {mode:04o} {user}:{group} {check:?} {on_change:?} {part:?}").expect("a String");
        text.push_str(std::str::from_utf8(&bytes).expect("artifacts are UTF-8"));
        if !text.ends_with('\n') {
            text.push_str("<no final newline>\n");
        }
    }
    text
}

fn compiled(cluster: &Cluster) -> Result<Vec<Bundle>, Diagnostics> {
    Compiler::new(&[]).expect("the built-in templates are valid").compile(cluster)
}

#[test]
fn tutorial() {
    let bundles = compiled(&cluster()).expect("the tutorial compiles");
    insta::assert_snapshot!("rabbit1", shown(&bundles[0]));
    insta::assert_snapshot!("rabbit3", shown(&bundles[2]));
}

#[test]
fn classic_config() {
    let mut cluster = cluster();
    cluster.broker.version.value = Version::new(3, 6, 12);
    cluster.broker.port.value = 5673;
    cluster.broker.management_port.value = 15673;
    cluster.broker.nodes[2].kind = NodeKind::Ram;
    let config = [
        ("default_pass", ConfigValue::Secret(secret("pass"))),
        ("default_user", ConfigValue::Text("兎 \"x\"\\".to_owned())),
        ("default_permissions.read", ConfigValue::Text(".*".to_owned())),
        ("loopback_users.guest", ConfigValue::Bool(false)),
        ("default_user_tags.administrator", ConfigValue::Bool(true)),
        ("heartbeat", ConfigValue::Int(30)),
        ("disk_free_limit.absolute", ConfigValue::Text("2GB".to_owned())),
        ("disk_free_limit.relative", ConfigValue::Float("1.5".to_owned())),
        ("vm_memory_high_watermark.absolute", ConfigValue::Int(1024)),
        ("tcp_listen_options.backlog", ConfigValue::Int(128)),
        ("tcp_listen_options.linger.timeout", ConfigValue::Int(5)),
        ("auth_backends.1", ConfigValue::Text("ldap".to_owned())),
        ("auth_backends.2", ConfigValue::Text("internal".to_owned())),
        ("ssl_options.versions.1", ConfigValue::Text("tlsv1.2".to_owned())),
        ("listeners.ssl.default", ConfigValue::Text("[::1]:5671".to_owned())),
        ("cluster_partition_handling.pause_if_all_down.nodes.1", ConfigValue::Text("rabbit@rabbit1".to_owned())),
        ("cluster_partition_handling.pause_if_all_down.recover", ConfigValue::Text("autoheal".to_owned())),
        ("cluster_partition_handling", ConfigValue::Text("pause_if_all_down".to_owned())),
        ("net_ticktime", ConfigValue::Int(30)),
        ("management.cors.allow_origins.1", ConfigValue::Text("https://x".to_owned())),
    ];
    cluster.broker.config = config.into_iter().map(|(key, value)| (key.to_owned(), at(value))).collect();
    cluster.broker.extra = vec!["{rabbitmq_shovel, [{shovels, []}]}".to_owned()];
    let bundles = compiled(&cluster).expect("3.6 compiles");
    let file = |bundle: &Bundle| {
        let artifact = &bundle.artifacts[&path("/etc/rabbitmq/rabbitmq.config")];
        String::from_utf8(artifact.stored().0).expect("artifacts are UTF-8")
    };
    insta::assert_snapshot!("rabbitmq.config", file(&bundles[0]));
    assert_eq!(file(&bundles[2]), file(&bundles[0]).replace(", disc}", ", ram}"));
    assert_eq!(file(&bundles[1]), file(&bundles[0]));
}

/// Returns the diagnostics as lines.
fn refusals(cluster: &Cluster) -> String {
    let diags = compiled(cluster).expect_err("it is refused");
    let line = |diag: &Diagnostic| {
        let help = diag.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}{help}\n", diag.code, diag.message)
    };
    diags.iter().map(line).collect()
}

#[test]
fn classic_config_refusals() {
    let mut cluster = cluster();
    cluster.broker.version.value = Version::new(3, 6, 12);
    let config = [
        ("consumer_timeout", ConfigValue::Int(1)),
        ("hartbeat", ConfigValue::Int(1)),
        ("heartbeat", ConfigValue::Text("30s".to_owned())),
        ("loopback_users.guest", ConfigValue::Text("no".to_owned())),
        ("listeners.tcp", ConfigValue::Int(1)),
        ("vm_memory_high_watermark.relative", ConfigValue::Float("1e3".to_owned())),
        ("a b", ConfigValue::Int(1)),
    ];
    cluster.broker.config = config.into_iter().map(|(key, value)| (key.to_owned(), at(value))).collect();
    cluster.broker.advanced = Some("[].".to_owned());
    insta::assert_snapshot!(refusals(&cluster));
}

#[test]
fn refusals_all_at_once() {
    let mut cluster = cluster();
    cluster.sysctl.insert("net.x = 1\nnet.y".to_owned(), "1".to_owned());
    cluster.sysctl.insert("net.z".to_owned(), "1\n2".to_owned());
    cluster.broker.env.insert("x".to_owned(), "1".to_owned());
    cluster.broker.env.insert("LOG_BASE".to_owned(), "/a\n/b".to_owned());
    cluster.broker.config.insert("default_pass".to_owned(), at(ConfigValue::Text("a#b".to_owned())));
    cluster.broker.extra.push("a = 1\nb = 2".to_owned());
    let balancer = cluster.balancer.as_mut().expect("the tutorial has one");
    balancer.extra.push("listen \u{1}hvrrp-auth\u{2}".to_owned());
    let vip = cluster.vip.as_mut().expect("the tutorial has one");
    vip.instances[0].auth = Some(crate::model::Value::Text("a\"b".to_owned()));
    insta::assert_snapshot!(refusals(&cluster));
}

fn own(name: &str, text: &str) -> Override {
    Override { name: name.to_owned(), text: text.to_owned(), file: 7 }
}

#[test]
fn an_override_cannot_forget_to_quote() {
    let text = "{% macro m(x) %}{{ x }}{% endmacro %}\
                {{ host.name }} {{ haproxy.stats.auth[1] }}\n\
                {% autoescape false %}{{ 'a#b' }} {{ 'a#b' | safe }} {{ m('a b') }}{% endautoescape %}";
    let compiler = Compiler::new(&[own("haproxy.cfg.j2", text)]).expect("a valid template");
    let bundles = compiler.compile(&cluster()).expect("it compiles");
    let file = |bundle: &Bundle| {
        let artifact = &bundle.artifacts[&path("/etc/haproxy/haproxy.cfg")];
        String::from_utf8(artifact.stored().0).expect("artifacts are UTF-8")
    };
    let expect = "%{secret:stats-password}\n'a#b' 'a#b' ''\\''a b'\\'''\n";
    assert_eq!(file(&bundles[0]), format!("rabbit1 {expect}"));
    assert_eq!(file(&bundles[1]), format!("rabbit2 {expect}"));
}

#[test]
fn overrides_are_diagnosed_in_their_file() {
    let refused = |overrides: &[Override]| -> String {
        let result = Compiler::new(overrides).and_then(|compiler| compiler.compile(&cluster()));
        let line = |diag: &Diagnostic| {
            let label = &diag.labels[0];
            let Override { text, .. } = &overrides[0];
            let range = label.span.start as usize..label.span.end as usize;
            format!(
                "{}: {}\n  file {} at {:?}: {}\n  {:?}\n",
                diag.code, diag.message, label.span.file, &text[range], label.text, diag.help
            )
        };
        result.expect_err("it is refused").iter().map(line).collect()
    };
    let cases = [
        own("haproxi.cfg.j2", ""),
        own("zebra.j2", ""),
        own("haproxy.cfg.j2", "global\n{% if %}\n"),
        own("haproxy.cfg.j2", "global\n  {{ haproxy.nope }}\n"),
        own("haproxy.cfg.j2", "global\n  {{ haproxy }}\n"),
        own("haproxy.cfg.j2", "global\n  {{ 'a\\nb' }}\n"),
        own("haproxy.cfg.j2", "global\n  {{ 'a' ~ haproxy.stats.auth[1] }}\n"),
        own("haproxy.cfg.j2", "global\n  {{ 'a\\nb' | raw }}\n"),
        own("haproxy.cfg.j2", "global \u{1}hx\u{2}\n"),
        own("haproxy.cfg.j2", "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"),
        own("hosts.j2", "{% include 'haproxy.cfg.j2' %}"),
        own("hosts.j2", "{{ 'a b' }}"),
    ];
    let shown: String = cases.into_iter().map(|case| refused(&[case])).collect();
    insta::assert_snapshot!(shown);
}

#[test]
fn the_same_on_every_thread() {
    let compiler = Compiler::new(&[]).expect("the built-in templates are valid");
    let cluster = cluster();
    let once = compiler.compile(&cluster).expect("the tutorial compiles");
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| compiler.compile(&cluster).expect("it compiles"))).collect();
        for run in runs {
            assert_eq!(run.join().expect("no panic"), once);
        }
    });
}
