//! Where the ABCI server listens.

use std::{fmt, path::PathBuf, str::FromStr};

/// An address that CometBFT's `proxy_app` setting can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AbciAddress {
    /// A Unix socket, `unix://PATH`.
    Unix(PathBuf),
    /// A TCP socket, `tcp://HOST:PORT`; port 0 lets the system choose.
    Tcp {
        /// Host name or IP address, IPv6 without its brackets.
        host: String,
        /// Port number.
        port: u16,
    },
}

/// A text that is not an ABCI address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbciAddressError {
    /// Neither `unix://` nor `tcp://`.
    #[error("abci address {0:?} must start with unix:// or tcp://")]
    UnknownScheme(String),
    /// `unix://` with nothing after it.
    #[error("abci address {0:?} names no socket file; write unix:///path/to/abci.sock")]
    MissingPath(String),
    /// A TCP address without a host.
    #[error("abci address {0:?} names no host; write tcp://127.0.0.1:26658")]
    MissingHost(String),
    /// A TCP address whose port is absent or not a number below 65536.
    #[error("abci address {0:?} needs a port from 0 to 65535; write tcp://127.0.0.1:26658")]
    InvalidPort(String),
}

impl FromStr for AbciAddress {
    type Err = AbciAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(AbciAddressError::MissingPath(text.to_owned()));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let Some(authority) = text.strip_prefix("tcp://") else {
            return Err(AbciAddressError::UnknownScheme(text.to_owned()));
        };
        let invalid_port = || AbciAddressError::InvalidPort(text.to_owned());
        let (host, port) = authority.rsplit_once(':').ok_or_else(invalid_port)?;
        let port = port.parse::<u16>().map_err(|_| invalid_port())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(host) => host,
            // An unbracketed IPv6 address would lose its last group to the port.
            None if host.contains(':') => return Err(invalid_port()),
            None => host,
        };
        if host.is_empty() {
            return Err(AbciAddressError::MissingHost(text.to_owned()));
        }
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for AbciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        for text in [
            "unix:///run/tessera/abci.sock",
            "unix://abci.sock",
            "tcp://127.0.0.1:26658",
            "tcp://localhost:0",
            "tcp://[::1]:26658",
        ] {
            assert_eq!(text.parse::<AbciAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        type Error = fn(String) -> AbciAddressError;
        let cases: [(&str, Error); 10] = [
            ("", AbciAddressError::UnknownScheme),
            ("127.0.0.1:26658", AbciAddressError::UnknownScheme),
            ("http://127.0.0.1:1", AbciAddressError::UnknownScheme),
            ("unix://", AbciAddressError::MissingPath),
            ("tcp://:26658", AbciAddressError::MissingHost),
            ("tcp://[]:26658", AbciAddressError::MissingHost),
            ("tcp://localhost", AbciAddressError::InvalidPort),
            ("tcp://localhost:65536", AbciAddressError::InvalidPort),
            ("tcp://localhost:-1", AbciAddressError::InvalidPort),
            ("tcp://::1:26658", AbciAddressError::InvalidPort),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<AbciAddress>(), Err(error(text.to_owned())));
        }
    }
}
