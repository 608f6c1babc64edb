//! Reading the head of an HTTP/1.1 message, and nothing more.
//!
//! The tunnels between workerd and containers start with one CONNECT; a whole
//! HTTP stack in front of every proxied request would cost more than it.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest head accepted, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Most header fields accepted.
const MAX_FIELDS: usize = 64;

/// A request's head and the bytes read past it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub method: String,
    pub target: String,
    fields: Vec<(String, String)>,
    pub rest: Vec<u8>,
}

impl RequestHead {
    /// The value of a header field, by its lower-case name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All header fields, names in lower case.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Reads a request's head; `None` when the peer closed before one began.
/// `buffered` are bytes of it that were read earlier.
pub(crate) async fn read_request(
    reader: &mut (impl AsyncRead + Unpin),
    buffered: Vec<u8>,
) -> Result<Option<RequestHead>> {
    let mut bytes = buffered;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        if let httparse::Status::Complete(length) = request.parse(&bytes).map_err(malformed)? {
            let head = RequestHead {
                method: request.method.unwrap_or_default().to_owned(),
                target: request.path.unwrap_or_default().to_owned(),
                fields: owned(request.headers),
                rest: Vec::new(),
            };
            let rest = bytes.split_off(length);
            return Ok(Some(RequestHead { rest, ..head }));
        }
        if !more(reader, &mut bytes).await? {
            return if bytes.is_empty() {
                Ok(None)
            } else {
                Err(ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Reads a response's head: its status and the bytes read past it.
pub(crate) async fn read_status(reader: &mut (impl AsyncRead + Unpin)) -> Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        if let httparse::Status::Complete(length) = response.parse(&bytes).map_err(malformed)? {
            let status = response.code.unwrap_or_default();
            return Ok((status, bytes.split_off(length)));
        }
        if !more(reader, &mut bytes).await? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn more(reader: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> Result<bool> {
    if bytes.len() >= MAX_HEAD {
        return Err(Error::new(ErrorKind::InvalidData, "the head is too long"));
    }
    bytes.reserve(1024);
    Ok(reader.read_buf(bytes).await? > 0)
}

fn malformed(error: httparse::Error) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|field| {
            (
                field.name.to_ascii_lowercase(),
                String::from_utf8_lossy(field.value).trim().to_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{read_request, read_status};

    #[tokio::test]
    async fn heads_are_parted_from_what_follows() {
        let mut bytes: &[u8] =
            b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nX-Dst-Addr: 127.0.0.1:8080\r\n\r\nrest";
        let head = read_request(&mut bytes, Vec::new()).await.unwrap().unwrap();
        assert_eq!(
            (head.method.as_str(), head.target.as_str()),
            ("CONNECT", "127.0.0.1:80")
        );
        assert_eq!(head.field("x-dst-addr"), Some("127.0.0.1:8080"));
        assert_eq!(head.rest, b"rest");

        let mut bytes: &[u8] = b"HTTP/1.1 202 Accepted\r\n\r\nx";
        assert_eq!(read_status(&mut bytes).await.unwrap(), (202, b"x".to_vec()));
    }

    #[tokio::test]
    async fn ends_and_nonsense_are_told_apart() {
        assert_eq!(read_request(&mut &b""[..], Vec::new()).await.unwrap(), None);
        assert!(
            read_request(&mut &b"GET / HT"[..], Vec::new())
                .await
                .is_err()
        );
        assert!(
            read_request(&mut &b"\x00\x01\r\n\r\n"[..], Vec::new())
                .await
                .is_err()
        );
        let long = vec![b'a'; 20_000];
        assert!(read_request(&mut &long[..], Vec::new()).await.is_err());
    }
}
