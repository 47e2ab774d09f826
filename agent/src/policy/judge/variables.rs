//! Names of variables that are named like secrets. Values are never seen.

/// Last words of such names.
const WORDS: [&str; 9] =
    ["PASSWORD", "PASSWD", "PASS", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIALS", "CREDENTIAL"];
/// Words before a last `KEY` that make it one. `GPG_KEY`, which many images have, is a public one.
const KEYS: [&str; 9] = ["API", "ACCESS", "PRIVATE", "SECRET", "ENCRYPTION", "SIGNING", "MASTER", "AUTH", "SESSION"];
/// First words of switches that only look so: `ALLOW_EMPTY_PASSWORD`.
const SWITCHES: [&str; 7] = ["ALLOW", "ENABLE", "DISABLE", "USE", "REQUIRE", "NO", "SKIP"];

/// Whether a variable of this name holds, most likely, a secret itself rather than the path of one.
pub(super) fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut words: Vec<&str> = upper.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    // DB_PASSWORD_2, DB_PASSWORD2
    while words.len() > 1 && words.last().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
        words.pop();
    }
    if words.first().is_some_and(|word| SWITCHES.contains(word)) {
        return false;
    }
    let last = words.pop().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    let before = words.last().copied().unwrap_or_default();
    // PGPASSWORD and its kin are written in one.
    WORDS.contains(&last) || last.ends_with("PASSWORD") || (last == "KEY" && KEYS.contains(&before))
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
            "SECRET",
        ];
        for name in secret {
            assert!(is_secret(name), "{name}");
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
        ];
        for name in harmless {
            assert!(!is_secret(name), "{name}");
        }
    }
}
