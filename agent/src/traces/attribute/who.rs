//! What is said of one container: ready-made attributes, and those of them that a resource lacks.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::{
    image,
    pieces::{self, Key, Piece, Pieces},
};
use crate::{
    inventory::Entry,
    model::{Glob, Identity, Labels},
};

/// Labels of a container that become attributes at most.
const MAX_LABELS: usize = 40;

/// Longest value of a label that is taken; a longer one is left out, for half of one says something else.
const MAX_LABEL_VALUE: usize = 1024;

/// Sets of attributes that are kept ready for one container: as many as its programs have kinds of resources.
const MAX_READY: usize = 8;

/// A label's prefix by which a container says attributes of its own.
const SAID: &str = "resource.opentelemetry.io/";

/// The label by which a container says that it passes on what others send.
const RELAY: &str = "spyhop.otlp.relay";

/// One container, as others are told of it.
#[derive(Debug)]
pub struct Who {
    /// Compose project or Swarm stack; empty without one.
    pub project: Arc<str>,
    /// Compose or Swarm service, else the container's name.
    pub service: Arc<str>,
    /// Which one of its service.
    pub replica: Arc<str>,
    /// The engine's id.
    pub container_id: Arc<str>,
    /// Its name without the leading slash.
    pub container_name: Arc<str>,
    /// Everything there is to say, as fields of a `Resource`: `KeyValue`s with their tags.
    pub attributes: Bytes,
    pieces: Pieces,
    relay: bool,
    ready: Mutex<Vec<(u64, Bytes)>>,
}

/// What is the same for every container of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Common {
    /// `host.name`.
    pub(super) host: Option<Arc<str>>,
    /// `host.id`.
    pub(super) host_id: Option<Arc<str>>,
    /// `os.type`, as the engine says it.
    pub(super) os: Option<Arc<str>>,
    /// `container.runtime.name`.
    pub(super) runtime: Option<&'static str>,
    /// `container.runtime.version`.
    pub(super) runtime_version: Option<Arc<str>>,
    /// `deployment.environment.name`.
    pub(super) environment: Option<Arc<str>>,
}

impl Common {
    /// What holds for whatever runs on this host.
    fn host_pieces(&self, into: &mut Vec<Piece>) {
        let texts = [(Key::HostName, &self.host), (Key::HostId, &self.host_id), (Key::OsType, &self.os)];
        into.extend(texts.into_iter().filter_map(|(key, text)| Some(Piece::text(key, text.as_deref()?))));
    }

    /// Attributes of what runs on this host and is in no container that is known.
    pub(super) fn of_host(&self) -> Pieces {
        let mut list = Vec::new();
        self.environment.as_deref().inspect(|text| list.push(Piece::text(Key::Environment, text)));
        self.host_pieces(&mut list);
        Pieces::new(list)
    }
}

impl Who {
    /// That of a container in a picture.
    pub(super) fn new(entry: &Entry, common: &Common, labels: &[Glob]) -> Self {
        let container = &entry.container;
        let Identity { key, .. } = &container.identity;
        let pieces = Pieces::new(list(entry, common, labels));
        Self {
            project: Arc::clone(&key.project),
            service: Arc::clone(&key.service),
            replica: Arc::clone(&entry.replica),
            container_id: container.id.as_str().into(),
            container_name: Arc::clone(&container.name),
            attributes: pieces.all(),
            pieces,
            relay: container.labels.get(RELAY).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")),
            ready: Mutex::default(),
        }
    }

    /// Whether it passes on what others send, by its own label.
    pub(super) const fn is_relay(&self) -> bool {
        self.relay
    }

    /// Every attribute, one by one.
    pub(super) const fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Those attributes that a resource with `present` lacks. The same question is answered from memory: nothing is copied.
    pub(super) fn lacking(&self, present: u64) -> Bytes {
        let present = present & self.pieces.mask();
        if present == 0 {
            return self.attributes.clone();
        }
        if present == self.pieces.mask() {
            return Bytes::new();
        }
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = ready.iter().find(|(known, _)| *known == present) {
            return bytes.clone();
        }
        let bytes = self.pieces.without(present);
        if ready.len() < MAX_READY {
            ready.push((present, bytes.clone()));
        }
        bytes
    }
}

/// Sources: semantic conventions 1.44; `service.*` by the rules for them, of which `resource.opentelemetry.io/` is the one of Kubernetes.
fn list(entry: &Entry, common: &Common, labels: &[Glob]) -> Vec<Piece> {
    let container = &entry.container;
    let said = |key: Key| container.labels.get(&format!("{SAID}{}", key.as_str())).filter(|text| !text.is_empty());
    let project = Some(&*container.identity.key.project).filter(|project| !project.is_empty());
    let image = image::Reference::parse(&container.image);
    let mut list = Vec::new();
    let mut add = |key: Key, text: Option<&str>| {
        list.extend(text.filter(|text| !text.is_empty()).map(|text| Piece::text(key, text)));
    };
    add(Key::ServiceName, Some(said(Key::ServiceName).unwrap_or_else(|| service_name(entry, &image))));
    add(Key::ServiceNamespace, said(Key::ServiceNamespace).or(project));
    add(Key::ServiceInstance, Some(&*instance(entry, project)));
    add(Key::ServiceVersion, said(Key::ServiceVersion));
    add(Key::Environment, said(Key::Environment).or(common.environment.as_deref()));
    add(Key::ContainerId, Some(container.id.as_str()));
    add(Key::ContainerName, Some(&container.name));
    add(Key::ImageName, image.name);
    add(Key::ImageId, container.image_id.as_deref());
    add(Key::RuntimeName, common.runtime);
    add(Key::RuntimeVersion, common.runtime_version.as_deref());
    list.extend(image.tag.map(|tag| Piece::texts(Key::ImageTags, tag)));
    list.extend(image.repo_digest.map(|digest| Piece::texts(Key::ImageDigests, digest)));
    common.host_pieces(&mut list);
    list.extend(of_labels(&container.labels, labels));
    list
}

fn of_labels<'a>(all: &'a Labels, wanted: &'a [Glob]) -> impl Iterator<Item = Piece> + 'a {
    let allowed = |key: &str| !key.is_empty() && wanted.iter().any(|glob| glob.matches(key));
    let fitting = all.iter().filter(move |(key, value)| allowed(key) && value.len() <= MAX_LABEL_VALUE);
    fitting.take(MAX_LABELS).map(|(key, value)| pieces::Piece::label(key, value))
}

/// Compose service, Swarm service, base name of the image, name of the container.
fn service_name<'a>(entry: &'a Entry, image: &image::Reference<'a>) -> &'a str {
    let container = &entry.container;
    let labelled = ["com.docker.compose.service", "com.docker.swarm.service.name"]
        .iter()
        .any(|label| container.labels.get(label).is_some_and(|value| !value.is_empty()));
    match image.base {
        _ if labelled => &container.identity.key.service,
        Some(base) => base,
        None => &container.name,
    }
}

/// `project.service.number`, and the name of a container of no project: the same over restarts, another one for each replica.
fn instance(entry: &Entry, project: Option<&str>) -> Arc<str> {
    let Identity { key, .. } = &entry.container.identity;
    match project {
        Some(project) => format!("{project}.{}.{}", key.service, entry.replica).into(),
        None if *key.service == *entry.container.name => Arc::clone(&entry.container.name),
        None => format!("{}.{}", key.service, entry.replica).into(),
    }
}
