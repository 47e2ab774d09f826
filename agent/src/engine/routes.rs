//! The list of what may be asked of an engine at all. One list for both ends: the transport asks nothing else, and the broker
//! (`crate::broker`) answers nothing else, whoever asks it.

/// Ceilings of whole answers, headers included. The largest legitimate answer is the list: some 5 KiB a container with its labels.
const SMALL: usize = 1 << 20;
const INSPECT: usize = 16 << 20;
const LIST: usize = 128 << 20;
/// Streams have no end, hence no ceiling here: each item of theirs has one.
const ENDLESS: usize = usize::MAX;

/// What an answer is, which decides how much of it is looked at on its way out of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A word.
    Word,
    /// One JSON document, which may carry environments, commands and credentials: read whole and redacted.
    Document,
    /// JSON documents one after another without end: each is redacted.
    Documents,
    /// Bytes of a container, or figures: nothing of the engine's in them, passed on as they come.
    Bytes,
}

/// One question. `after` is what follows an id in the path.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The path, or what stands before the id in it.
    pub before: &'static str,
    /// What stands after the id; `None` for a path without one.
    pub after: Option<&'static str>,
    /// Whether we put the negotiated version before the path.
    pub versioned: bool,
    /// Bytes of a whole answer.
    pub ceiling: usize,
    /// Parameters which may stand in the query. `details` of logs is none of them: it tells variables that a log driver was told to add.
    pub parameters: &'static [&'static str],
    /// What comes back.
    pub form: Form,
}

const fn plain(before: &'static str, ceiling: usize, parameters: &'static [&'static str], form: Form) -> Route {
    Route { before, after: None, versioned: true, ceiling, parameters, form }
}

const fn of_one(
    before: &'static str,
    after: &'static str,
    ceiling: usize,
    parameters: &'static [&'static str],
    form: Form,
) -> Route {
    Route { after: Some(after), ..plain(before, ceiling, parameters, form) }
}

/// The whole list. `/_ping` and `/version` carry no version of ours: they have to work while none is agreed on. `/networks/{id}` and the
/// parameters which the agent itself never sends are for other programs behind a broker.
pub const ROUTES: [Route; 11] = [
    Route { versioned: false, ..plain("/_ping", SMALL, &[], Form::Word) },
    Route { versioned: false, ..plain("/version", SMALL, &[], Form::Document) },
    plain("/info", SMALL, &[], Form::Document),
    plain("/containers/json", LIST, &["all", "limit", "size", "filters"], Form::Document),
    of_one("/containers/", "/json", INSPECT, &["size"], Form::Document),
    of_one("/containers/", "/stats", SMALL, &["stream", "one-shot"], Form::Bytes),
    of_one(
        "/containers/",
        "/logs",
        ENDLESS,
        &["follow", "stdout", "stderr", "since", "until", "timestamps", "tail"],
        Form::Bytes,
    ),
    plain("/networks", INSPECT, &["filters"], Form::Document),
    of_one("/networks/", "", INSPECT, &[], Form::Document),
    of_one("/images/", "/json", INSPECT, &[], Form::Document),
    plain("/events", ENDLESS, &["since", "until", "filters", "stream"], Form::Documents),
];

impl Route {
    /// The question a path without version and query is; `None` when it is none of the list.
    pub fn of(path: &str) -> Option<&'static Self> {
        ROUTES.iter().find(|route| match route.after {
            None => path == route.before,
            Some(after) => path.strip_prefix(route.before).and_then(|rest| rest.strip_suffix(after)).is_some_and(is_id),
        })
    }
}

/// Ids, names and digests. No slash and no percent sign, hence nothing that a path could be bent with.
pub fn is_id(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ':');
    (1..=256).contains(&id.len()) && id.chars().all(fits) && !id.chars().all(|c| c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_may_be_asked() {
        for path in [
            "/_ping",
            "/containers/json",
            "/containers/0123abcd/json",
            "/containers/0123abcd/stats",
            "/containers/0123abcd/logs",
            "/images/sha256:ab/json",
            "/events",
            "/networks",
            "/networks/0123",
        ] {
            assert!(Route::of(path).is_some(), "{path}");
        }
        let forbidden = [
            "/containers/0123/archive",
            "/containers/0123/export",
            "/containers/0123/attach/ws",
            "/containers//json",
            "/containers//logs",
            "/containers/../images/json",
            "/containers/a%2F..%2Fb/json",
            "/networks/",
            "/networks/..",
            "/networks/a/b",
            "/swarm/unlockkey",
            "/secrets",
            "/",
            "",
        ];
        for path in forbidden {
            assert!(Route::of(path).is_none(), "{path}");
        }
    }
}
