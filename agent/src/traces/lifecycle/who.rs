//! Who a container is, in the words of traces.

use std::sync::Arc;

use super::span::{Attributes, Value};
use crate::{
    inventory::Entry,
    model::{Container, ContainerId, Identity, Labels, shorten},
};

/// Longest name, image or dependency in bytes; what is longer is shortened.
const MAX_TEXT: usize = 256;
/// Dependencies of one service; Compose files with more are not written by people.
const MAX_DEPENDENCIES: usize = 32;

/// `service:condition:restart,...`, written by Compose.
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Compose's own mark; everything it makes has one.
const PROJECT: &str = "com.docker.compose.project";

/// One container's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) id: ContainerId,
    pub(super) name: Arc<str>,
    pub(super) project: Arc<str>,
    pub(super) service: Arc<str>,
    pub(super) replica: Arc<str>,
    pub(super) image: Arc<str>,
    /// Of Compose, not of Swarm.
    pub(super) compose: bool,
    /// `docker compose run`: no replica of its service.
    pub(super) one_off: bool,
    /// Services it waits for, as its labels say, sorted, each once.
    pub(super) depends_on: Vec<Arc<str>>,
}

impl Who {
    /// From an event's attributes; `None` where they have no name.
    pub(super) fn of_event(id: &ContainerId, attributes: &Labels) -> Option<Self> {
        let name = attributes.get("name").filter(|name| !name.is_empty())?;
        let identity = Identity::from_labels(attributes, name);
        Some(Self::new(id, name, attributes.get("image").unwrap_or_default(), attributes, &identity))
    }

    /// From the inventory.
    pub(super) fn of_entry(entry: &Entry) -> Self {
        let Container { id, name, image, labels, identity, .. } = &entry.container;
        Self { replica: shorten(&entry.replica, MAX_TEXT).into(), ..Self::new(id, name, image, labels, identity) }
    }

    fn new(id: &ContainerId, name: &str, image: &str, labels: &Labels, identity: &Identity) -> Self {
        Self {
            id: id.clone(),
            name: shorten(name, MAX_TEXT).into(),
            project: identity.key.project.clone(),
            service: identity.key.service.clone(),
            replica: identity.replica.clone(),
            image: shorten(image, MAX_TEXT).into(),
            compose: labels.get(PROJECT).is_some(),
            one_off: identity.one_off,
            depends_on: dependencies(labels.get(DEPENDS_ON).unwrap_or_default()),
        }
    }

    /// What its spans are called by: `shop/db-1`; a container without a project by its service, which is its name.
    pub(super) fn title(&self) -> String {
        match (&*self.project, self.one_off) {
            ("", _) => self.service.to_string(),
            (project, true) => format!("{project}/{}", self.name),
            (project, false) => format!("{project}/{}-{}", self.service, self.replica),
        }
    }

    /// Attributes of its resource, by semantic conventions 1.44.
    pub(super) fn resource<'a>(&'a self, into: &mut Attributes<'a>) {
        into.push(("service.name", Value::Text((&*self.service).into())));
        if !self.project.is_empty() {
            into.push(("service.namespace", Value::Text((&*self.project).into())));
            let instance = format!("{}.{}.{}", self.project, self.service, self.replica);
            into.push(("service.instance.id", Value::Text(instance.into())));
        }
        into.push(("container.id", Value::Text(self.id.as_str().into())));
        into.push(("container.name", Value::Text((&*self.name).into())));
        let (image, tag) = image(&self.image);
        if let Some(image) = image {
            into.push(("container.image.name", Value::Text(image.into())));
        }
        if let Some(tag) = tag {
            into.push(("container.image.tags", Value::Texts(vec![tag.into()])));
        }
    }
}

/// Names before the first colon of each entry.
fn dependencies(label: &str) -> Vec<Arc<str>> {
    let names = label.split(',').filter_map(|entry| entry.split(':').next()).map(str::trim);
    let names = names.filter(|name| !name.is_empty()).take(MAX_DEPENDENCIES);
    let mut names: Vec<Arc<str>> = names.map(|name| shorten(name, MAX_TEXT).into()).collect();
    names.sort();
    names.dedup();
    names
}

/// Repository and tag of a reference. A bare digest is neither; a port of a registry is no tag.
fn image(reference: &str) -> (Option<&str>, Option<&str>) {
    if reference.is_empty() || reference.starts_with("sha256:") {
        return (None, None);
    }
    let name = reference.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (Some(repository), Some(tag)),
        _ => (Some(name), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_repository_and_perhaps_a_tag() {
        for (reference, expected) in [
            ("redis", (Some("redis"), None)),
            ("redis:7", (Some("redis"), Some("7"))),
            ("reg:5000/a/redis", (Some("reg:5000/a/redis"), None)),
            ("reg:5000/a/redis:7@sha256:aa", (Some("reg:5000/a/redis"), Some("7"))),
            ("redis@sha256:aa", (Some("redis"), None)),
            ("sha256:aa", (None, None)),
            ("", (None, None)),
        ] {
            assert_eq!(image(reference), expected, "{reference}");
        }
    }

    #[test]
    fn dependencies_are_what_compose_writes_and_never_more_than_bounded() {
        let read = |label: &str| dependencies(label).iter().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(read("redis:service_started:false,db:service_healthy:true"), ["db", "redis"]);
        assert_eq!(read("db, db ,:x,,"), ["db"]);
        assert_eq!(read(""), [""; 0]);
        let hostile: String = (0..1_000).map(|n| format!("{n:0300}:x,")).collect();
        let read = read(&hostile);
        assert_eq!(read.len(), MAX_DEPENDENCIES);
        assert!(read.iter().all(|name| name.len() <= MAX_TEXT));
    }
}
