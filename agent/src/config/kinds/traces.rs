//! Kinds of values for OTLP.

use std::{net::IpAddr, time::Duration};

use super::{
    Kind, Raw, Wrong,
    loki::{Server, read_url},
    many, not_one_of, one, quoted, read_duration, read_listen, show_duration, shown, within,
};
use crate::{
    model::Glob,
    otlp::Signal,
    traces::{Names, Protocol, Sync},
};

const OFF: &str = "off";

/// Longest of what may stand between two that are waited for.
const MAX_DURATION: Duration = Duration::from_secs(60);

const BACK_END: Server = Server {
    wrong: "is not a URL of an OTLP back end",
    hint: "write http://tempo:4317 for OTLP/gRPC, or https://otlp.example/prefix with `protocol: http`",
    paths: &["/v1/traces", "/v1/metrics", "/v1/logs"],
};

/// Where an OTLP back end is, or `off`.
pub(in crate::config) const OTLP_URL: Kind<Option<String>> = Kind {
    name: "a URL or off",
    range: || "http://host:4317, https://host/prefix".into(),
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_url(text, &BACK_END).map(Some) }),
    show: |url| Raw::One(url.clone().unwrap_or_else(|| OFF.to_owned())),
};

/// On, off, or as the rest of the configuration says.
pub(in crate::config) const AUTO_SWITCH: Kind<Option<bool>> = Kind {
    name: "a choice",
    range: || "auto, true, false".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "auto" => Ok(None),
            "on" | "true" | "yes" => Ok(Some(true)),
            OFF | "false" | "no" => Ok(Some(false)),
            _ => Err(not_one_of(text, "a choice", &["auto", "true", "false"])),
        })
    },
    show: |choice| Raw::One(choice.map_or_else(|| "auto".to_owned(), |on| on.to_string())),
};

/// `address:port` to listen on, or `off`.
pub(in crate::config) const LISTEN_OR_OFF: Kind<Option<std::net::SocketAddr>> = Kind {
    name: "an address with port, or off",
    range: String::new,
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_listen(text).map(Some) }),
    show: |address| Raw::One(address.map_or_else(|| OFF.to_owned(), |address| address.to_string())),
};

/// A duration of a minute at most, or `off`.
pub(in crate::config) const DURATION_OR_OFF: Kind<Option<Duration>> = Kind {
    name: "a duration or off",
    range: || "100ms to 1m".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            OFF => Ok(None),
            _ => {
                let shortest = Duration::from_millis(100);
                within(read_duration(text)?, shortest, MAX_DURATION, |value| show_duration(*value)).map(Some)
            }
        })
    },
    show: |value| Raw::One(value.map_or_else(|| OFF.to_owned(), show_duration)),
};

/// Addresses.
pub(in crate::config) const ADDRESSES: Kind<Vec<IpAddr>> = Kind {
    name: "a list of addresses",
    range: || "10.0.0.2, fd00::2".into(),
    list: true,
    read: |raw| {
        many(raw, |text| {
            let wrong =
                || Wrong::new(format!("{} is not an address", quoted(text))).hint("write IPv4 or IPv6 addresses");
            text.parse().map_err(|_| wrong())
        })
    },
    show: |addresses| Raw::Many(addresses.iter().map(IpAddr::to_string).collect()),
};

/// Patterns with `*`.
pub(in crate::config) const GLOBS: Kind<Vec<Glob>> = Kind {
    name: "a list of patterns",
    range: || "* stands for any run of characters".into(),
    list: true,
    read: |raw| {
        many(raw, |text| match text.len() {
            1..=256 => Ok(Glob::new(text)),
            _ => Err(Wrong::new("is no pattern").hint("1 to 256 bytes, where * stands for any run of characters")),
        })
    },
    show: |globs| Raw::Many(globs.iter().map(|glob| glob.as_str().to_owned()).collect()),
};

/// A share.
pub(in crate::config) const RATIO: Kind<f64> = Kind {
    name: "a share",
    range: || "0 to 1".into(),
    list: false,
    read: |raw| {
        one(raw, |text| {
            let wrong = || Wrong::new(format!("{} is not a number", quoted(text))).hint("write 0.25 for a quarter");
            let number = text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(wrong)?;
            within(number, 0.0, 1.0, f64::to_string)
        })
    },
    show: shown,
};

/// Whose names metrics from spans bear, or `off`.
pub(in crate::config) const RED: Kind<Option<Names>> = Kind {
    name: "a choice",
    range: || "tempo, connector, off".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "tempo" => Ok(Some(Names::Tempo)),
            "connector" => Ok(Some(Names::Connector)),
            OFF => Ok(None),
            _ => Err(not_one_of(text, "a choice", &["tempo", "connector", OFF])),
        })
    },
    show: |names| {
        Raw::One(
            match names {
                Some(Names::Tempo) => "tempo",
                Some(Names::Connector) => "connector",
                None => OFF,
            }
            .to_owned(),
        )
    },
};

