//! The thread that writes the log.
//!
//! A line is handed over whole, and its sender goes on. When the reader of the log is too slow, or
//! stopped, lines are lost rather than requests held up; how many is said as soon as it reads
//! again. A reader that is gone is not an error: the host serves on.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Lines that may wait for a slow reader. A bounded channel would hold the room for all of them
/// from the start: 256 KiB that most hosts never use.
const WAITING: usize = 8192;

/// Bytes that are written at once.
const BATCH: usize = 64 * 1024;

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

enum WriterMessage {
    Line(String),
    /// Everything before this has been written when the sender is dropped.
    Flush(Sender<()>),
}

/// The owner of the thread; see the module.
#[derive(Debug)]
pub(super) struct Writer {
    lines: Lines,
}

/// Where lines go.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    sender: Sender<WriterMessage>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

impl Writer {
    pub(super) fn start(output: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let counts = Arc::new(Counts::default());
        let lines = Lines { sender, counts: Arc::clone(&counts) };
        // Without the thread the log is lost, which is no reason not to serve.
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(output, &receiver, &counts))
            .ok();
        Self { lines }
    }

    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines.flush();
    }
}

impl Lines {
    /// Waits, for a moment at most, until the lines so far are written.
    pub(super) fn flush(&self) {
        let (done, flushed) = channel();
        // A full queue means a reader that has stopped: there is nothing to wait for.
        let stopped = self.counts.waiting.load(Ordering::Relaxed) >= WAITING;
        if !stopped && self.sender.send(WriterMessage::Flush(done)).is_ok() {
            flushed.recv_timeout(LAST_LINES).ok();
        }
    }

    /// Takes a line, with its line break.
    pub(super) fn send(&self, line: String) {
        let Counts { waiting, lost } = &*self.counts;
        let room = waiting.fetch_add(1, Ordering::Relaxed) < WAITING;
        if !room || self.sender.send(WriterMessage::Line(line)).is_err() {
            waiting.fetch_sub(1, Ordering::Relaxed);
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write(mut output: impl Write, messages: &Receiver<WriterMessage>, counts: &Counts) {
    let mut batch = Vec::new();
    while let Ok(first) = messages.recv() {
        let mut flushed = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                WriterMessage::Line(line) => {
                    counts.waiting.fetch_sub(1, Ordering::Relaxed);
                    batch.extend_from_slice(line.as_bytes());
                }
                WriterMessage::Flush(done) => flushed.push(done),
            }
            next = if batch.len() < BATCH { messages.try_recv().ok() } else { None };
        }
        let lines_lost = counts.lost.swap(0, Ordering::Relaxed);
        if lines_lost > 0 {
            batch.extend_from_slice(
                format!("{lines_lost} lines of the log were lost: its reader is too slow\n")
                    .as_bytes(),
            );
        }
        output.write_all(&batch).and_then(|()| output.flush()).ok();
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    /// Keeps what is written; a write waits as long as someone holds the gate.
    #[derive(Clone, Default)]
    struct Output {
        written: Arc<Mutex<Vec<u8>>>,
        gate: Arc<Mutex<()>>,
        entered: Option<Sender<()>>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(entered) = &self.entered {
                entered.send(()).unwrap();
            }
            let _open = self.gate.lock().unwrap();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        fn text(&self) -> String {
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn dropping_the_writer_writes_what_is_left() {
        let output = Output::default();
        let writer = Writer::start(output.clone());
        let lines = writer.lines();
        for line in ["one\n", "two\n", "three\n"] {
            lines.send(line.to_owned());
        }
        drop(writer);
        assert_eq!(output.text(), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_reader_that_stops_loses_lines_and_is_told_how_many() {
        let (entered, writes) = channel();
        let output = Output { entered: Some(entered), ..Output::default() };
        let writer = Writer::start(output.clone());
        let lines = writer.lines();
        let stopped = output.gate.lock().unwrap();
        lines.send("first\n".to_owned());
        // The thread is in the middle of its write, and stays there.
        writes.recv().unwrap();
        for _ in 0..WAITING + 5 {
            lines.send("x\n".to_owned());
        }
        drop(stopped);
        writes.recv().unwrap();
        writer.lines().flush();
        let text = output.text();
        assert!(text.starts_with("first\nx\n"));
        assert!(text.contains("5 lines of the log were lost: its reader is too slow\n"), "{text}");
        assert_eq!(text.matches("x\n").count(), WAITING);
    }

    #[test]
    fn a_reader_that_is_gone_is_not_an_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let writer = Writer::start(Gone);
        writer.lines().send("one\n".to_owned());
        writer.lines().flush();
        writer.lines().send("two\n".to_owned());
        writer.lines().flush();
    }
}
