//! `probes:` of a service, a profile's service, or at the top level for targets elsewhere.

mod options;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        report::{Position, Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    fields::{self, Fields, under},
};
use crate::policy::probe::{Aim, AimError, Backend, Elsewhere, Family, Kind, Probe, is_name, is_server_name, path};

/// Keys of which exactly one says what is asked.
const KINDS: [Kind; 7] = Kind::ALL;
/// Keys that only a target elsewhere has.
const ELSEWHERE: [&str; 4] = ["url", "connect", "ip_protocol", "tier"];

/// Probes of a service's containers.
pub(super) fn read(fields: &mut Fields<'_>, path: &str, node: Node) -> BTreeMap<Arc<str>, Option<Arc<Probe>>> {
    let mut probes = BTreeMap::new();
    for Entry { key, at, value } in fields.map(path, node) {
        let path = under(path, &key);
        let name = name(fields, at, &path, &key);
        let read = match value.value {
            Value::Section(_) => own(fields, &path, value).map(Some),
            _ => fields.parsed(&path, value, short),
        };
        probes.extend(name.zip(read.map(|probe| probe.map(Arc::new))));
    }
    probes
}

/// Targets elsewhere.
pub(super) fn elsewhere(fields: &mut Fields<'_>, node: Node) -> Vec<Arc<Elsewhere>> {
    let mut targets = Vec::new();
    for Entry { key, at, value } in fields.map("probes", node) {
        let path = under("probes", &key);
        let name = name(fields, at, &path, &key);
        let read = match value.value {
            Value::Section(_) => target(fields, &path, value),
            _ => fields.parsed(&path, value, url).map(|(aim, host)| Elsewhere {
                name: Arc::default(),
                host,
                probe: Arc::new(Probe::new(aim)),
                connect: None,
                family: None,
                tier: None,
            }),
        };
        targets.extend(name.zip(read).map(|(name, target)| Arc::new(Elsewhere { name, ..target })));
    }
    targets
}

fn name(fields: &mut Fields<'_>, at: Position, path: &str, name: &str) -> Option<Arc<str>> {
    if is_name(name) {
        return Some(name.into());
    }
    let wrong = Wrong::new(format!("{} is not the name of a probe", quoted(name)));
    fields.wrong(at, path, wrong.hint("at most 63 letters, digits, - and _"));
    None
}

/// `http:8000/health`, or `off`.
fn short(text: &str) -> Result<Option<Probe>, Wrong> {
    match text {
        "off" | "false" | "no" => Ok(None),
        text => Aim::parse(text).map(|aim| Some(Probe::new(aim))).map_err(|error| aim_error(text, error)),
    }
}

fn aim_error(text: &str, error: AimError) -> Wrong {
    let wrong = Wrong::new(format!("{} {error}", quoted(text)));
    wrong.hint("write http:8000/health, tcp:5432, or off; a host belongs under `probes:` at the top level")
}

/// A section of a service's probe.
fn own(fields: &mut Fields<'_>, path: &str, node: Node) -> Option<Probe> {
    let at = node.at;
    let known: Vec<_> = KINDS.iter().map(|kind| kind.as_str()).chain(options::KEYS).collect();
    let (aims, entries): (Vec<_>, Vec<_>) =
        fields.section(path, node, &known).into_iter().partition(|entry| Kind::from_word(&entry.key).is_some());
    let aim = one(fields, path, at, aims).and_then(|Entry { key, value, .. }| {
        let kind = Kind::from_word(&key)?;
        fields.parsed(&under(path, &key), value, |text| {
            Aim::of(kind, text).map_err(|error| {
                Wrong::new(format!("{} {error}", quoted(text))).hint(format!(
                    "write the port, then the path: {}: {}",
                    kind.as_str(),
                    example(kind)
                ))
            })
        })
    });
    options::read(fields, path, at, aim, entries)
}

const fn example(kind: Kind) -> &'static str {
    if kind.has_path() { "8000/health" } else { "5432" }
}

