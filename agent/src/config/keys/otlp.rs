//! Keys of where OTLP goes. Three destinations, each for itself: what one refuses or misses is nothing to the others.

use std::{path::PathBuf, time::Duration};

use super::{Key, key, kinds};
use crate::{otlp::Signal, traces::Protocol};

/// The keys of one destination, below its section.
macro_rules! destination {
    ($module:ident, $section:literal) => {
        pub(in crate::config) mod $module {
            use super::*;

            pub(in crate::config) static ENDPOINT: Key<Option<String>> = key(
                concat!($section, ".endpoint"),
                kinds::OTLP_URL,
                || None,
                "Where the back end is: http:// or https://, host and port, and with `protocol: http` the path before /v1/traces where it has one. \
                 `off` sends nothing.",
            );

            pub(in crate::config) static PROTOCOL: Key<Protocol> = key(
                concat!($section, ".protocol"),
                kinds::PROTOCOL,
                || Protocol::Grpc,
                "What is spoken: OTLP/gRPC, which usually listens on 4317, or OTLP/HTTP with protobuf, usually on 4318.",
            );

            pub(in crate::config) static SIGNALS: Key<Vec<Signal>> = key(
                concat!($section, ".signals"),
                kinds::SIGNALS,
                || vec![Signal::Traces],
                "What is sent there. With `logs` it gets the lines of containers too, as Loki does.",
            );

            pub(in crate::config) static COMPRESSION: Key<bool> = key(
                concat!($section, ".compression"),
                kinds::COMPRESSION,
                || true,
                "How requests are compressed.",
            );

            super::super::server::server_keys!($section);

            pub(in crate::config) static HEADERS_FILE: Key<Option<PathBuf>> = key(
                concat!($section, ".headers_file"),
                kinds::SECRET_FILE,
                || None,
                "More headers, one in a line (`X-Scope-OrgID: shop`), as hosted back ends want them.",
            );

            pub(in crate::config) static TIMEOUT: Key<Duration> = key(
                concat!($section, ".timeout"),
                kinds::duration::<1_000, 300_000>(),
                || Duration::from_secs(10),
                "From the connection to the whole answer of one request. What has no answer by then is sent again.",
            );
        }
    };
}

destination!(first, "otlp");
destination!(second, "otlp_2");
destination!(third, "otlp_3");
