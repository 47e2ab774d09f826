//! Kinds of values for the engine.

use super::{Kind, Raw, Wrong, not_one_of, one, quoted};
use crate::{
    config::engine::{Broker, Stats},
    engine::Address,
};

/// The word for "find it yourself".
const AUTO: &str = "auto";

/// Where an engine listens, or `auto`.
pub(in crate::config) const ENGINE: Kind<Option<String>> = Kind {
    name: "an engine address",
    range: || "auto, unix:///path, tcp://host:port".into(),
    list: false,
    read: |raw| one(raw, |text| if text == AUTO { Ok(None) } else { read_address(text).map(Some) }),
    show: |address| Raw::One(address.clone().unwrap_or_else(|| AUTO.to_owned())),
};

/// The name of a docker context, or `auto`.
pub(in crate::config) const CONTEXT: Kind<Option<String>> = Kind {
    name: "the name of a docker context",
    range: || AUTO.into(),
    list: false,
    read: |raw| one(raw, |text| if text == AUTO { Ok(None) } else { read_context(text).map(Some) }),
    show: |name| Raw::One(name.clone().unwrap_or_else(|| AUTO.to_owned())),
};

/// Whether the engine is asked for figures.
pub(in crate::config) const STATS: Kind<Stats> = Kind {
    name: "a choice",
    range: || Stats::ALL.map(Stats::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            let found = Stats::ALL.into_iter().find(|choice| choice.as_str() == text);
            found.ok_or_else(|| not_one_of(text, "a choice", &Stats::ALL.map(Stats::as_str)))
        })
    },
    show: |choice| Raw::One(choice.as_str().to_owned()),
};

/// Whether a process of its own holds the socket.
pub(in crate::config) const BROKER: Kind<Broker> = Kind {
    name: "a choice",
    range: || Broker::ALL.map(Broker::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            let found = Broker::ALL.into_iter().find(|choice| choice.as_str() == text);
            found.ok_or_else(|| not_one_of(text, "a choice", &Broker::ALL.map(Broker::as_str)))
        })
    },
    show: |choice| Raw::One(choice.as_str().to_owned()),
};

/// Addresses are not quoted back: one with a user and a password in it may have been given by mistake.
fn read_address(text: &str) -> Result<String, Wrong> {
    if text.starts_with('/') {
        return Err(Wrong::new("is a path, not an address").hint(format!("write unix://{}", text.escape_debug())));
    }
    if text.split_once("://").is_none() {
        return Err(Wrong::new("is not an engine address").hint("write unix:///path/to/docker.sock or tcp://HOST:PORT"));
    }
    Address::parse(text).map(|_| text.to_owned()).map_err(|error| Wrong::new(error.to_string()))
}

fn read_context(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    if (1..=255).contains(&text.len()) && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{} is no name of a docker context", quoted(text))).hint("`docker context ls` lists them"))
}
