//! Where the engine listens, as `DOCKER_HOST` and the configuration file spell it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where Docker listens unless told otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// A parsed address. This version speaks to unix sockets only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(PathBuf);

/// Why an address was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing given.
    #[error("the engine's address is empty")]
    Empty,
    /// A scheme of another kind of transport.
    #[error("engine address {address:?}: {scheme} is not supported, this version speaks to unix sockets only")]
    Scheme {
        /// As given, without user and password.
        address: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// A path that depends on where the agent was started.
    #[error("engine address {address:?}: the path of the socket must begin with /")]
    Relative {
        /// As given.
        address: String,
    },
}

impl Address {
    /// Accepts `unix:///path/to/socket` and a bare `/path/to/socket`.
    ///
    /// # Errors
    /// Whatever else it is, with the reason.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let path = match text.split_once("://") {
            Some(("unix", path)) => path,
            Some((scheme, rest)) => {
                // Credentials may stand before the host.
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                return Err(AddressError::Scheme { address: format!("{scheme}://{host}"), scheme: scheme.to_owned() });
            }
            None => text,
        };
        match path {
            "" => Err(AddressError::Empty),
            path if path.starts_with('/') => Ok(Self(PathBuf::from(path))),
            _ => Err(AddressError::Relative { address: text.to_owned() }),
        }
    }

    /// `unix:///var/run/docker.sock`.
    pub fn default_socket() -> Self {
        Self(PathBuf::from(DEFAULT_SOCKET))
    }

    /// Path of the socket.
    pub fn socket(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.0.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_addresses_are_accepted() {
        let check = |text: &str, expected: &str| assert_eq!(Address::parse(text).unwrap().to_string(), expected);
        check("unix:///var/run/docker.sock", "unix:///var/run/docker.sock");
        check(" /run/user/1000/docker.sock\n", "unix:///run/user/1000/docker.sock");
        assert_eq!(Address::parse("unix:///var/run/docker.sock").unwrap(), Address::default_socket());
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let check = |text: &str, expected: &str| assert_eq!(Address::parse(text).unwrap_err().to_string(), expected);
        let unsupported = |scheme: &str, address: &str| {
            format!("engine address {address:?}: {scheme} is not supported, this version speaks to unix sockets only")
        };
        check("", "the engine's address is empty");
        check("unix://", "the engine's address is empty");
        check("tcp://10.0.0.1:2375", &unsupported("tcp", "tcp://10.0.0.1:2375"));
        check("ssh://root:geheim@host", &unsupported("ssh", "ssh://host"));
        check("npipe:////./pipe/docker_engine", &unsupported("npipe", "npipe:////./pipe/docker_engine"));
        check("docker.sock", "engine address \"docker.sock\": the path of the socket must begin with /");
        check(
            "unix://run/docker.sock",
            "engine address \"unix://run/docker.sock\": the path of the socket must begin with /",
        );
    }
}
