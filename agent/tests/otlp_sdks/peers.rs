//! The SDKs as programs: what each is started with, and what it says of its exports.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use spyhop::otlp::Signal;

/// An exporter of an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    PythonGrpc,
    PythonHttp,
    NodeGrpc,
    NodeProtobuf,
    NodeJson,
}

/// Every exporter.
pub(crate) const PEERS: [Peer; 5] =
    [Peer::PythonGrpc, Peer::PythonHttp, Peer::NodeGrpc, Peer::NodeProtobuf, Peer::NodeJson];

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Ids of the root span, in hexadecimal digits; empty for other signals.
    pub(crate) trace: String,
    pub(crate) span: String,
    /// What the SDK made of each export: `SUCCESS` or `FAILURE`.
    pub(crate) results: Vec<String>,
    /// What the SDK logged.
    pub(crate) log: String,
}

impl Peer {
    /// Whether it speaks gRPC.
    pub(crate) fn is_grpc(self) -> bool {
        matches!(self, Self::PythonGrpc | Self::NodeGrpc)
    }

    /// Whether it is of the Python SDK.
    pub(crate) fn is_python(self) -> bool {
        matches!(self, Self::PythonGrpc | Self::PythonHttp)
    }

    /// The program, ready for its arguments; or why there is none.
    fn program(self) -> Result<Command, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/otlp_sdks");
        let sdk = sdks().join(if self.is_python() { "python" } else { "node" });
        if !sdk.join("made-with").exists() {
            return Err(format!("{} is not complete: compose/lab/sdks.sh makes it", sdk.display()));
        }
        let mut command = if self.is_python() {
            let mut command = Command::new(sdk.join("bin/python"));
            command.arg(folder.join("send.py")).arg(if self.is_grpc() { "grpc" } else { "http" });
            command
        } else {
            let protocol = match self {
                Self::NodeGrpc => "grpc",
                Self::NodeProtobuf => "http/protobuf",
                _ => "http/json",
            };
            let mut command = Command::new("node");
            command.env("NODE_PATH", sdk.join("node_modules")).arg(folder.join("send.js")).arg(protocol);
            command
        };
        // Proxies of the machine are none of this.
        for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Whether it is here; tells why where it is not.
    pub(crate) fn is_here(self) -> bool {
        self.program().inspect_err(|reason| println!("skipped, no {self:?}: {reason}")).is_ok()
    }

    /// Runs it to its end, against a receiver at this address.
    pub(crate) async fn send(self, address: SocketAddr, compression: &str, signal: Signal) -> Said {
        self.send_to(format!("http://{address}"), compression, signal).await
    }

    /// The same with an address as the SDK is given it.
    pub(crate) async fn send_to(self, endpoint: String, compression: &str, signal: Signal) -> Said {
        let mut command = self.program().unwrap();
        command.args([endpoint, compression.to_owned(), signal.as_str().to_owned()]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.unwrap_or_else(|error| panic!("start {self:?}: {error}"));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{self:?} ends with {}:\n{log}", output.status);
        let mut said = Said { trace: String::new(), span: String::new(), results: Vec::new(), log };
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{self:?}: {error}: {line}"));
            match line["result"].as_str() {
                Some(result) => said.results.push(result.to_owned()),
                None => {
                    line["trace"].as_str().unwrap().clone_into(&mut said.trace);
                    line["span"].as_str().unwrap().clone_into(&mut said.span);
                }
            }
        }
        said
    }
}

/// Where `compose/lab/sdks.sh` puts them.
fn sdks() -> PathBuf {
    let cache = std::env::var_os("SPYHOP_CACHE").map(PathBuf::from).unwrap_or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
        base.unwrap_or_else(home).join("spyhop")
    });
    cache.join("sdks")
}
