//! Keys that every section of a server has to which something is sent: who it is and who we are.

/// These keys below a section; wants `Key`, `key` and `kinds` in scope.
macro_rules! server_keys {
    ($section:literal) => {
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
    };
}

pub(super) use server_keys;
