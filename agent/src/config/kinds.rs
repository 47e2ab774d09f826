//! Kinds of values: how each is read, checked, shown, and named in messages and in the documentation.
//!
//! `show` writes what `read` reads back, so that `config print` is itself a configuration.

mod access;
mod engine;
mod isolation;
mod logs;
mod loki;
mod policy;
mod traces;

use std::{collections::BTreeSet, fmt::Display, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use super::{
    report::{Wrong, quoted},
    settings::RootFilesystem,
    units::{parse_duration, parse_size, show_duration, show_size},
};
use crate::{
    model::{Pattern, metric::Group},
    targets::{Agent, Mode},
    telemetry::log::{Format, Level},
};

pub(super) use access::{HOST_NAMES, SECRET_FILE};
pub(super) use engine::{BROKER, CONTEXT, ENGINE, STATS};
pub(super) use isolation::{ISOLATION, OUTSIDE_NAME, PORTS};
pub(super) use logs::{LINE_LEVEL, MATCHERS, OWN_PATTERNS, REDACT, SAMPLES, rate_lines, rate_size};
pub(super) use loki::{LOG_SOURCE, LOKI_URL, TENANT, USERNAME};
pub(super) use policy::{POLICY_FILE, PROFILES};
pub(super) use traces::{
    ADDRESSES, AUTO_SWITCH, COMPRESSION, DURATION_OR_OFF, ENVIRONMENT, GLOBS, LISTEN_OR_OFF, OTLP_URL, PROTOCOL, RATIO,
    RED, SIGNALS, SYNC,
};

/// Items a list may have: far more than anybody writes by hand.
const MAX_ITEMS: usize = 256;
/// Bytes of a host name, as a label of every series.
const MAX_HOST_NAME: usize = 255;

/// A value as its source gives it: text, or a list of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// One text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// How values of one type are read and shown.
pub(super) struct Kind<T> {
    /// What it is called: "a duration".
    pub(super) name: &'static str,
    /// What is allowed, for people; empty when the name says it all.
    pub(super) range: fn() -> String,
    /// Whether it is a list.
    pub(super) list: bool,
    /// Reads and checks.
    pub(super) read: fn(&Raw) -> Result<T, Vec<Wrong>>,
    /// Writes what `read` reads.
    pub(super) show: fn(&T) -> Raw,
}

const ANY: fn() -> String = String::new;

/// `address:port` to listen on.
pub(super) const LISTEN: Kind<SocketAddr> =
    Kind { name: "an address with port", range: ANY, list: false, read: |raw| one(raw, read_listen), show: shown };

/// A whole number within bounds.
pub(super) const fn count<const MIN: usize, const MAX: usize>() -> Kind<usize> {
    Kind {
        name: "a number",
        range: || format!("{MIN} to {MAX}"),
        list: false,
        read: |raw| one(raw, |text| within(read_count(text)?, MIN, MAX, usize::to_string)),
        show: shown,
    }
}

/// A duration within bounds, given in milliseconds.
pub(super) const fn duration<const MIN: u64, const MAX: u64>() -> Kind<Duration> {
    Kind {
        name: "a duration",
        range: || {
            format!("{} to {}", show_duration(Duration::from_millis(MIN)), show_duration(Duration::from_millis(MAX)))
        },
        list: false,
        read: |raw| {
            let bounds = (Duration::from_millis(MIN), Duration::from_millis(MAX));
            one(raw, |text| within(read_duration(text)?, bounds.0, bounds.1, |value| show_duration(*value)))
        },
        show: |value| Raw::One(show_duration(*value)),
    }
}

/// A size in bytes within bounds.
pub(super) const fn size<const MIN: u64, const MAX: u64>() -> Kind<u64> {
    Kind {
        name: "a size",
        range: || format!("{} to {}", show_size(MIN), show_size(MAX)),
        list: false,
        read: |raw| one(raw, |text| within(read_size(text)?, MIN, MAX, |value| show_size(*value))),
        show: |value| Raw::One(show_size(*value)),
    }
}

/// An absolute path.
pub(super) const PATH: Kind<PathBuf> = Kind {
    name: "an absolute path",
    range: ANY,
    list: false,
    read: |raw| one(raw, read_path),
    show: |path| Raw::One(path.display().to_string()),
};

/// An absolute path, or `off`.
pub(super) const PATH_OR_OFF: Kind<Option<PathBuf>> = Kind {
    name: "an absolute path or off",
    range: ANY,
    list: false,
    read: |raw| one(raw, |text| if text == "off" { Ok(None) } else { read_path(text).map(Some) }),
    show: |path| Raw::One(path.as_ref().map_or_else(|| "off".to_owned(), |path| path.display().to_string())),
};

/// Where the host's root is: a path, `auto` or `off`.
pub(super) const ROOT_FILESYSTEM: Kind<RootFilesystem> = Kind {
    name: "an absolute path, auto or off",
    range: ANY,
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "auto" => Ok(RootFilesystem::Auto),
            "off" => Ok(RootFilesystem::Off),
            _ => read_path(text).map(RootFilesystem::At),
        })
    },
    show: |root| {
        Raw::One(match root {
            RootFilesystem::Auto => "auto".to_owned(),
            RootFilesystem::Off => "off".to_owned(),
            RootFilesystem::At(path) => path.display().to_string(),
        })
    },
};

