//! Routers that a container's labels ask for, under the names Traefik gives them.

use std::collections::BTreeMap;

use super::{Backend, Options, Protocol};
use crate::model::InOrder as _;

/// Most routers of one container that are looked at.
pub const MAX_ROUTERS: usize = 64;
/// Longest name that is looked at, in bytes.
const MAX_NAME: usize = 256;

/// What a container asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    /// Its routers.
    pub(super) routers: Vec<Asked<'a>>,
    /// Routers beyond [`MAX_ROUTERS`].
    pub(super) left_out: usize,
    /// `traefik.docker.network`, or the provider's.
    pub(super) network: Option<&'a str>,
    /// A service of it whose port no label says, and no URL either (Traefik 3).
    pub(super) portless: bool,
    /// `traefik.docker.allownonrunning` (Traefik 3): it is kept whatever its state.
    pub(super) any_state: bool,
}

/// A router that a container asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) protocol: Protocol,
    /// Its name, without the provider.
    pub(super) name: String,
    /// Everything its labels say of it, in one form: two containers agree on a router or lose it.
    pub(super) definition: BTreeMap<String, &'a str>,
    /// It does not say which of several services is meant.
    pub(super) ambiguous: bool,
    /// It has no rule where one is needed.
    pub(super) no_rule: bool,
}

/// What labels say below `traefik.<protocol>`. Names in lower case lead to the spelling that counts.
#[derive(Default)]
struct Section<'a> {
    routers: BTreeMap<String, (&'a str, BTreeMap<String, &'a str>)>,
    services: BTreeMap<String, (&'a str, BTreeMap<String, &'a str>)>,
    others: bool,
}

/// What a container's labels ask for; `None` where it is not for Traefik at all.
pub(super) fn wanted<'a>(options: &'a Options, backend: &Backend<'a>) -> Option<Wanted<'a>> {
    let mut sections: [Section<'a>; 3] = Default::default();
    let mut enabled = options.exposed_by_default;
    let mut wanted = Wanted { network: options.network.as_deref(), ..Wanted::default() };
    let mut labels = backend.labels.clone();
    // In this order Traefik reads them, and the first spelling of a name is the one it keeps.
    labels.order();
    for (key, value) in labels {
        let parts: Vec<&str> = key.split('.').collect();
        let lower: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
        let words: Vec<&str> = lower.iter().map(String::as_str).collect();
        match (words.as_slice(), parts.get(3)) {
            (["traefik", "enable"], _) => enabled = truth(value).unwrap_or(enabled),
            (["traefik", "docker", "network"], _) => wanted.network = Some(value),
            (["traefik", "docker", "allownonrunning"], _) => wanted.any_state = truth(value).unwrap_or(false),
            (["traefik", protocol, kind, name, field @ ..], Some(spelt)) if name.len() <= MAX_NAME => {
                let Some(at) = Protocol::ALL.iter().position(|known| known.word() == *protocol) else { continue };
                let Some(section) = sections.get_mut(at) else { continue };
                let things = match *kind {
                    "routers" => &mut section.routers,
                    "services" => &mut section.services,
                    _ => {
                        section.others |= *kind == "middlewares";
                        continue;
                    }
                };
                let (_, fields) = things.entry((*name).to_owned()).or_insert_with(|| (*spelt, BTreeMap::new()));
                fields.insert(field.join("."), value);
            }
            _ => {}
        }
    }
    enabled.then(|| {
        let [http, tcp, udp] = sections;
        let own = default_name(backend);
        let other_protocols =
            [&tcp, &udp].iter().any(|section| !section.routers.is_empty() || !section.services.is_empty());
        let only_others = other_protocols && http.routers.is_empty() && http.services.is_empty() && !http.others;
        for (protocol, section) in [(Protocol::Tcp, tcp), (Protocol::Udp, udp)] {
            if !section.routers.is_empty() || !section.services.is_empty() {
                wanted.take(protocol, section, &own);
            }
        }
        if !only_others {
            wanted.take(Protocol::Http, http, &own);
        }
        wanted
    })
}

impl<'a> Wanted<'a> {
    fn take(&mut self, protocol: Protocol, section: Section<'a>, own: &str) {
        let url = |fields: &BTreeMap<String, &str>| fields.contains_key("loadbalancer.server.url");
        let port = |fields: &BTreeMap<String, &str>| {
            fields.get("loadbalancer.server.port").is_some_and(|port| !port.is_empty())
        };
        self.portless |= section.services.is_empty() || section.services.values().any(|(_, f)| !port(f) && !url(f));
        let several = section.services.len() > 1;
        // A router that names no service gets the container's one, and is another router where that is another.
        let service = section.services.values().next().map_or_else(|| own.to_owned(), |(name, _)| (*name).to_owned());
        if section.routers.is_empty() && protocol == Protocol::Http && !several {
            self.push(protocol, own, BTreeMap::new(), &service, false);
        }
        for (_, (name, definition)) in section.routers {
            self.push(protocol, name, definition, &service, several);
        }
    }

    fn push(
        &mut self,
        protocol: Protocol,
        name: &str,
        mut definition: BTreeMap<String, &'a str>,
        own: &str,
        several: bool,
    ) {
        if self.routers.len() >= MAX_ROUTERS {
            self.left_out += 1;
            return;
        }
        let names_service = definition.get("service").is_some_and(|service| !service.is_empty());
        if !names_service {
            definition.remove("service");
            definition.insert(format!("service of its own: {own}"), "");
        }
        let no_rule = protocol == Protocol::Tcp && definition.get("rule").is_none_or(|rule| rule.is_empty());
        let ambiguous = several && !names_service;
        self.routers.push(Asked { protocol, name: name.to_owned(), definition, ambiguous, no_rule });
    }
}

/// The name of what no label names: service and project of Compose, else the container's name, with everything but letters and digits
/// made a dash.
fn default_name(backend: &Backend<'_>) -> String {
    let label =
        |key: &str| backend.labels.iter().find(|(known, value)| *known == key && !value.is_empty()).map(|(_, v)| *v);
    let name = match (label("com.docker.compose.service"), label("com.docker.compose.project")) {
        (Some(service), Some(project)) => format!("{service}_{project}"),
        _ => backend.name.to_owned(),
    };
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// Go's words for yes and no.
fn truth(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
