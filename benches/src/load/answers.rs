//! Where answers of HTTP/1.1 end in what a server sends: as little parsing as does for that.

use super::LoadError;

/// The head of an answer ends so.
const END: &[u8] = b"\r\n\r\n";

/// A reader of the answers on one connection.
#[derive(Debug, Default)]
pub struct Answers {
    /// The part of a head that has come.
    head: Vec<u8>,
    /// The answer whose body is being read, and how much of it is to come.
    body: Option<(Answer, u64)>,
}

/// An answer that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The bytes of its body.
    pub length: u64,
}

impl Answers {
    /// Reads on, and tells of each answer that is complete now.
    ///
    /// # Errors
    /// If an answer is not one, or does not say how long it is.
    pub fn read(
        &mut self,
        mut bytes: &[u8],
        mut complete: impl FnMut(Answer) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        loop {
            if let Some((answer, left)) = &mut self.body {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                bytes = &bytes[taken..];
                if *left > 0 {
                    return Ok(());
                }
                complete(*answer)?;
                self.body = None;
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let Some((answer, rest)) = self.head(bytes)? else { return Ok(()) };
            self.body = Some((answer, answer.length));
            bytes = rest;
        }
    }

    /// The head that ends in `bytes`, and what follows it; what is incomplete is kept.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(Answer, &'a [u8])>, LoadError> {
        if self.head.is_empty()
            && let Some(at) = memchr::memmem::find(bytes, END)
        {
            return Ok(Some((parse(&bytes[..at])?, &bytes[at + END.len()..])));
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(at) = memchr::memmem::find(&self.head, END) else { return Ok(None) };
        let answer = parse(&self.head[..at])?;
        self.head.clear();
        Ok(Some((answer, &bytes[at + END.len() - before..])))
    }
}

/// Status and length of an answer with this head.
fn parse(head: &[u8]) -> Result<Answer, LoadError> {
    const NAME: &[u8] = b"content-length:";
    let said = || LoadError::Answer(format!("unreadable answer: {}", head.escape_ascii()));
    let status = head.get(9..12).and_then(|digits| str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok()).ok_or_else(said)?;
    for end in memchr::memchr_iter(b'\n', head) {
        let line = &head[end + 1..];
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let value = line[NAME.len()..].split(|byte| *byte == b'\r').next().unwrap_or_default();
            let value = str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok());
            return Ok(Answer { status, length: value.ok_or_else(said)? });
        }
    }
    Err(said())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\ndate: x\r\nContent-Length: 5\r\n\r\nhello\
                         HTTP/1.1 404 Not Found\r\ncontent-length:0\r\nserver: y\r\n\r\n";

    fn read_in_pieces_of(size: usize) -> Vec<Answer> {
        let (mut answers, mut found) = (Answers::default(), Vec::new());
        for piece in TWO.chunks(size) {
            let mut complete = |answer| {
                found.push(answer);
                Ok(())
            };
            answers.read(piece, &mut complete).expect("answers");
        }
        found
    }

    #[test]
    fn answers_are_found_however_they_are_cut() {
        let both = [Answer { status: 200, length: 5 }, Answer { status: 404, length: 0 }];
        for size in 1..=TWO.len() {
            assert_eq!(read_in_pieces_of(size), both, "pieces of {size}");
        }
    }

    #[test]
    fn an_answer_without_a_length_is_an_error() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let error = Answers::default().read(chunked, |_| Ok(())).expect_err("no length");
        assert!(error.to_string().contains("transfer-encoding: chunked"), "{error}");
    }
}
