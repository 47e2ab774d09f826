//! What a container declares: its labels, read as something a stranger wrote.
//!
//! ```text
//! spyhop.probe.health=http:8000/health       spyhop.probe.health.interval=10s
//! spyhop.probe.cache=redis:6379              spyhop.probe.health.status=200,204
//! ```
//!
//! A label says protocol, port and path, never a host, a header, a file or a secret: whom to ask is always the container itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    model::{Expression, Labels, Room},
    policy::probe::{Aim, AimError, INTERVALS, Kind, MAX_LIST, Probe, Status, TIMEOUTS, is_name, is_server_name},
};

/// Probes of one container that are read; more are left out.
pub const MAX_PER_CONTAINER: usize = 16;

const PREFIX: &str = "spyhop.probe.";

/// Options that a label may say.
const OPTIONS: [&str; 6] = ["interval", "timeout", "status", "body", "max_duration", "server_name"];

/// What is wrong with a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Not a kind that labels know, or options without the label that says one.
    Kind,
    /// Not a number from 1 to 65535.
    Port,
    /// Not an absolute path of harmless characters.
    Path,
    /// Something an option cannot be, or that the kind has not.
    Option,
}

impl Mistake {
    /// The `reason` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "bad_kind",
            Self::Port => "bad_port",
            Self::Path => "bad_path",
            Self::Option => "bad_option",
        }
    }

    /// For people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Kind => "its label does not begin with http:, https:, tcp:, tls:, redis: or postgres:",
            Self::Port => "the port in its label is not a number from 1 to 65535",
            Self::Path => "the path in its label is not an absolute path of plain characters, or its kind has none",
            Self::Option => "one of its option labels has a value it cannot have, or is none of its kind",
        }
    }
}

impl From<AimError> for Mistake {
    fn from(error: AimError) -> Self {
        match error {
            AimError::Kind => Self::Kind,
            AimError::Port => Self::Port,
            AimError::Path => Self::Path,
        }
    }
}

/// What one container declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declared {
    /// By name.
    pub(super) probes: BTreeMap<Arc<str>, Result<Arc<Probe>, Mistake>>,
    /// Left out: beyond [`MAX_PER_CONTAINER`], or with a name that is none.
    pub(super) refused: u64,
}

#[derive(Default)]
struct Words<'l> {
    aim: Option<&'l str>,
    options: Vec<(&'l str, &'l str)>,
}

/// Reads the labels of one container, in one pass: most have none of these.
pub(super) fn declared(labels: &Labels) -> Declared {
    let mut found = BTreeMap::<&str, Words<'_>>::new();
    let mut declared = Declared::default();
    for (key, value) in labels.iter() {
        let Some(rest) = key.strip_prefix(PREFIX) else { continue };
        let (name, option) = rest.split_once('.').map_or((rest, None), |(name, option)| (name, Some(option)));
        if !is_name(name) || (found.len() >= MAX_PER_CONTAINER && !found.contains_key(name)) {
            declared.refused += 1;
            continue;
        }
        let words = found.entry(name).or_default();
        match option {
            None => words.aim = Some(value.trim()),
            Some(option) => words.options.push((option, value.trim())),
        }
    }
    declared.probes = found.into_iter().map(|(name, words)| (name.into(), words.read().map(Arc::new))).collect();
    declared
}

impl Words<'_> {
    fn read(&self) -> Result<Probe, Mistake> {
        let aim = Aim::parse(self.aim.ok_or(Mistake::Kind)?)?;
        // Its answer is about every container of the host: the file's to ask for.
        if aim.kind == Kind::Traefik {
            return Err(Mistake::Kind);
        }
        let mut probe = Probe::new(aim);
        for (option, value) in &self.options {
            set(&mut probe, option, value).ok_or(Mistake::Option)?;
        }
        let longer = |a: Option<Duration>, b: Option<Duration>| a.zip(b).is_some_and(|(a, b)| a > b);
        if longer(probe.timeout, probe.interval) || longer(probe.max_duration, probe.timeout) {
            return Err(Mistake::Option);
        }
        Ok(probe)
    }
}

/// `None` for a value that cannot be.
fn set(probe: &mut Probe, option: &str, value: &str) -> Option<()> {
    if !OPTIONS.contains(&option) || !probe.aim.kind.takes(option) {
        return None;
    }
    let within = |range: std::ops::RangeInclusive<Duration>| duration(value).filter(|read| range.contains(read));
    match option {
        "interval" => probe.interval = Some(within(INTERVALS)?),
        "timeout" => probe.timeout = Some(within(TIMEOUTS)?),
        "max_duration" => probe.max_duration = Some(within(TIMEOUTS)?),
        "body" => probe.answer.body = Some(Expression::new(value, Room::Small).ok()?),
        "server_name" => probe.tls.server_name = Some(is_server_name(value).then(|| value.into())?),
        _ => {
            let read: Option<Vec<_>> =
                value.split(',').take(MAX_LIST + 1).map(|item| Status::parse(item.trim())).collect();
            probe.answer.status = read.filter(|list| list.len() <= MAX_LIST)?;
        }
    }
    Some(())
}

