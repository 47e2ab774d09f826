//! Kinds of values for the isolation checks.

use super::{Kind, Raw, many, not_one_of, one, quoted};
use crate::{
    config::report::Wrong,
    isolation::{Enabled, active::Name},
};

/// Whether it is looked at.
pub(in crate::config) const ISOLATION: Kind<Enabled> = Kind {
    name: "a choice",
    range: || Enabled::ALL.map(Enabled::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "on" | "yes" => Ok(Enabled::Always),
            "off" | "no" => Ok(Enabled::Never),
            text => {
                let found = Enabled::ALL.into_iter().find(|choice| choice.as_str() == text);
                found.ok_or_else(|| not_one_of(text, "a choice", &Enabled::ALL.map(Enabled::as_str)))
            }
        })
    },
    show: |choice| Raw::One(choice.as_str().to_owned()),
};

/// Ports, each once and in order.
pub(in crate::config) const PORTS: Kind<Vec<u16>> = Kind {
    name: "a list of ports",
    range: || "1 to 65535".into(),
    list: true,
    read: |raw| {
        let ports = many(raw, |text| {
            let port = text.parse().ok().filter(|port| *port > 0);
            port.ok_or_else(|| {
                Wrong::new(format!("{} is not a port", quoted(text))).hint("write numbers from 1 to 65535")
            })
        })?;
        let mut ports: Vec<u16> = ports;
        ports.sort_unstable();
        ports.dedup();
        Ok(ports)
    },
    show: |ports| Raw::Many(ports.iter().map(u16::to_string).collect()),
};

/// A name outside, or `off`.
pub(in crate::config) const OUTSIDE_NAME: Kind<Option<Name>> = Kind {
    name: "a name or off",
    range: || "example.com".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "off" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|hint| Wrong::new(format!("{} is no such name", quoted(text))).hint(hint)),
        })
    },
    show: |name| Raw::One(name.as_ref().map_or_else(|| "off".to_owned(), Name::to_string)),
};
