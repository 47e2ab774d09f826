//! Where a container's lines are read. Pure.

use std::path::{Path, PathBuf};

use crate::model::LogSetup;

/// Where to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The json-file whose newest file this is.
    File(PathBuf),
    /// The engine's API.
    Api,
    /// Nowhere, for this reason.
    Unreadable(&'static str),
}

/// Where to read, and what is lost before anybody can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlan {
    /// Where.
    pub source: Source,
    /// Why the engine may drop messages uncounted before they can be read; `None` where it does not.
    pub lossy_upstream: Option<&'static str>,
}

/// Where to read a container whose output is kept so. `readable` says whether a path which the engine names can be read from here: not when the engine is on
/// another machine, or its folder is not mounted.
pub fn source_of(setup: &LogSetup, readable: impl FnOnce(&Path) -> bool) -> SourcePlan {
    let non_blocking = setup.non_blocking.then_some("mode non-blocking");
    let (source, lossy) = match setup.driver.as_deref() {
        Some("json-file") => {
            let path = setup.path.as_deref().map(Path::new).filter(|path| readable(path));
            (path.map_or(Source::Api, |path| Source::File(path.to_owned())), None)
        }
        Some("none") => (Source::Unreadable("driver none"), None),
        // What an engine keeps itself; `k8s-file` is Podman's.
        None | Some("local" | "journald" | "k8s-file") => (Source::Api, None),
        Some(_) if setup.cache_disabled => (Source::Unreadable("driver keeps nothing and its cache is disabled"), None),
        // The cache of a driver which sends elsewhere is written through a ring that drops what does not fit.
        Some(_) => (Source::Api, Some("read from the cache of a driver that keeps nothing")),
    };
    let lossy_upstream = match source {
        Source::Unreadable(_) => None,
        _ => non_blocking.or(lossy),
    };
    SourcePlan { source, lossy_upstream }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver() {
        let setup = |driver: &str| LogSetup {
            driver: (!driver.is_empty()).then(|| driver.into()),
            path: (driver == "json-file").then(|| "/d/c-json.log".into()),
            ..LogSetup::default()
        };
        let file = Source::File("/d/c-json.log".into());
        for (setup, readable, source, lossy) in [
            (setup("json-file"), true, Some(file.clone()), false),
            (setup("json-file"), false, Some(Source::Api), false),
            (LogSetup { path: None, ..setup("json-file") }, true, Some(Source::Api), false),
            (LogSetup { non_blocking: true, ..setup("json-file") }, true, Some(file), true),
            (setup("local"), true, Some(Source::Api), false),
            (LogSetup { non_blocking: true, ..setup("local") }, true, Some(Source::Api), true),
            (setup("journald"), true, Some(Source::Api), false),
            (setup("fluentd"), true, Some(Source::Api), true),
            (LogSetup { cache_disabled: true, ..setup("fluentd") }, true, None, false),
            (LogSetup { cache_disabled: true, ..setup("json-file") }, false, Some(Source::Api), false),
            (LogSetup { non_blocking: true, ..setup("none") }, true, None, false),
            (setup(""), true, Some(Source::Api), false),
        ] {
            let plan = source_of(&setup, |_| readable);
            assert_eq!(plan.lossy_upstream.is_some(), lossy, "{setup:?}");
            match source {
                Some(source) => assert_eq!(plan.source, source, "{setup:?}"),
                None => assert!(matches!(plan.source, Source::Unreadable(_)), "{setup:?}"),
            }
        }
    }
}
