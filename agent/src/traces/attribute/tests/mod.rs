//! Made-up hosts: containers, a kernel that knows the truth, resources as senders write them.

#![expect(
    clippy::string_slice,
    clippy::type_complexity,
    reason = "ids are ASCII, and tables of cases are what they are"
)]

mod churn;
mod naming;
mod settling;

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::ResourceSpans,
};
use prost::Message as _;

use super::{
    Around, Attributor, Binding, Named,
    kernel::{Kernel, Owner},
    life::Life,
};
use crate::{
    inventory::{EngineStatus, Entry, Reader, Snapshot},
    model::{
        Attachment, Container, ContainerId, ContainerState, EngineVersion, Event, EventKind, Labels, Network,
        NetworkMode,
    },
    otlp::wire::Group,
    traces::caller::{Caller, Way},
};

/// Where the agent listens.
const DOOR: u16 = 4317;

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + ms).unwrap()
}

/// An id of 64 digits that begins with the number.
fn id(number: u32) -> String {
    format!("{number:012x}{:052x}", 7)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn end(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}

/// A running container with an address, or in somebody's namespace.
fn container(number: u32, name: &str, labels: &[(&str, &str)]) -> Container {
    let labels = Labels::new(labels.iter().map(|(key, value)| ((*key).into(), (*value).into())));
    let mut container = Container::bare(id(number), name, labels);
    (container.state, container.pid) = (ContainerState::Running, Some(number + 1000));
    (container.started_at, container.network_mode) = (Some(time(-60_000)), NetworkMode::Own("net".into()));
    container
}

fn compose(number: u32, service: &str) -> Container {
    let name = format!("shop-{service}-1");
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", service),
        ("com.docker.compose.container-number", "1"),
    ];
    container(number, &name, &labels)
}

fn at(mut container: Container, addresses: &[&str]) -> Container {
    container.networks = vec![Attachment {
        network: "net".into(),
        network_id: Some("net-id".into()),
        addresses: addresses.iter().map(|address| ip(address)).collect(),
        aliases: Vec::new(),
    }];
    container
}

fn joining(mut container: Container, owner: u32) -> Container {
    container.network_mode = NetworkMode::Container(id(owner).into());
    container
}

fn on_host(mut container: Container) -> Container {
    container.network_mode = NetworkMode::Host;
    container
}

fn event(ms: i64, kind: EventKind) -> Event {
    let attributes = match kind {
        EventKind::Changed(_) | EventKind::NetworkChanged => Labels::default(),
        _ => Labels::new([("name".into(), "some".into())]),
    };
    Event { time: time(ms), kind, attributes }
}

/// A kernel that knows the truth.
#[derive(Debug, Default)]
struct Truth {
    sees_host: bool,
    world: Mutex<World>,
}

#[derive(Debug, Default)]
struct World {
    addresses: HashSet<(ContainerId, IpAddr)>,
    /// Whose, its own end, the other one.
    sockets: HashSet<(ContainerId, SocketAddr, SocketAddr)>,
    owners: HashMap<SocketAddr, Owner>,
    host: HashSet<IpAddr>,
    processes: HashMap<u32, Vec<String>>,
    asked: usize,
}

impl Truth {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kernel for Truth {
    fn sees_host(&self) -> bool {
        self.sees_host
    }

    fn has_address(&self, life: &Life, address: IpAddr) -> bool {
        self.world().asked += 1;
        self.world().addresses.contains(&(life.id.clone(), address))
    }

    fn has_socket(&self, life: &Life, local: SocketAddr, remote: SocketAddr) -> bool {
        self.world().asked += 1;
        self.world().sockets.contains(&(life.id.clone(), local, remote))
    }

    fn owner(&self, local: SocketAddr, _: SocketAddr) -> Owner {
        self.world().owners.get(&local).cloned().unwrap_or(Owner::Unknown)
    }

    fn is_of_host(&self, address: IpAddr) -> bool {
        self.world().host.contains(&address)
    }

