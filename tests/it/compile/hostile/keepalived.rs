//! `keepalived.conf`, as Keepalived dumps what it has read.

use rmqgit::model::{Cluster, Instance, Mail, Value};

use super::{accepted, batches, text};
use crate::compile::{compile, isolated, joined, tutorial, write};
use crate::run;

/// Starts Keepalived, ends it after its dump, and returns the dump without time stamps.
const DUMP: &str = "
ip link add enp4s0f0 type veth peer name peer0 && ip link set lo up
coproc K { exec keepalived -n -l -d -P -f \"$1\" -p \"$1.pid\" -r \"$1.vrrp\" 2>&1; }
while IFS= read -r line <&\"${K[0]}\"; do
    printf '%s\\n' \"${line#*[0-9][0-9]:[0-9][0-9]:[0-9][0-9] [0-9][0-9][0-9][0-9]: }\"
    [[ $line == *'------< Interfaces'* ]] && break
done
kill -KILL \"$K_PID\"
";

fn put_auth(cluster: &mut Cluster, number: u8, text: &str) {
    let instances = &mut cluster.vip.as_mut().expect("the tutorial has one").instances;
    let mut instance: Instance = instances[0].clone();
    instance.name = format!("i{number}");
    instance.virtual_router_id.value = number + 1;
    instance.auth = Some(Value::Text(text.to_owned()));
    instance.addresses[0].value = format!("10.9.{number}.1/32").parse().expect("a network");
    instances.push(instance);
}

fn mail(cluster: &mut Cluster) -> &mut Mail {
    let fresh = || Mail { to: Vec::new(), from: "a@b".to_owned(), server: "127.0.0.1".to_owned(), timeout: 1 };
    cluster.vip.as_mut().expect("the tutorial has one").mail.get_or_insert_with(fresh)
}

/// Returns the longest start of a text that fits a password.
fn eight_bytes(text: &str) -> String {
    let end = (0..=8.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).expect("0 is a border");
    text[..end].to_owned()
}

#[test]
fn keepalived_reads_every_word_back() {
    batches(6, 60, text(), |texts| {
        let short: Vec<String> = texts.iter().map(|text| eight_bytes(text)).collect();
        let auths = accepted(&short, |cluster, text| put_auth(cluster, 0, text));
        let mails = accepted(texts, |cluster, text| mail(cluster).to.push(text.to_owned()));
        let mut cluster = tutorial();
        cluster.vip.as_mut().expect("the tutorial has one").instances.truncate(1);
        for (number, text) in (1..).zip(&auths) {
            put_auth(&mut cluster, number, text);
        }
        cluster.vip.as_mut().expect("the tutorial has one").instances.remove(0);
        mail(&mut cluster).to = mails.iter().map(|text| (*text).to_owned()).collect();
        let one = mails[0].to_owned();
        mail(&mut cluster).from.clone_from(&one);
        cluster.vip.as_mut().expect("the tutorial has one").router_id = Some(one.clone());

        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("keepalived.conf");
        write(&file, &joined(&compile(&cluster)[0])["/etc/keepalived/keepalived.conf"]);
        let (status, dump, stderr) = run(isolated().args(["bash", "-c", DUMP, "dump"]).arg(&file));
        assert_eq!((status, stderr.as_str()), (0, ""), "{dump}");

        let values = |key: &str| -> Vec<&str> { dump.lines().filter_map(|line| line.strip_prefix(key)).collect() };
        let text = std::fs::read_to_string(&file).expect("it was written");
        assert_eq!(values("   Password = "), auths, "{text}\n{dump}");
        assert_eq!(values(" VRRP Instance = ").len(), auths.len(), "{text}");
        assert_eq!(values(" Router ID = "), [&one], "{text}");
        assert_eq!(values(" Email notification from = "), [&one], "{text}");
        let listed = dump.lines().skip_while(|line| *line != " Email notification to:").skip(1);
        // The other processes log between these lines.
        let listed: Vec<&str> = listed.filter_map(|line| line.strip_prefix("   ")).take(mails.len()).collect();
        assert_eq!(listed, mails, "{text}");
    });
}
