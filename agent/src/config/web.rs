//! The web configuration of Prometheus' exporters (`--web.config.file`), as far as it makes sense here.
//!
//! Who has such a file for other exporters uses it for this one. What cannot be honoured is refused by name: a setting that is
//! read and not followed would be worse. Values are never quoted, because hashes stand among them.

use std::path::{Path, PathBuf};

use super::{
    access::TlsFiles,
    report::{Mistake, Origin, Position, Report, Wrong},
    yaml::{self, Entry, Node, Value},
};

/// What the file says.
#[derive(Default)]
pub struct WebConfig {
    /// Serve TLS; paths are absolute, or relative to the directory the agent runs in where the file's own path is.
    pub tls: Option<TlsFiles>,
    /// Refuse TLS 1.2.
    pub only_tls13: bool,
    /// Users and the bcrypt hashes of their passwords.
    pub users: Vec<(String, String)>,
}

/// How many users, and no hash.
impl std::fmt::Debug for WebConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebConfig").field("tls", &self.tls).field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// Reads the bytes of the file at `path`.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn read(path: &Path, bytes: &[u8]) -> Result<WebConfig, Report> {
    let mut reader = Reader { path, mistakes: Vec::new() };
    let config = reader.document(bytes);
    match Report::of(reader.mistakes) {
        None => Ok(config),
        Some(report) => Err(report),
    }
}

struct Reader<'a> {
    path: &'a Path,
    mistakes: Vec<Mistake>,
}

/// The keys of `tls_server_config` as they are found.
#[derive(Default)]
struct Tls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    client_auth: Option<String>,
    only_tls13: bool,
}