    fn containers_of(&self, pid: u32) -> Option<Vec<String>> {
        self.world().processes.get(&pid).cloned()
    }
}

/// An attributor with what it hears.
struct Bench {
    attributor: Attributor,
    reader: Reader,
    kernel: Arc<Truth>,
    picture: Snapshot,
    heard: u64,
}

impl Bench {
    fn new(sees_host: bool, own: Option<u32>) -> Self {
        let around = Around {
            proc: "/nowhere".into(),
            own: own.map(|own| id(own).into()),
            local_engine: true,
            labels: vec![crate::model::Glob::new("com.docker.compose.*"), crate::model::Glob::new("team")],
            environment: Some("test".into()),
            host_id: Some("machine".into()),
        };
        Self::around(sees_host, around)
    }

    fn around(sees_host: bool, around: Around) -> Self {
        let version = EngineVersion { version: "28.5.1".into(), os: Some("linux".into()), ..EngineVersion::default() };
        let engine = EngineStatus {
            connected: true,
            version: Some(version.into()),
            ready_since: Some(time(0)),
            ..EngineStatus::default()
        };
        let network = Network {
            name: "net".into(),
            driver: Some("bridge".into()),
            subnets: vec!["172.21.0.0/16".into(), "fd00:7::/64".into()],
            gateways: vec![ip("172.20.0.1")],
            ..Network::default()
        };
        let picture =
            Snapshot { host: Some("box".into()), engine, networks: vec![Arc::new(network)], ..Snapshot::default() };
        let (reader, kernel) = (Reader::new(), Arc::new(Truth { sees_host, ..Truth::default() }));
        let attributor = Attributor::with_kernel(reader.clone(), around, Arc::clone(&kernel) as Arc<dyn Kernel>);
        Self { attributor, reader, kernel, picture, heard: 0 }
    }

    fn hear(&mut self, event: &Event) {
        self.heard += 1;
        self.attributor.hear(event);
    }

    /// A container as described now.
    fn describe(&mut self, container: Container) {
        self.describe_as_of(container, self.heard);
    }

    /// A container as described in answer to a question that was asked when so many events had been heard.
    fn describe_as_of(&mut self, container: Container, asked_after: u64) {
        self.picture.containers.retain(|entry| entry.container.id != container.id);
        let entry = Entry { asked_after, ..Entry::bare(container, time(0)) };
        self.picture.containers.push(Arc::new(entry));
        self.publish();
    }

    fn remove(&mut self, number: u32) {
        self.picture.containers.retain(|entry| entry.container.id.as_str() != id(number));
        self.publish();
    }

    fn publish(&mut self) {
        self.picture.generation += 1;
        self.reader.publish(self.picture.clone());
        self.attributor.ring();
    }

    /// The kernel knows a connection of that container.
    fn connects(&self, number: u32, peer: SocketAddr, local: SocketAddr) {
        let id = ContainerId::new(id(number));
        self.kernel.world().sockets.insert((id.clone(), peer, local));
        self.kernel.world().addresses.insert((id, peer.ip()));
    }

    fn accept(&self, peer: SocketAddr, local: SocketAddr) -> Binding {
        self.attributor.bind_at(&Caller { way: Way::Tcp { peer, local } }, time(0))
    }

    async fn named(&self, binding: &Binding, group: &[u8]) -> Named {
        self.attributor.settle(binding).await;
        self.attributor.name(binding, &Group::parse(group).unwrap())
    }
}

/// The number of the container that was named.
fn number(named: &Named) -> Option<u32> {
    named.who.as_ref().map(|who| u32::from_str_radix(&who.container_id[..12], 16).unwrap())
}

fn pair(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A `ResourceSpans` with these attributes.
fn resource(pairs: &[(&str, &str)]) -> Vec<u8> {
    let attributes = pairs.iter().map(|(key, value)| pair(key, value)).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    ResourceSpans { resource, ..ResourceSpans::default() }.encode_to_vec()
}

/// The attributes of a resource after a change, in order.
fn changed(group: &[u8], named: &Named) -> Vec<(String, String)> {
    let mut resource = ResourceSpans::decode(group).unwrap().resource.unwrap_or_default();
    resource.attributes.retain(|pair| !named.change.without.contains(&pair.key.as_str()));
    resource.attributes.extend(Resource::decode(named.change.add.clone()).unwrap().attributes);
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::ArrayValue(list)) => {
            let words = list.values.into_iter().map(|value| match value.value {
                Some(Value::StringValue(text)) => text,
                other => format!("{other:?}"),
            });
            format!("[{}]", words.collect::<Vec<_>>().join(","))
        }
        other => format!("{other:?}"),
    };
    resource.attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}
