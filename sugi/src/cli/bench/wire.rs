//! HTTP, as far as a load and a stub need it: heads are looked through, not parsed.

use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// A whole message in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    /// Where its body begins.
    pub(super) body: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// The next message of a connection; `None` when the other side closed between two.
pub(super) async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<Incoming>> {
    loop {
        if let Some(message) = whole(buffer) {
            return Ok(Some(message));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(std::io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// The message at the front, if all of it is there.
fn whole(buffer: &[u8]) -> Option<Incoming> {
    let body = buffer.windows(4).position(|at| at == b"\r\n\r\n")? + 4;
    let name = b"\r\ncontent-length:";
    let length = buffer[..body]
        .windows(name.len())
        .position(|at| at.eq_ignore_ascii_case(name))
        .map_or(0, |at| number(&buffer[at + name.len()..]));
    let end = body + length;
    (buffer.len() >= end).then_some(Incoming { body, end })
}

fn number(text: &[u8]) -> usize {
    let digits = text.trim_ascii_start().iter();
    digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_when_its_body_is() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nx: y\r\n\r\n{}HTTP";
        for short in 0..text.len() - 4 {
            assert_eq!(whole(&text[..short]), None, "{short}");
        }
        let (body, end) = (text.len() - 6, text.len() - 4);
        assert_eq!(whole(text), Some(Incoming { body, end }));
        assert_eq!(
            whole(b"GET / HTTP/1.1\r\n\r\n"),
            Some(Incoming { body: 18, end: 18 })
        );
    }
}
