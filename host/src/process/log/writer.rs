//! The thread that writes the log.
//!
//! A line is handed over whole, and its sender goes on. The thread writes what is there and then rests
//! for a moment, so that on a busy host a write carries hundreds of lines, and a sender has to wake
//! it only where it waits for the first one. When the reader of the log is too slow, or stopped,
//! lines are lost rather than requests held up; how many is said as soon as it reads again. A reader
//! that is gone is not an error: the host serves on.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::{memchr, memrchr};
use parking_lot::{Condvar, Mutex, MutexGuard};

/// Bytes that may wait for a slow reader: about ten thousand lines.
const WAITING: usize = 1 << 20;

/// What is written at once: as much as goes into a pipe as one piece (`PIPE_BUF` of Linux), so that lines
/// of processes that share a pipe stay whole.
const PIECE: usize = 4096;

/// The room for lines that is kept while there are none.
const KEPT: usize = 64 * 1024;

/// How long the thread rests after a write, while lines gather. Less than what a person who looks at a
/// terminal takes for a pause.
const REST: Duration = Duration::from_millis(5);

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The owner of the thread; see the module.
#[derive(Debug)]
pub(super) struct Writer {
    lines: Lines,
}

/// Where lines go.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to do for the thread that waits for it.
    arrived: Condvar,
    /// Lines were written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The lines that are not written, one behind the other.
    lines: Vec<u8>,
    /// How many did not fit.
    lost: u64,
    /// How many bytes have been taken in so far, and how many of them are written.
    taken: u64,
    written: u64,
    /// Whether the thread waits for a first line.
    is_idle: bool,
    /// Whether it is not to rest: the lines so far are waited for.
    hurries: bool,
    /// Whether there is no thread, or none is needed any more.
    is_over: bool,
}

impl Writer {
    pub(super) fn start(output: impl Write + Send + 'static) -> Self {
        let queue = Arc::<Queue>::default();
        let lines = Lines(Arc::clone(&queue));
        let thread = std::thread::Builder::new().name("log".to_owned());
        // Without the thread the log is lost, which is no reason not to serve.
        if thread.spawn(move || write(output, &queue)).is_err() {
            lines.0.waiting.lock().is_over = true;
        }
        Self { lines }
    }

    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines.flush();
        self.lines.0.waiting.lock().is_over = true;
        self.lines.0.arrived.notify_one();
    }
}

impl Lines {
    /// Waits, for a moment at most, until the lines so far are written.
    pub(super) fn flush(&self) {
        let deadline = Instant::now() + LAST_LINES;
        let Queue { waiting, arrived, written } = &*self.0;
        let mut waiting = waiting.lock();
        let taken = waiting.taken;
        while waiting.written < taken && !waiting.is_over {
            waiting.hurries = true;
            arrived.notify_one();
            if written.wait_until(&mut waiting, deadline).timed_out() {
                return;
            }
        }
    }

    /// Takes a line, with its line break; it is written within a moment.
    pub(super) fn send(&self, line: &str) {
        self.take(line, false);
    }

    /// The same, and the thread does not rest before: what comes next may be the end of the process.
    pub(super) fn send_at_once(&self, line: &str) {
        self.take(line, true);
    }

    fn take(&self, line: &str, hurries: bool) {
        let Queue { waiting, arrived, .. } = &*self.0;
        let mut waiting = waiting.lock();
        // A single line may be longer than all that may wait.
        let fits = waiting.lines.is_empty() || waiting.lines.len() + line.len() <= WAITING;
        if waiting.is_over || !fits {
            waiting.lost += 1;
            return;
        }
        waiting.lines.extend_from_slice(line.as_bytes());
        waiting.taken += line.len() as u64;
        waiting.hurries |= hurries;
        if std::mem::take(&mut waiting.is_idle) || hurries {
            drop(waiting);
            arrived.notify_one();
        }
    }
}

fn write(mut output: impl Write, queue: &Queue) {
    let mut batch = Vec::new();
    let mut waiting = queue.waiting.lock();
    loop {
        if waiting.lines.is_empty() && waiting.lost == 0 {
            if waiting.is_over {
                return;
            }
            waiting.is_idle = true;
            queue.arrived.wait(&mut waiting);
            waiting.is_idle = false;
            continue;
        }
        std::mem::swap(&mut waiting.lines, &mut batch);
        let (lost, taken) = (std::mem::take(&mut waiting.lost), waiting.taken);
        MutexGuard::unlocked(&mut waiting, || {
            if lost > 0 {
                batch.extend_from_slice(
                    format!("{lost} lines of the log were lost: its reader is too slow\n")
                        .as_bytes(),
                );
            }
            write_pieces(&mut output, &batch).ok();
            batch.clear();
            // The room that a burst took is not kept.
            batch.shrink_to(KEPT);
        });
        waiting.written = taken;
        queue.written.notify_all();
        if !std::mem::take(&mut waiting.hurries) {
            queue.arrived.wait_for(&mut waiting, REST);
        }
    }
}

/// Writes whole lines, as many at once as make a piece.
fn write_pieces(output: &mut impl Write, mut lines: &[u8]) -> io::Result<()> {
    while !lines.is_empty() {
        let end = if lines.len() <= PIECE {
            lines.len()
        } else {
            // A line that is longer goes by itself.
            let last = memrchr(b'\n', &lines[..PIECE]).or_else(|| memchr(b'\n', lines));
            last.map_or(lines.len(), |at| at + 1)
        };
        output.write_all(&lines[..end])?;
        lines = &lines[end..];
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Keeps what is written; a write waits as long as the gate is held.
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
            lines.send(line);
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
        lines.send("first\n");
        // The thread is in the middle of its write, and stays there.
        writes.recv().unwrap();
        for _ in 0..WAITING / 2 + 5 {
            lines.send("x\n");
        }
        drop(stopped);
        writes.recv().unwrap();
        writer.lines().flush();
        let text = output.text();
        assert!(text.starts_with("first\nx\n"));
        assert!(text.contains("5 lines of the log were lost: its reader is too slow\n"), "{text}");
        assert_eq!(text.matches("x\n").count(), WAITING / 2);
    }

    #[test]
    fn what_fits_into_a_pipe_at_once_is_whole_lines() {
        #[derive(Default)]
        struct Writes(Vec<Vec<u8>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let line = |length: usize| "x".repeat(length - 1) + "\n";
        let lines = [line(3000), line(1096), line(1), line(5000), line(2), line(4000)];
        let mut writes = Writes::default();
        write_pieces(&mut writes, lines.concat().as_bytes()).unwrap();
        let lengths: Vec<_> = writes.0.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4096, 1, 5000, 4002]);
        assert_eq!(writes.0.concat(), lines.concat().as_bytes());
    }

    #[test]
    fn a_line_may_be_longer_than_the_queue_and_a_lost_one_does_not_cost_the_others() {
        let output = Output::default();
        let writer = Writer::start(output.clone());
        let long = "x".repeat(WAITING) + "\n";
        writer.lines().send(&long);
        writer.lines().flush();
        assert_eq!(output.text(), long);
        let stopped = output.gate.lock().unwrap();
        // The thread may have taken the first already, and waits for the gate then.
        for _ in 0..3 {
            writer.lines().send(&long);
        }
        writer.lines().send_at_once("last\n");
        drop(stopped);
        drop(writer);
        assert!(output.text().ends_with(" lines of the log were lost: its reader is too slow\n"));
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
        writer.lines().send("one\n");
        writer.lines().flush();
        writer.lines().send("two\n");
        writer.lines().flush();
    }
}
