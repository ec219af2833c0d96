//! `haproxy.cfg`, as HAProxy answers by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use rmqgit::model::{Bind, Cluster, Value};

use super::{accepted, batches, text};
use crate::compile::{compile, isolated, joined, tutorial, write};
use crate::run;

/// Starts HAProxy with each `N.cfg`, and keeps its answer to `N.request` in `N.answer`.
const ASK: &str = "
ip link set lo up
mount -t tmpfs tmpfs /run && mkdir /run/haproxy
for cfg in \"$1\"/*.cfg; do
    case=${cfg%.cfg}
    haproxy -db -f \"$cfg\" >\"$case.log\" 2>&1 &
    haproxy=$!
    while kill -0 $haproxy 2>/dev/null; do
        { exec 3<>/dev/tcp/127.0.0.1/1080; } 2>/dev/null || continue
        cat \"$case.request\" >&3
        cat <&3 >\"$case.answer\"
        exec 3>&-
        kill -KILL $haproxy
        break
    done
    wait $haproxy 2>/dev/null
done
exit 0
";

fn set(cluster: &mut Cluster, user: &str, password: &str, realm: &str) {
    let balancer = cluster.balancer.as_mut().expect("the tutorial has one");
    // A request with a password of 64 KiB has to fit a buffer.
    balancer.global_extra = vec!["tune.bufsize 300000".to_owned()];
    let stats = balancer.stats.as_mut().expect("the tutorial has one");
    stats.bind.value = Bind { address: Some([127, 0, 0, 1].into()), port: 1080 };
    "/s".clone_into(&mut stats.uri);
    stats.realm = Some(realm.to_owned());
    stats.auth = Some((user.to_owned(), Value::Text(password.to_owned())));
}

fn request(user: &str, password: &str) -> String {
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    format!("GET /s;csv HTTP/1.0\r\nAuthorization: Basic {credentials}\r\n\r\n")
}

#[test]
fn haproxy_reads_every_word_back() {
    batches(3, 24, text(), |texts| {
        let users = accepted(texts, |cluster, text| set(cluster, text, "p", "r"));
        let others = accepted(texts, |cluster, text| set(cluster, "u", text, text));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut asked = Vec::new();
        for (number, other) in others.iter().enumerate() {
            let user = users[number % users.len()];
            let mut cluster = tutorial();
            set(&mut cluster, user, other, other);
            let config = &joined(&compile(&cluster)[0])["/etc/haproxy/haproxy.cfg"];
            for (kind, request) in [("right", request(user, other)), ("wrong", request(user, &format!("{other}x")))] {
                write(&dir.path().join(format!("{number}-{kind}.cfg")), config);
                write(&dir.path().join(format!("{number}-{kind}.request")), &request);
            }
            asked.push((number, user, *other));
        }
        let (status, _, stderr) = run(isolated().args(["bash", "-c", ASK, "ask"]).arg(dir.path()));
        assert_eq!((status, stderr.as_str()), (0, ""));
        for (number, user, other) in asked {
            let read = |name: String| std::fs::read(dir.path().join(name)).unwrap_or_default();
            let shown = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let right = shown(read(format!("{number}-right.answer")));
            let log = shown(read(format!("{number}-right.log")));
            assert!(right.starts_with("HTTP/1.1 200 OK"), "{user:?} {other:?}\n{right}\n{log}");
            let mut proxies: Vec<&str> =
                right.lines().filter_map(|line| line.split_once(",FRONTEND,")).map(|it| it.0).collect();
            proxies.sort_unstable();
            assert_eq!(proxies, ["amqp", "management", "rmqgit_health", "rmqgit_stats"], "{user:?} {other:?}");
            let wrong = shown(read(format!("{number}-wrong.answer")));
            assert!(wrong.starts_with("HTTP/1.1 401 Unauthorized"), "{user:?} {other:?}\n{wrong}");
            let realm = format!("WWW-Authenticate: Basic realm=\"{other}\"");
            assert!(wrong.lines().any(|line| line.eq_ignore_ascii_case(&realm)), "{realm}\n{wrong}");
        }
    });
}
