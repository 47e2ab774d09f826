//! A host on paper: containers, their addresses, and the files in which the kernel would tell of their sockets.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::super::{Around, Observed, Sweeper};
use crate::{
    inventory::{Entry, Snapshot},
    isolation::{Edge, End},
    model::{Attachment, Container, ContainerState, Labels, Network, NetworkMode, Protocol, PublishedPort, ServiceKey},
};

/// Established, in the kernel's number; and the other states of which tests speak.
pub(super) const THERE: u8 = 1;
pub(super) const SYN_SENT: u8 = 2;
pub(super) const TIME_WAIT: u8 = 6;
pub(super) const CLOSE_WAIT: u8 = 8;
pub(super) const LISTEN: u8 = 10;
/// Of UDP: nobody at the other end.
pub(super) const UNCONNECTED: u8 = 7;

/// One row: table, state, this side, the other side, retransmits.
pub(super) type Row = (&'static str, u8, String, String, u32);

pub(super) fn tcp(state: u8, local: &str, remote: &str) -> Row {
    ("tcp", state, local.into(), remote.into(), 0)
}

pub(super) fn listen(port: u16) -> Row {
    tcp(LISTEN, &format!("0.0.0.0:{port}"), "0.0.0.0:0")
}

pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) snapshot: Snapshot,
    pub(super) sweeper: Sweeper,
    pub(super) now: Timestamp,
    pub(super) own: Option<String>,
    pub(super) ours: Vec<SocketAddr>,
    /// Users of sockets by their own port; root of all others.
    pub(super) users: BTreeMap<u16, u32>,
    changes: u64,
    /// Nobody has looked yet: whoever runs has done so for an hour.
    early: bool,
}

