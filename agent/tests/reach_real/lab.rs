//! Networks of every kind which the engine makes, with somebody who listens on each, and three ways to find out what gets through.

use std::{net::IpAddr, sync::Arc, time::Duration};

use spyhop::{
    engine::{Address, Engine},
    helper::Client,
    inventory::{self, Entry, Reader, Settings, Snapshot},
    model::Process,
    telemetry::Metrics,
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::support::{
    container::{Role, Running},
    docker::{Docker, Turn},
    netns_helper::{NetnsHelper, is_root_or_skip},
    wait::{eventually, holds},
};

/// Where everybody listens.
pub(crate) const PORT: u16 = 7000;

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Somebody has taken the connection.
    Welcome,
    /// The port is closed, by whoever has the address.
    Refused,
    /// No answer in a second, or no way.
    Nothing,
}

/// The engine, its inventory, the helper.
pub(crate) struct Lab {
    pub(crate) docker: Docker,
    reader: Reader,
    helper: Client,
    shutdown: CancellationToken,
    networks: Vec<String>,
    _helper: NetnsHelper,
    runtime: Runtime,
}

impl Lab {
    pub(crate) fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        if !is_root_or_skip() {
            return None;
        }
        let process = NetnsHelper::start(&[]);
        let runtime = Runtime::new().expect("a runtime");
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let address = Address::parse(&format!("unix://{}", docker.socket().display())).expect("an address");
        let engine = Engine::new(address, metrics.clone()).expect("a handle");
        let (reader_end, stop) = (reader.clone(), shutdown.clone());
        runtime.spawn(inventory::watch(engine, Settings::default(), reader_end, metrics, || {}, stop));
        eventually("the first inventory", || {
            holds(reader.load().engine.connected, || format!("{:?}", reader.load().engine))
        });
        let helper = process.client();
        Some(Self { docker, reader, helper, shutdown, networks: Vec::new(), _helper: process, runtime })
    }

    /// A network; `None`, after telling why, where the engine makes no such one.
    pub(crate) fn network(&mut self, stem: &str, options: &[&str]) -> Option<String> {
        let name = self.docker.unique(stem);
        let made = self.docker.cli(&[&["network", "create"], options, &[&name]].concat());
        match made {
            Ok(_) => {
                self.networks.push(name.clone());
                Some(name)
            }
            Err(reason) => {
                self.docker.product().leaves_out(true, &format!("no network {stem}: {reason}"));
                None
            }
        }
    }

    /// Somebody who listens on [`PORT`], for both kinds of IP, and answers whatever comes.
    pub(crate) fn listener(&self, stem: &str, options: &[&str]) -> Running {
        self.listener_on(stem, options, PORT)
    }

    pub(crate) fn listener_on(&self, stem: &str, options: &[&str], port: u16) -> Running {
        // busybox's nc serves one after the other; its httpd serves all at once, and both families.
        let script = format!("mkdir -p /tmp/www && exec httpd -f -p {port} -h /tmp/www");
        self.docker.container(stem).options(options).role(Role::Script(script)).start()
    }

    /// The picture, once all of these are in it with their addresses.
    pub(crate) fn picture(&self, containers: &[&Running]) -> Arc<Snapshot> {
        eventually("everybody is in the picture", || {
            let snapshot = self.reader.load();
            let known = |container: &&Running| {
                snapshot
                    .containers
                    .iter()
                    .any(|entry| entry.container.id.as_str() == container.id && entry.container.has_processes())
            };
            match containers.iter().find(|container| !known(container)) {
                None => Ok(snapshot),
                Some(missing) => Err(format!("{missing:?}")),
            }
        })
    }

    /// The truth: what a client inside of the container is told.
    pub(crate) fn truth(&self, from: &Running, to: IpAddr, port: u16) -> Told {
        let script = format!("nc -w 1 {to} {port} </dev/null 2>&1; echo \"code $?\"");
        let said = self.docker.cli(&["exec", &from.id, "sh", "-c", &script]).unwrap_or_else(|reason| reason);
        if said.contains("code 0") {
            Told::Welcome
        } else if said.contains("refused") {
            Told::Refused
        } else {
            Told::Nothing
        }
    }

    /// The helper's finding: whether a connection made in the container's namespace gets through.
    pub(crate) fn probed(&self, from: &Entry, to: IpAddr, port: u16, own: bool) -> bool {
        let container = &from.container;
        let pid = container.pid.expect("it runs");
        let process = Process::of_container("/proc".as_ref(), pid, container.id.as_str()).expect("its process");
        let connect = self.helper.connect(process, (to, port).into());
        let tried = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(1), connect).await });
        match tried {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => own && error.kind() == std::io::ErrorKind::ConnectionRefused,
            Err(_) => false,
        }
    }

    /// Goes on asking from inside the container, until it is removed.
    pub(crate) fn keep_asking(&self, from: &Running, to: IpAddr, port: u16) {
        let script = format!("while :; do nc -w 3 {to} {port} </dev/null; sleep 0.2; done");
        self.docker.run(&["exec", "--detach", &from.id, "sh", "-c", &script]);
    }

    /// Address of the gateway of a network, which is the host's.
    pub(crate) fn gateway(&self, network: &str, v6: bool) -> Option<IpAddr> {
        let lines =
            self.docker.run(&["network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}", network]);
        let mut all = lines.split_whitespace().filter_map(|word| word.split('/').next()?.parse::<IpAddr>().ok());
        all.find(|address| address.is_ipv6() == v6)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.shutdown.cancel();
        for network in &self.networks {
            if let Err(reason) = self.docker.cli(&["network", "rm", network]) {
                eprintln!("{reason}");
            }
        }
    }
}
