//! Whatever the testbed starts listens on the loopback interface, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use testbed::{Moto, Proxy, QueueOptions, Sqs, SynapseVersion, Trigger, shared};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// 127.0.0.1 as `/proc/net/tcp` has it: in the byte order of a little-endian machine.
const LOOPBACK: &str = "0100007F";

#[tokio::test]
async fn nothing_listens_beyond_this_machine() {
    let bed = shared(SynapseVersion::from_env()[0]).await;
    let moto = Moto::start().await.unwrap();
    let sqs = Sqs::start().await.unwrap();
    let queue = sqs.create_queue("loopback", QueueOptions::default()).await.unwrap();
    let trigger = Trigger::start(&queue, &[]).await.unwrap();
    let proxy = Proxy::start(&bed.synapse.url()).await.unwrap();

    let ours = sockets_of(&family());
    let (mut ports, mut elsewhere) = (BTreeSet::new(), Vec::new());
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = fields[1].split_once(':').unwrap();
            if fields[3] == LISTEN && ours.contains(fields[9]) {
                ports.insert(u16::from_str_radix(port, 16).unwrap());
                if address != LOOPBACK {
                    elsewhere.push(fields[1].to_owned());
                }
            }
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let url = |url: &str| url.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let wanted = [bed.postgres.port(), url(&bed.synapse.url()), url(&moto.url()), url(&sqs.url()), url(proxy.url())];
    for port in wanted {
        assert!(ports.contains(&port), "{port} is not among {ports:?}: the test looks in the wrong place");
    }
    // And the forwarder's, which nobody else needs to know.
    assert_eq!(ports.len(), wanted.len() + 1, "{ports:?}");
    drop(trigger);
}

/// This process and all that came of it.
fn family() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let parents: BTreeMap<String, String> = processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold anything.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned();
            Some((pid, parent))
        })
        .collect();
    let mut family = BTreeSet::from([std::process::id().to_string()]);
    loop {
        let before = family.len();
        let children = parents.iter().filter(|(_, parent)| family.contains(*parent)).map(|(pid, _)| pid.clone());
        let children: Vec<String> = children.collect();
        family.extend(children);
        if family.len() == before {
            return family;
        }
    }
}

/// The inodes of the sockets they hold open.
fn sockets_of(family: &BTreeSet<String>) -> BTreeSet<String> {
    let descriptors = family.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok()).flatten();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let inode =
        |target: std::path::PathBuf| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned);
    targets.filter_map(inode).collect()
}
