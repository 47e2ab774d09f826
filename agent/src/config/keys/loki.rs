//! Keys of where logs go. Three destinations, each for itself: what one refuses or misses is nothing to the others.

use std::{path::PathBuf, time::Duration};

use super::{Key, key, kinds};

/// The keys of one destination, below its section.
macro_rules! destination {
    ($module:ident, $section:literal) => {
        pub(in crate::config) mod $module {
            use super::*;

            pub(in crate::config) static URL: Key<Option<String>> = key(
                concat!($section, ".url"),
                kinds::LOKI_URL,
                || None,
                "Where Loki is: scheme, host and port, and the path before /loki/api/v1/push where it has one. `off` sends nothing.",
            );

            pub(in crate::config) static TENANT: Key<Option<String>> = key(
                concat!($section, ".tenant"),
                kinds::TENANT,
                || None,
                "The tenant whose logs these are (X-Scope-OrgID), for a Loki with `auth_enabled`.",
            );

            super::super::server::server_keys!($section);

            pub(in crate::config) static TIMEOUT: Key<Duration> = key(
                concat!($section, ".timeout"),
                kinds::duration::<1_000, 300_000>(),
                || Duration::from_secs(20),
                "From the connection to the whole answer of one push. What has no answer by then is sent again.",
            );
        }
    };
}

destination!(first, "loki");
destination!(second, "loki_2");
destination!(third, "loki_3");