/// A whole number of milliseconds, seconds, minutes or hours.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(at)?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(u64::from(digits.parse::<u32>().ok()?) * scale))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(labels: &[(&str, &str)]) -> Declared {
        declared(&Labels::new(labels.iter().map(|(key, value)| ((*key).into(), (*value).into()))))
    }

    #[test]
    fn labels_become_probes() {
        let read = read(&[
            ("spyhop.metrics.port", "80"),
            ("spyhop.probe.health", " http:8000/health "),
            ("spyhop.probe.health.interval", "10s"),
            ("spyhop.probe.health.timeout", "750ms"),
            ("spyhop.probe.health.max_duration", "250ms"),
            ("spyhop.probe.health.status", "200, 3xx"),
            ("spyhop.probe.health.body", "\"UP\""),
            ("spyhop.probe.web", "https:443"),
            ("spyhop.probe.web.server_name", "shop.example"),
            ("spyhop.probe.cache", "redis:6379"),
        ]);
        assert_eq!((read.probes.len(), read.refused), (3, 0));
        let health = read.probes["health"].as_ref().unwrap();
        assert_eq!(health.aim.to_string(), "http:8000/health");
        assert_eq!(
            (health.interval, health.timeout),
            (Some(Duration::from_secs(10)), Some(Duration::from_millis(750)))
        );
        assert_eq!(health.max_duration, Some(Duration::from_millis(250)));
        assert_eq!(health.answer.status.len(), 2);
        assert!(health.answer.body.is_some());
        assert_eq!(read.probes["web"].as_ref().unwrap().tls.server_name.as_deref(), Some("shop.example"));
    }

    #[test]
    fn what_a_label_cannot_say() {
        let mistake = |labels: &[(&str, &str)]| {
            let read = read(labels);
            assert_eq!(read.probes.len(), 1, "{labels:?}");
            read.probes.into_values().next().unwrap().unwrap_err()
        };
        let with = |option: &str, value: &str| {
            mistake(&[("spyhop.probe.a", "http:80/"), (&format!("spyhop.probe.a.{option}"), value)])
        };
        assert_eq!(mistake(&[("spyhop.probe.a", "traefik:8080")]), Mistake::Kind);
        assert_eq!(mistake(&[("spyhop.probe.a.interval", "5s")]), Mistake::Kind);
        assert_eq!(mistake(&[("spyhop.probe.a", "http:80@evil/")]), Mistake::Port);
        assert_eq!(mistake(&[("spyhop.probe.a", "http:80/..//x")]), Mistake::Path);
        for option in [
            "bearer_file",
            "basic_auth",
            "headers",
            "headers.Host",
            "host",
            "address",
            "connect",
            "url",
            "ca_file",
            "insecure_skip_verify",
            "names",
            "method",
            "not_body",
            "unauthorized",
            "tier",
            "ip_protocol",
            "info",
            "",
        ] {
            assert_eq!(with(option, "/etc/shadow"), Mistake::Option, "{option}");
        }
        for (option, value) in [
            ("interval", "0s"),
            ("interval", "2h"),
            ("interval", "5"),
            ("interval", "99999999999s"),
            ("timeout", "61s"),
            ("timeout", "-1s"),
            ("status", ""),
            ("status", "200,,201"),
            ("status", "20"),
            ("body", "("),
            ("body", "((a{100}){100}){100}"),
            ("server_name", "shop.example"),
        ] {
            assert_eq!(with(option, value), Mistake::Option, "{option}={value}");
        }
        assert_eq!(with("status", &vec!["200"; 33].join(",")), Mistake::Option);
        let late = [("spyhop.probe.a", "tcp:80"), ("spyhop.probe.a.interval", "1s"), ("spyhop.probe.a.timeout", "2s")];
        assert_eq!(mistake(&late), Mistake::Option);
        let of_https = [("spyhop.probe.a", "https:80"), ("spyhop.probe.a.server_name", "evil:81/x")];
        assert_eq!(mistake(&of_https), Mistake::Option);
    }

    #[test]
    fn names_and_numbers_are_bounded() {
        let keys: Vec<String> = (0..20).map(|n| format!("spyhop.probe.p{n:02}")).collect();
        let labels: Vec<_> = keys.iter().map(|key| (key.as_str(), "tcp:1")).collect();
        let read_all = read(&labels);
        assert_eq!((read_all.probes.len(), read_all.refused), (MAX_PER_CONTAINER, 4));
        let odd =
            read(&[("spyhop.probe.", "tcp:1"), ("spyhop.probe.a b", "tcp:1"), ("spyhop.probe.\u{202e}", "tcp:1")]);
        assert_eq!((odd.probes.len(), odd.refused), (0, 3));
    }

    proptest! {
        #[test]
        fn whatever_labels_say_is_harmless(pairs in proptest::collection::vec(
            ("spyhop\\.probe\\.[a-z.]{0,20}|\\PC{0,30}", "(http|tcp|redis):[0-9]{1,6}[/a-z.%@:]{0,20}|[0-9]{0,12}(ms|s|m)?|\\PC{0,60}"), 0..40)) {
            let labels: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let read = read(&labels);
            prop_assert!(read.probes.len() <= MAX_PER_CONTAINER);
            for probe in read.probes.values().flatten() {
                prop_assert!(probe.headers.is_empty() && probe.credentials == crate::policy::probe::Credentials::None);
                prop_assert!(!probe.tls.insecure && probe.tls.ca_file.is_none());
                prop_assert!(probe.interval.is_none_or(|interval| INTERVALS.contains(&interval)));
            }
        }
    }
}