/// A section of a target elsewhere; its name is still missing.
fn target(fields: &mut Fields<'_>, path: &str, node: Node) -> Option<Elsewhere> {
    let at = node.at;
    let known: Vec<_> = KINDS.iter().map(|kind| kind.as_str()).chain(ELSEWHERE).chain(options::KEYS).collect();
    let is_aim = |entry: &Entry| entry.key == "url" || Kind::from_word(&entry.key).is_some();
    let (aims, entries): (Vec<_>, Vec<_>) = fields.section(path, node, &known).into_iter().partition(is_aim);
    let aim = one(fields, path, at, aims).and_then(|Entry { key, value, .. }| {
        let path = under(path, &key);
        match Kind::from_word(&key) {
            None => fields.parsed(&path, value, url),
            Some(kind) => fields.parsed(&path, value, |text| place(kind, text, false)),
        }
    });
    let (own, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| ELSEWHERE.contains(&entry.key.as_str()));
    let (mut connect, mut family, mut tier) = (None, None, None);
    for Entry { key, value, .. } in own {
        let path = under(path, &key);
        match key.as_str() {
            "connect" => connect = fields.parsed(&path, value, backend),
            "ip_protocol" => family = fields.parsed(&path, value, ip_protocol),
            _ => {
                let at = value.at;
                tier = fields.parsed(&path, value, fields::word);
                fields.tiers_named.extend(tier.iter().map(|tier| (tier.to_string(), at, path.clone())));
            }
        }
    }
    let (aim, host) = aim.unzip();
    let probe = options::read(fields, path, at, aim, entries)?;
    Some(Elsewhere { name: Arc::default(), host: host?, probe: Arc::new(probe), connect, family, tier })
}

/// What is asked must be said once.
fn one(fields: &mut Fields<'_>, path: &str, at: Position, aims: Vec<Entry>) -> Option<Entry> {
    let mut aims = aims.into_iter();
    let Some(first) = aims.next() else {
        let wrong = Wrong::new("does not say what is asked")
            .hint("write one of http, https, tcp, tls, redis, postgres, traefik");
        fields.wrong(at, path, wrong);
        return None;
    };
    for entry in aims {
        let wrong = Wrong::new(format!("is asked by {} already", first.key)).hint("make a probe of its own of it");
        fields.wrong(entry.at, &under(path, &entry.key), wrong);
    }
    Some(first)
}

/// `https://shop.example/health`, `redis://cache.example`.
fn url(text: &str) -> Result<(Aim, Arc<str>), Wrong> {
    let kind = text.split_once("://").and_then(|(scheme, rest)| Some((Kind::from_word(scheme)?, rest)));
    let Some((kind, rest)) = kind.filter(|(kind, _)| *kind != Kind::Traefik) else {
        return Err(Wrong::new(format!("{} is not an address", quoted(text))).hint("write https://shop.example/health"));
    };
    place(kind, rest, true)
}

/// `shop.example[:443][/path]`. In an address no path is `/`, elsewhere it is the convention.
fn place(kind: Kind, text: &str, address: bool) -> Result<(Aim, Arc<str>), Wrong> {
    let wrong = |what: &str| Wrong::new(format!("{} {what}", quoted(text)));
    let (authority, rest) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    if authority.contains('@') {
        return Err(Wrong::new("holds a user or a password").hint("write basic_auth with a password_file"));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if !is_server_name(host) {
        return Err(wrong("has no host name or address").hint("write shop.example:443"));
    }
    let port = port.map_or_else(|| kind.usual_port(), |port| Some(Aim::of(Kind::Tcp, port).ok()?.port));
    let port = port.ok_or_else(|| wrong("has no port from 1 to 65535").hint("write shop.example:443"))?;
    let path = match rest {
        "" => (address && kind.is_http()).then(|| "/".into()),
        rest if kind.has_path() => {
            let hint = "it begins with /, and has no % but in its query, no .. and no spaces";
            Some(path(rest).ok_or_else(|| wrong("has a path that cannot be asked for").hint(hint))?)
        }
        _ => return Err(wrong(&format!("has a path, which {} has not", kind.as_str()))),
    };
    Ok((Aim { kind, port, path }, host.into()))
}

fn backend(text: &str) -> Result<Backend, Wrong> {
    Backend::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a port of a service", quoted(text))).hint("write project/service:443")
    })
}

fn ip_protocol(text: &str) -> Result<Family, Wrong> {
    let family = match text {
        "ip4" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        _ => None,
    };
    fields::one_of(text, "an internet protocol", &["ip4", "ip6"], family)
}
