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

            pub(in crate::config) static USERNAME: Key<Option<String>> = key(
                concat!($section, ".username"),
                kinds::USERNAME,
                || None,
                "User for basic authentication; goes together with password_file.",
            );

            pub(in crate::config) static PASSWORD_FILE: Key<Option<PathBuf>> = key(
                concat!($section, ".password_file"),
                kinds::SECRET_FILE,
                || None,
                "The password of that user. Read again when it changes.",
            );

            pub(in crate::config) static BEARER_TOKEN_FILE: Key<Option<PathBuf>> = key(
                concat!($section, ".bearer_token_file"),
                kinds::SECRET_FILE,
                || None,
                "A token to show instead. Read again when it changes.",
            );

            pub(in crate::config) static CA_FILE: Key<Option<PathBuf>> = key(
                concat!($section, ".ca_file"),
                kinds::SECRET_FILE,
                || None,
                "Roots the server's certificate must come from (PEM). Without it the machine's own, or those of the browsers where there are \
                 none, as in the container image.",
            );

            pub(in crate::config) static CERT_FILE: Key<Option<PathBuf>> = key(
                concat!($section, ".cert_file"),
                kinds::SECRET_FILE,
                || None,
                "The certificate which is shown to the server (PEM, with its chain); goes together with key_file.",
            );

            pub(in crate::config) static KEY_FILE: Key<Option<PathBuf>> =
                key(concat!($section, ".key_file"), kinds::SECRET_FILE, || None, "The key of that certificate (PEM).");

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