/// A host name, or `auto`.
pub(super) const HOST_NAME: Kind<Option<String>> = Kind {
    name: "a host name or auto",
    range: ANY,
    list: false,
    read: |raw| one(raw, |text| if text == "auto" { Ok(None) } else { read_host_name(text).map(Some) }),
    show: |name| Raw::One(name.clone().unwrap_or_else(|| "auto".to_owned())),
};

/// On or off.
pub(super) const SWITCH: Kind<bool> = Kind {
    name: "a switch",
    range: || "on, off".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "on" | "true" | "yes" => Ok(true),
            "off" | "false" | "no" => Ok(false),
            _ => Err(not_one_of(text, "a switch", &["on", "off"])),
        })
    },
    show: |on| Raw::One(if *on { "on" } else { "off" }.to_owned()),
};

/// Where the agent is reached from outside, or `auto`.
pub(super) const EXTERNAL_URL: Kind<Option<Agent>> = Kind {
    name: "a URL or auto",
    range: || "http://host:port, https://host/prefix".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match (text, Agent::from_url(text)) {
            ("auto", _) => Ok(None),
            (_, Some(agent)) => Ok(Some(agent)),
            // Not quoted back: a URL with a password in it may have been given by mistake.
            (_, None) => Err(Wrong::new("is not a URL of the agent")
                .hint("write http://host:9477 or https://host/prefix, without user, query or fragment")),
        })
    },
    show: |agent| {
        Raw::One(agent.as_ref().map_or_else(
            || "auto".to_owned(),
            |agent| format!("{}://{}{}", agent.scheme.as_str(), agent.authority, agent.prefix),
        ))
    },
};

/// What service discovery points at.
pub(super) const TARGETS_MODE: Kind<Mode> = Kind {
    name: "a mode",
    range: || Mode::ALL.map(Mode::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| Mode::from_word(text).ok_or_else(|| not_one_of(text, "a mode", &Mode::ALL.map(Mode::as_str))))
    },
    show: |mode| Raw::One(mode.as_str().to_owned()),
};

/// Groups of metric families.
pub(super) const GROUPS: Kind<BTreeSet<Group>> = Kind {
    name: "a list of groups",
    range: || Group::ALL.map(Group::as_str).join(", "),
    list: true,
    read: |raw| {
        many(raw, |text| {
            Group::from_word(text).ok_or_else(|| not_one_of(text, "a group", &Group::ALL.map(Group::as_str)))
        })
        // The agent's own health stays on: without it nobody could tell an empty page from a broken one.
        .map(|groups| groups.into_iter().chain([Group::Agent]).collect())
    },
    show: |groups| Raw::Many(groups.iter().map(|group| group.as_str().to_owned()).collect()),
};

/// Keys of container labels, whole or cut short by `*`.
pub(super) const CONTAINER_LABELS: Kind<BTreeSet<String>> = Kind {
    name: "a list of label keys",
    range: || "KEY, BEGINNING*".into(),
    list: true,
    read: |raw| Ok(many(raw, read_label)?.into_iter().collect()),
    show: |labels| Raw::Many(labels.iter().cloned().collect()),
};

/// Names of network interfaces, of which the end may be left open.
pub(super) const INTERFACES: Kind<BTreeSet<String>> = Kind {
    name: "a list of interfaces",
    range: || "NAME, BEGINNING*".into(),
    list: true,
    read: |raw| Ok(many(raw, read_interface)?.into_iter().collect()),
    show: |names| Raw::Many(names.iter().cloned().collect()),
};

/// Patterns on containers.
pub(super) const PATTERNS: Kind<Vec<Pattern>> = Kind {
    name: "a list of patterns",
    range: || "project=GLOB, name=GLOB".into(),
    list: true,
    read: |raw| {
        many(raw, |text| {
            Pattern::parse(text).ok_or_else(|| {
                Wrong::new(format!("{} is not a pattern", quoted(text)))
                    .hint("write project=shop-* or name=web-*, where * stands for any run of characters")
            })
        })
    },
    show: |patterns| Raw::Many(patterns.iter().map(Pattern::to_string).collect()),
};

/// How much the agent logs.
pub(super) const LOG_LEVEL: Kind<Level> = Kind {
    name: "a level",
    range: || Level::ALL.map(Level::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            Level::from_word(text).ok_or_else(|| not_one_of(text, "a level", &Level::ALL.map(Level::as_str)))
        })
    },
    show: |level| Raw::One(level.as_str().to_owned()),
};

/// What the agent's log looks like.
pub(super) const LOG_FORMAT: Kind<Format> = Kind {
    name: "a format",
    range: || Format::ALL.map(Format::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            Format::from_word(text).ok_or_else(|| not_one_of(text, "a format", &Format::ALL.map(Format::as_str)))
        })
    },
    show: |format| Raw::One(format.as_str().to_owned()),
};

