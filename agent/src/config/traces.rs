//! Section `traces`: what is taken as OTLP, and what is made of it.

use std::time::Duration;

use super::{
    Otlp,
    keys::traces as keys,
    layers::Values,
    report::{Origin, Wrong},
};
use crate::traces::{Lifecycle, Queue, Receiver, Red, Sampling, Settings, Sync};

/// A start burst is over when nothing began for so long.
const QUIET: Duration = Duration::from_secs(10);
/// ... and after this at the latest.
const CAP: Duration = Duration::from_secs(300);

/// Takes its keys once, and says which do not go together. `stateful`: there is a state directory.
pub(super) fn take(values: &mut Values, destinations: &[Otlp], stateful: bool) -> Settings {
    let enabled = values.take(&keys::ENABLED).unwrap_or(!destinations.is_empty());
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let receiver = Receiver {
        grpc: values.take(&keys::GRPC),
        http: values.take(&keys::HTTP),
        socket: values.take(&keys::SOCKET),
        max_request: size(values.take(&keys::MAX_REQUEST)),
        max_pending: size(values.take(&keys::MAX_PENDING)),
        max_connections: values.take(&keys::MAX_CONNECTIONS),
        trusted_proxies: values.take(&keys::TRUSTED_PROXIES),
    };
    let settings = Settings {
        labels: values.take(&keys::LABELS),
        environment: values.take(&keys::ENVIRONMENT),
        lifecycle: Lifecycle { enabled: values.take(&keys::LIFECYCLE), quiet: QUIET, cap: CAP },
        red: Red {
            names: values.take(&keys::RED),
            max_series: values.take(&keys::RED_MAX_SERIES),
            graph: values.take(&keys::GRAPH),
        },
        sampling: Sampling {
            drop: values.take(&keys::DROP),
            ratio: values.take(&keys::RATIO_SENT),
            keep_errors: values.take(&keys::KEEP_ERRORS),
            keep_slow: values.take(&keys::KEEP_SLOW),
            max_waiting: size(values.take(&keys::MAX_WAITING)),
        },
        queue: Queue {
            max_bytes: values.take(&keys::QUEUE_SIZE),
            max_memory: size(values.take(&keys::QUEUE_MEMORY)),
            max_age: values.take(&keys::QUEUE_AGE),
            sync: values.take(&keys::SYNC),
        },
        own: values.take(&keys::OWN),
        receiver: None,
    };
    for destination in destinations.iter().filter(|destination| enabled && destination.is_at(&receiver)) {
        let hint = "give the back end's own address, or move traces.grpc and traces.http";
        let wrong = Wrong::new("is the agent's own door: every request would come back").hint(hint);
        values.mistake(Origin::Default, Some(format!("{}.endpoint", destination.section)), wrong);
    }
    let mut conflict = |key: &str, what: &str, hint: &str| {
        values.mistake(Origin::Default, Some(format!("traces.{key}")), Wrong::new(what).hint(hint));
    };
    if receiver.max_pending < receiver.max_request {
        let hint = "raise it, or lower traces.max_request_size: one request has to fit";
        conflict("max_pending_size", "is smaller than one request may be", hint);
    }
    if receiver.grpc.is_some() && receiver.grpc == receiver.http {
        conflict("http", "is the address of traces.grpc", "give each an address of its own");
    }
    if settings.queue.sync == Sync::Always && !stateful {
        conflict("sync", "is always, and there is no disk to keep anything on", "set state.directory");
    }
    if settings.sampling.keep_slow.is_some() && settings.sampling.keep_errors.is_none() {
        conflict("keep_slow", "has no time to wait", "set traces.keep_errors, which says how long traces wait");
    }
    Settings { receiver: enabled.then_some(receiver), ..settings }
}