impl World {
    /// The host has the gateways of two networks, 172.18.0.0/16 and 172.19.0.0/16, and 192.0.2.2 outside.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = |name: &str, subnet: &str| Arc::new(network(name, subnet));
        let networks =
            vec![world("back", "172.19.0.0/16"), world("front", "172.18.0.0/16"), world("six", "fd00:9::/64")];
        let mut this = Self {
            folder,
            snapshot: Snapshot { networks, ..Snapshot::default() },
            sweeper: Sweeper::new(),
            now: Timestamp::from_second(1_900_000_000).unwrap(),
            own: None,
            ours: Vec::new(),
            users: BTreeMap::new(),
            changes: 0,
            early: true,
        };
        this.write("2/comm", "kthreadd\n");
        let addresses = ["172.18.0.1", "172.19.0.1", "192.0.2.2"].map(|ip| format!("|-- {ip}\n/32 host LOCAL\n"));
        this.sockets(1, &[]);
        this.write("1/net/fib_trie", &addresses.concat());
        this.write("1/net/if_inet6", "fd000009000000000000000000000001 05 40 20 80  br-six\n");
        this
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn proc(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// A running container of project `shop`: its first process and where it has addresses.
    pub(super) fn runs(&mut self, name: &str, pid: u32, addresses: &[&str]) {
        let id = format!("{pid:064x}");
        self.write(&format!("{pid}/stat"), &stat(pid, u64::from(pid) * 100));
        self.write(&format!("{pid}/cgroup"), &format!("0::/docker/{id}\n"));
        self.sockets(pid, &[]);
        let age = SignedDuration::from_hours(i64::from(self.early));
        let mut container = container(&id, name, pid, self.now.checked_sub(age).unwrap());
        container.networks = addresses
            .iter()
            .map(|address| Attachment {
                network: "front".into(),
                network_id: None,
                addresses: vec![address.parse().unwrap()],
                aliases: Vec::new(),
            })
            .collect();
        self.snapshot.containers.push(Arc::new(entry(container)));
    }

    /// Changes what the engine says of a container.
    pub(super) fn change(&mut self, name: &str, change: impl FnOnce(&mut Container)) {
        let found = self.snapshot.containers.iter_mut().find(|entry| &*entry.container.name == name).unwrap();
        change(&mut Arc::make_mut(found).container);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.snapshot.containers.retain(|entry| &*entry.container.name != name);
    }

    pub(super) fn publish(&mut self, name: &str, host: &str, host_port: u16, port: u16) {
        let port = PublishedPort { container_port: port, protocol: "tcp".into(), host_ip: host.into(), host_port };
        self.change(name, |container| container.ports.push(port));
    }

    /// The second process is in the namespace of the first.
    pub(super) fn share(&self, pid: u32, guest: u32) {
        let net = self.folder.path().join(format!("{guest}/net"));
        fs::remove_dir_all(&net).unwrap();
        std::os::unix::fs::symlink(self.folder.path().join(format!("{pid}/net")), net).unwrap();
    }

    /// The users of a process and of its child, which has the next number but a thousand.
    pub(super) fn users(&self, pid: u32, own: u32, child: u32) {
        let status = |uid: u32| format!("Name:\tapp\nUid:\t0\t0\t0\t{uid}\nGid:\t0\t0\t0\t0\n");
        let young = pid + 1_000;
        self.write(&format!("{pid}/status"), &status(own));
        self.write(&format!("{young}/status"), &status(child));
        self.write(&format!("{pid}/task/{pid}/children"), &format!("{young} "));
        self.write(&format!("{young}/task/{young}/children"), "");
    }

    /// Another process has the number from now on.
    pub(super) fn reuse(&self, pid: u32) {
        self.write(&format!("{pid}/stat"), &stat(pid, 1));
        self.write(&format!("{pid}/cgroup"), "0::/user.slice\n");
    }

    /// The sockets of a namespace, and counters which say that they are new.
    pub(super) fn sockets(&mut self, pid: u32, rows: &[Row]) {
        self.changes += 1;
        self.sockets_quietly(pid, rows);
    }

    /// The same without a word in the counters.
    pub(super) fn sockets_quietly(&self, pid: u32, rows: &[Row]) {
        let mut tables: BTreeMap<&str, String> =
            ["tcp", "tcp6", "udp", "udp6"].map(|table| (table, "  sl  local_address\n".to_owned())).into();
        for (number, (table, state, local, remote, retransmits)) in rows.iter().enumerate() {
            let user = self.users.get(&local.parse::<SocketAddr>().unwrap().port()).copied().unwrap_or_default();
            let [local, remote] = [local, remote].map(|at| printed(table, at.parse().unwrap()));
            // Whoever only waits for the end is held by nobody.
            let (user, inode) = if *state == TIME_WAIT { (0, 0) } else { (user, 1_000 + number) };
            let row = format!(
                "{number:4}: {local} {remote} {state:02X} 00000000:00000000 00:00000000 {retransmits:08X} {user:5}        0 {inode} 1 0\n"
            );
            tables.get_mut(table).unwrap().push_str(&row);
        }
        for (table, text) in &tables {
            self.write(&format!("{pid}/net/{table}"), text);
        }
        let snmp = format!(
            "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab\nTcp: {} 0 0 0 0\n",
            self.changes
        );
        self.write(&format!("{pid}/net/snmp"), &snmp);
        self.write(&format!("{pid}/net/sockstat"), "TCP: inuse 9 orphan 0 tw 9 alloc 9 mem 0\nUDP: inuse 9 mem 0\n");
        self.write(&format!("{pid}/net/sockstat6"), "TCP6: inuse 9\nUDP6: inuse 9\n");
    }

    /// A look ten seconds later.
    pub(super) fn sweep(&mut self) -> Observed {
        self.passes(10);
        self.early = false;
        let ours = self.ours.clone();
        let proc = self.proc();
        let around =
            Around { proc: &proc, now: self.now, own: self.own.as_deref(), ours: &|_, at, _| ours.contains(&at) };
        self.sweeper.sweep(&self.snapshot, &around)
    }

    pub(super) fn passes(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// What a sweep has seen, in words: flows with their counts.
    pub(super) fn flows(&mut self) -> Vec<String> {
        words(&self.sweep().flows)
    }
}

pub(super) fn words(counts: &BTreeMap<Edge, u64>) -> Vec<String> {
    counts.iter().map(|(edge, count)| format!("{edge} x{count}")).collect()
}

pub(super) fn service(name: &str) -> ServiceKey {
    ServiceKey { project: "shop".into(), service: name.into() }
}

pub(super) fn edge(from: &str, to: End, port: u16) -> Edge {
    Edge { from: service(from), to, port, protocol: Protocol::Tcp }
}

fn stat(pid: u32, start: u64) -> String {
    format!("{pid} (app) S 1 {pid} {pid} 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 {start} 1000 10")
}

/// As the kernel of this machine prints an address.
fn printed(table: &str, at: SocketAddr) -> String {
    let bytes = match at.ip() {
        std::net::IpAddr::V4(ip) if table.ends_with('6') => ip.to_ipv6_mapped().octets().to_vec(),
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = bytes.chunks_exact(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
    let words: String = words.map(|word| format!("{word:08X}")).collect();
    format!("{words}:{:04X}", at.port())
}

fn network(name: &str, subnet: &str) -> Network {
    Network {
        id: name.into(),
        name: name.into(),
        driver: Some("bridge".into()),
        subnets: vec![subnet.into()],
        ..Network::default()
    }
}

fn entry(container: Container) -> Entry {
    Entry::bare(container, Timestamp::UNIX_EPOCH)
}

fn container(id: &str, name: &str, pid: u32, started_at: Timestamp) -> Container {
    let labels = [("com.docker.compose.project", "shop"), ("com.docker.compose.service", name)];
    let labels = Labels::new(labels.map(|(key, value)| (key.into(), value.into())));
    Container {
        image: "image:1".into(),
        state: ContainerState::Running,
        pid: Some(pid),
        started_at: Some(started_at),
        network_mode: NetworkMode::Own("front".into()),
        ..Container::bare(id, name, labels)
    }
}