/// When the queue is forced to disk.
pub(in crate::config) const SYNC: Kind<Sync> = Kind {
    name: "a choice",
    range: || "interval, always, off".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "interval" => Ok(Sync::Interval),
            "always" => Ok(Sync::Always),
            OFF => Ok(Sync::Off),
            _ => Err(not_one_of(text, "a choice", &["interval", "always", OFF])),
        })
    },
    show: |sync| {
        Raw::One(
            match sync {
                Sync::Interval => "interval",
                Sync::Always => "always",
                Sync::Off => OFF,
            }
            .to_owned(),
        )
    },
};

/// What is spoken with a back end.
pub(in crate::config) const PROTOCOL: Kind<Protocol> = Kind {
    name: "a protocol",
    range: || "grpc, http".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "grpc" => Ok(Protocol::Grpc),
            // As OTEL_EXPORTER_OTLP_PROTOCOL has it.
            "http" | "http/protobuf" => Ok(Protocol::Http),
            _ => Err(not_one_of(text, "a protocol", &["grpc", "http"])),
        })
    },
    show: |protocol| {
        Raw::One(
            match protocol {
                Protocol::Grpc => "grpc",
                Protocol::Http => "http",
            }
            .to_owned(),
        )
    },
};

/// `true` compresses.
pub(in crate::config) const COMPRESSION: Kind<bool> = Kind {
    name: "a compression",
    range: || "gzip, none".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "gzip" => Ok(true),
            "none" | OFF => Ok(false),
            _ => Err(not_one_of(text, "a compression", &["gzip", "none"])),
        })
    },
    show: |gzip| Raw::One(if *gzip { "gzip" } else { "none" }.to_owned()),
};

/// Signals, each once.
pub(in crate::config) const SIGNALS: Kind<Vec<Signal>> = Kind {
    name: "a list of signals",
    range: || Signal::ALL.map(Signal::as_str).join(", "),
    list: true,
    read: |raw| {
        let mut signals = many(raw, |text| {
            let found = Signal::ALL.into_iter().find(|signal| signal.as_str() == text);
            found.ok_or_else(|| not_one_of(text, "a signal", &Signal::ALL.map(Signal::as_str)))
        })?;
        signals.sort_unstable();
        signals.dedup();
        Ok(signals)
    },
    show: |signals| Raw::Many(signals.iter().map(|signal| signal.as_str().to_owned()).collect()),
};

/// `deployment.environment.name`, or `off`.
pub(in crate::config) const ENVIRONMENT: Kind<Option<String>> = Kind {
    name: "a name or off",
    range: || "production, staging, test, development".into(),
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            OFF => Ok(None),
            _ if (1..=128).contains(&text.len()) && !text.contains(char::is_control) => Ok(Some(text.to_owned())),
            _ => Err(Wrong::new("is no name of an environment").hint("1 to 128 bytes without control characters")),
        })
    },
    show: |name| Raw::One(name.clone().unwrap_or_else(|| OFF.to_owned())),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        Raw::One(text.to_owned())
    }

    #[test]
    fn back_ends_are_taken_in_the_forms_people_have_them() {
        for (text, expected) in [
            ("http://tempo:4317", Some(Some("http://tempo:4317"))),
            ("http://tempo:4318/v1/traces", Some(Some("http://tempo:4318"))),
            ("https://otlp.example/otlp/", Some(Some("https://otlp.example/otlp"))),
            ("off", Some(None)),
            ("tempo:4317", None),
            ("http://me:hunter2@tempo", None),
        ] {
            let read = (OTLP_URL.read)(&raw(text)).ok();
            assert_eq!(read, expected.map(|url| url.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        fn round<T: PartialEq + std::fmt::Debug>(kind: &Kind<T>, texts: &[&str]) {
            for text in texts {
                let value = (kind.read)(&raw(text)).unwrap_or_else(|_| panic!("{text} is {}", kind.name));
                assert_eq!((kind.read)(&(kind.show)(&value)).ok(), Some(value), "{text}");
            }
            assert!((kind.read)(&raw("never heard of")).is_err(), "{}", kind.name);
        }
        round(&AUTO_SWITCH, &["auto", "true", "false", "on", "off"]);
        round(&LISTEN_OR_OFF, &["127.0.0.1:4317", "off"]);
        round(&DURATION_OR_OFF, &["10s", "off"]);
        round(&RATIO, &["0", "0.25", "1"]);
        round(&RED, &["tempo", "connector", "off"]);
        round(&SYNC, &["interval", "always", "off"]);
        round(&PROTOCOL, &["grpc", "http", "http/protobuf"]);
        round(&COMPRESSION, &["gzip", "none"]);
        assert!((RATIO.read)(&raw("1.5")).is_err() && (RATIO.read)(&raw("NaN")).is_err());
    }
}
