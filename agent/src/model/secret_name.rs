//! Names of variables that are named like secrets. Values are never seen.

/// Last words of such names.
const WORDS: [&str; 10] = [
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "CREDENTIALS",
    "CREDENTIAL",
    "PRIVATEKEY",
];
/// The same at the end of a word that is written in one: `PGPASSWORD`, `clientSecret`, `authToken`.
const ENDINGS: [&str; 3] = ["PASSWORD", "SECRET", "TOKEN"];
/// Words before a last `KEY` that make it one. `GPG_KEY`, which many images have, is a public one.
const KEYS: [&str; 10] =
    ["API", "APP", "ACCESS", "PRIVATE", "SECRET", "ENCRYPTION", "SIGNING", "MASTER", "AUTH", "SESSION"];
/// Words of switches that only look so: `MYSQL_ALLOW_EMPTY_PASSWORD`.
const SWITCHES: [&str; 8] = ["ALLOW", "ENABLE", "DISABLE", "USE", "REQUIRE", "NO", "SKIP", "RANDOM"];

/// Whether a variable of this name holds, most likely, a secret itself rather than the path of one.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut words: Vec<&str> = upper.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    // DB_PASSWORD_2, DB_PASSWORD2
    while words.len() > 1 && words.last().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
        words.pop();
    }
    if words.iter().any(|word| SWITCHES.contains(word)) {
        return false;
    }
    let last = words.pop().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    let before = words.last().copied().unwrap_or_default();
    WORDS.contains(&last)
        || ENDINGS.iter().any(|ending| last.ends_with(ending))
        || (last == "KEY" && KEYS.contains(&before))
        // MYSQL_PWD, and not PWD; Rails' SECRET_KEY_BASE.
        || (last == "PWD" && !before.is_empty())
        || upper == "SECRET_KEY_BASE"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let secret = [
            "PASSWORD",
            "DB_PASSWORD",
            "POSTGRES_PASSWORD",
            "PGPASSWORD",
            "api_key",
            "AWS_SECRET_ACCESS_KEY",
            "JWT_SECRET",
            "GITHUB_TOKEN",
            "SMTP_PASS",
            "DB_PASSWORD_2",
            "DB_PASSWORD2",
            "TLS_PRIVATE_KEY",
            "stripe.apikey",
            "MYSQL_PWD",
            "SECRET_KEY_BASE",
            "clientSecret",
            "authToken",
            "APP_KEY",
            "SECRET",
        ];
        for name in secret {
            assert!(is_secret_name(name), "{name}");
        }
        let harmless = [
            "",
            "_",
            "2",
            "PATH",
            "PWD",
            "GPG_KEY",
            "DB_PASSWORD_FILE",
            "TOKEN_TTL",
            "SECRETS_DIR",
            "ALLOW_EMPTY_PASSWORD",
            "COMPASS",
            "KEY",
            "PUBLIC_KEY",
            "PASSWORD_MIN_LENGTH",
            "BYPASS_CACHE",
            "SSL_KEY_PATH",
            "CACHE_KEY",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "OLDPWD",
        ];
        for name in harmless {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