impl Reader<'_> {
    fn document(&mut self, bytes: &[u8]) -> WebConfig {
        let mut config = WebConfig::default();
        let Ok(text) = str::from_utf8(bytes) else {
            self.wrong(None, None, Wrong::new("is not UTF-8 text"));
            return config;
        };
        let (root, wrongs) = yaml::read(text);
        for (at, wrong) in wrongs {
            self.wrong(Some(at), None, wrong);
        }
        for Entry { key, at, value } in root.map(|root| self.section(root, None)).unwrap_or_default() {
            match key.as_str() {
                "tls_server_config" => self.tls(value, at, &mut config),
                "basic_auth_users" => self.users(value, &mut config),
                "http_server_config" => self.http(value),
                "rate_limit" => self.unsupported(at, &key, "clients have ceilings of their own here: docs/security.md"),
                _ => self.unknown(at, &key),
            }
        }
        config
    }

    fn tls(&mut self, node: Node, at: Position, config: &mut WebConfig) {
        let mut tls = Tls::default();
        for Entry { key, at, value } in self.section(node, Some("tls_server_config")) {
            let name = format!("tls_server_config.{key}");
            match key.as_str() {
                "cert_file" => tls.certificate = self.path(value, &name),
                "key_file" => tls.key = self.path(value, &name),
                "client_ca_file" => tls.client_ca = self.path(value, &name),
                "client_auth_type" => tls.client_auth = self.text(value, &name),
                "min_version" => match self.text(value, &name).as_deref() {
                    Some("TLS13") => tls.only_tls13 = true,
                    Some("TLS12") | None => {}
                    Some(_) => self.unsupported(at, &name, "TLS12 and TLS13 are"),
                },
                "max_version" => {
                    if self.text(value, &name).is_some_and(|version| version != "TLS13") {
                        self.unsupported(at, &name, "TLS13 is");
                    }
                }
                "prefer_server_cipher_suites" => {}
                "cert" | "key" | "client_ca" => self.unsupported(at, &name, "name a file instead"),
                "cipher_suites" | "curve_preferences" => {
                    self.unsupported(at, &name, "rustls has safe ones only; remove the line");
                }
                "client_allowed_sans" => {
                    self.unsupported(at, &name, "every certificate of client_ca_file is let in; remove the line");
                }
                _ => self.unknown(at, &name),
            }
        }
        config.only_tls13 = tls.only_tls13;
        config.tls = self.files(tls, at);
    }

    /// The policies for client certificates of Go, as far as they are safe.
    fn files(&mut self, tls: Tls, at: Position) -> Option<TlsFiles> {
        let client_auth = tls.client_auth.as_deref().unwrap_or("NoClientCert");
        let wanted = match client_auth {
            "NoClientCert" => false,
            "RequireAndVerifyClientCert" => true,
            _ => {
                let hint =
                    "NoClientCert and RequireAndVerifyClientCert are: every other one lets clients in unverified";
                self.unsupported(at, "tls_server_config.client_auth_type", hint);
                return None;
            }
        };
        let section = Some("tls_server_config");
        match (wanted, &tls.client_ca) {
            (true, None) => {
                self.wrong(Some(at), section, Wrong::new("wants client certificates and has no client_ca_file"))
            }
            (false, Some(_)) => {
                let wrong = Wrong::new("has a client_ca_file and asks for no client certificate");
                self.wrong(Some(at), section, wrong.hint("set client_auth_type to RequireAndVerifyClientCert"));
            }
            _ => {}
        }
        match (tls.certificate, tls.key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key, client_ca: tls.client_ca }),
            _ => {
                self.wrong(Some(at), section, Wrong::new("needs both cert_file and key_file"));
                None
            }
        }
    }

    fn http(&mut self, node: Node) {
        for Entry { key, at, .. } in self.section(node, Some("http_server_config")) {
            match key.as_str() {
                // Only ever an offer to clients; HTTP/1.1 is what they all speak.
                "http2" => {}
                "headers" => self.unsupported(at, "http_server_config.headers", "the agent sets its own"),
                _ => self.unknown(at, &format!("http_server_config.{key}")),
            }
        }
    }

    fn users(&mut self, node: Node, config: &mut WebConfig) {
        for Entry { key, at, value } in self.section(node, Some("basic_auth_users")) {
            match value.value {
                Value::Text(hash) => config.users.push((key, hash)),
                Value::Refused => {}
                _ => self.wrong(Some(at), Some("basic_auth_users"), Wrong::new("takes a bcrypt hash for each name")),
            }
        }
    }

    fn section(&mut self, node: Node, name: Option<&str>) -> Vec<Entry> {
        match node.value {
            Value::Section(entries) => return entries,
            Value::Empty | Value::Refused => {}
            Value::Text(_) | Value::List(_) => self.wrong(Some(node.at), name, Wrong::new("is a section, not a value")),
        }
        Vec::new()
    }

    fn text(&mut self, node: Node, name: &str) -> Option<String> {
        match node.value {
            Value::Text(text) => return Some(text),
            // An empty value is the default, as it is for Go.
            Value::Empty | Value::Refused => {}
            Value::List(_) | Value::Section(_) => {
                self.wrong(Some(node.at), Some(name), Wrong::new("takes a single value"))
            }
        }
        None
    }

    /// A path; a relative one begins where the file is.
    fn path(&mut self, node: Node, name: &str) -> Option<PathBuf> {
        let text = self.text(node, name).filter(|text| !text.is_empty())?;
        Some(self.path.parent().unwrap_or(Path::new("")).join(text))
    }

    fn unknown(&mut self, at: Position, name: &str) {
        let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
        self.wrong(Some(at), Some(&shown), Wrong::new("no such key"));
    }

    fn unsupported(&mut self, at: Position, name: &str, hint: &str) {
        self.wrong(Some(at), Some(name), Wrong::new("is not supported here").hint(hint.to_owned()));
    }

    fn wrong(&mut self, at: Option<Position>, key: Option<&str>, wrong: Wrong) {
        let origin = Origin::File(self.path.into(), at);
        self.mistakes.push(Mistake { origin, key: key.map(str::to_owned), what: wrong.what, hint: wrong.hint });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<WebConfig, String> {
        read(Path::new("/etc/web/web.yml"), text.as_bytes()).map_err(|report| report.to_string())
    }

    #[test]
    fn the_file_other_exporters_use() {
        let config = parse(
            "tls_server_config:\n  cert_file: node.crt\n  key_file: /keys/node.key\n  min_version: TLS13\n\
             \x20 client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca/ca.crt\n\
             http_server_config:\n  http2: true\n\
             basic_auth_users:\n  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze\n  \"bob smith\": \"$2y$10$x\"\n",
        )
        .unwrap();
        let tls = config.tls.as_ref().unwrap();
        assert_eq!(tls.certificate, Path::new("/etc/web/node.crt"));
        assert_eq!(tls.key, Path::new("/keys/node.key"));
        assert_eq!(tls.client_ca.as_deref(), Some(Path::new("/etc/web/ca/ca.crt")));
        assert!(config.only_tls13);
        let names: Vec<_> = config.users.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["alice", "bob smith"]);
        assert!(!format!("{config:?}").contains("mDwo"));
    }

    #[test]
    fn an_empty_file_asks_for_nothing() {
        for text in ["", "basic_auth_users:\n", "tls_server_config: {cert_file: a, key_file: b, client_ca_file: ''}\n"]
        {
            let config = parse(text).unwrap();
            assert!(config.users.is_empty() && !config.only_tls13, "{text}");
        }
    }

    #[test]
    fn what_is_not_followed_is_refused() {
        for (text, expected) in [
            ("basic_auth_user: {}", ":1:1: basic_auth_user: no such key"),
            ("rate_limit: {burst: 1}", "rate_limit: is not supported here"),
            ("http_server_config: {headers: {}}", "http_server_config.headers: is not supported here"),
            ("tls_server_config: {cert_file: a}", "needs both cert_file and key_file"),
            (
                "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}",
                "min_version: is not supported here",
            ),
            (
                "tls_server_config: {cert_file: a, key_file: b, max_version: TLS12}",
                "max_version: is not supported here",
            ),
            ("tls_server_config: {cert_file: a, key_file: b, key: hunter2}", "key: is not supported here; name a file"),
            ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}", "cipher_suites: is not supported"),
            (
                "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c, client_auth_type: RequireAnyClientCert}",
                "client_auth_type: is not supported here",
            ),
            ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "asks for no client certificate"),
            (
                "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
                "has no client_ca_file",
            ),
            ("tls_server_config: [a]", "is a section, not a value"),
            ("basic_auth_users: {ann: [hunter2]}", "takes a bcrypt hash"),
            ("basic_auth_users: {ann: hunter2, ann: hunter2}", "stands here for the second time"),
            ("\u{0}", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_the_reader(text in "((tls_server_config|basic_auth_users|cert_file|min_version|a): ?\n? {0,2}){0,6}|.*") {
            let _config = parse(&text);
        }
    }
}