/// Reads a single text. That a list stands there instead was refused before; the arm only makes the match complete.
fn one<T>(raw: &Raw, read: impl Fn(&str) -> Result<T, Wrong>) -> Result<T, Vec<Wrong>> {
    match raw {
        Raw::One(text) => read(text).map_err(|wrong| vec![wrong]),
        Raw::Many(_) => Err(vec![Wrong::new("takes a single value, not a list")]),
    }
}

/// Reads every item, and collects what is wrong with any of them.
fn many<T>(raw: &Raw, read: impl Fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Vec<Wrong>> {
    let Raw::Many(texts) = raw else { return Err(vec![Wrong::new("takes a list, not a single value")]) };
    if texts.len() > MAX_ITEMS {
        return Err(vec![Wrong::new(format!("has {} items, at most {MAX_ITEMS} are taken", texts.len()))]);
    }
    let mut items = Vec::with_capacity(texts.len());
    let mut wrong = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(item) => items.push(item),
            Err(error) => wrong.push(error.item(index)),
        }
    }
    if wrong.is_empty() { Ok(items) } else { Err(wrong) }
}

fn shown<T: Display>(value: &T) -> Raw {
    Raw::One(value.to_string())
}

fn within<T: PartialOrd>(value: T, min: T, max: T, show: impl Fn(&T) -> String) -> Result<T, Wrong> {
    if value < min || value > max {
        let wrong = Wrong::new(format!("{} is out of range", show(&value)));
        return Err(wrong.hint(format!("allowed is {} to {}", show(&min), show(&max))));
    }
    Ok(value)
}

fn not_one_of(text: &str, what: &str, words: &[&str]) -> Wrong {
    let wrong = Wrong::new(format!("{} is not {what}", quoted(text)));
    match super::suggest::nearest(text, words.iter().copied()) {
        Some(word) => wrong.hint(format!("did you mean {word}? known are {}", words.join(", "))),
        None => wrong.hint(format!("known are {}", words.join(", "))),
    }
}

fn read_listen(text: &str) -> Result<SocketAddr, Wrong> {
    let hint = match text.rsplit_once(':') {
        Some(("localhost", port)) => format!("names are not looked up: write 127.0.0.1:{port}"),
        Some(("" | "*", port)) => format!("write 0.0.0.0:{port} to listen on every address"),
        None if text.parse::<u16>().is_ok() => format!("write 127.0.0.1:{text}, or 0.0.0.0:{text} for every address"),
        _ => "write address:port, such as 127.0.0.1:9477 or [::1]:9477".to_owned(),
    };
    SocketAddr::from_str(text)
        .map_err(|_| Wrong::new(format!("{} is not an address with port", quoted(text))).hint(hint))
}

fn read_count(text: &str) -> Result<usize, Wrong> {
    text.parse().map_err(|_| Wrong::new(format!("{} is not a whole number", quoted(text))))
}

fn read_duration(text: &str) -> Result<Duration, Wrong> {
    parse_duration(text).ok_or_else(|| {
        let hint = match text.parse::<u64>() {
            Ok(_) => format!("a unit is missing: write {text}s"),
            Err(_) => "write 500ms, 15s, 1m30s or 2d".to_owned(),
        };
        Wrong::new(format!("{} is not a duration", quoted(text))).hint(hint)
    })
}

fn read_size(text: &str) -> Result<u64, Wrong> {
    parse_size(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a size", quoted(text))).hint("write 64MiB, 1GB or a number of bytes")
    })
}

fn read_path(text: &str) -> Result<PathBuf, Wrong> {
    if text.contains('\0') {
        return Err(Wrong::new("has a zero byte in it"));
    }
    if !text.starts_with('/') {
        return Err(Wrong::new(format!("{} is not an absolute path", quoted(text))).hint("begin with /"));
    }
    Ok(PathBuf::from(text))
}

fn read_host_name(text: &str) -> Result<String, Wrong> {
    let fits = !text.is_empty() && text.len() <= MAX_HOST_NAME;
    if fits && text.chars().all(|c| !c.is_control() && !c.is_whitespace()) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{} is not a host name", quoted(text)))
        .hint(format!("1 to {MAX_HOST_NAME} bytes without spaces, or auto")))
}

fn read_label(text: &str) -> Result<String, Wrong> {
    read_name(text).ok_or_else(|| {
        Wrong::new(format!("{} is not the key of a label", quoted(text)))
            .hint("write a whole key such as com.example.team, com.example.* or \"*\" for all")
    })
}

fn read_interface(text: &str) -> Result<String, Wrong> {
    read_name(text).ok_or_else(|| {
        Wrong::new(format!("{} is not the name of an interface", quoted(text)))
            .hint("write a whole name such as eth0, or veth* for all which begin so")
    })
}

/// A whole name, or its beginning and `*`.
fn read_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('*').unwrap_or(text);
    (!text.is_empty() && name.chars().all(|c| c.is_ascii_graphic() && c != '*')).then(|| text.to_owned())
}
