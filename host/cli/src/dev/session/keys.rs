//! Keys that the developer presses in the terminal.
//!
//! The terminal hands out keys as they are pressed and does not show them; everything else, Ctrl-C
//! among it, is as it was. What was changed is put back when [`Keys`] is dropped, which a panic
//! does too. A session in the background leaves the terminal to the program that has it.

use std::io::{IsTerminal as _, stdin};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::dev::report::Voice;
use crate::terminal::style::BOLD;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Open the app in a browser.
    Open,
    /// Build everything anew.
    Rebuild,
    /// Clear the screen.
    Clear,
    /// List the routes.
    Routes,
    /// End the session.
    Quit,
    /// Say what the keys are.
    Help,
}

impl Key {
    /// Every key with its letter and what it does.
    pub(crate) const ALL: [(u8, Self, &'static str); 6] = [
        (b'o', Self::Open, "open the app in a browser"),
        (b'r', Self::Rebuild, "build everything anew"),
        (b'c', Self::Clear, "clear the screen"),
        (b'l', Self::Routes, "list the routes"),
        (b'q', Self::Quit, "quit"),
        (b'?', Self::Help, "this list"),
    ];

    fn of(byte: u8) -> Option<Self> {
        let (_, key, _) = Self::ALL.iter().find(|it| it.0 == byte.to_ascii_lowercase())?;
        Some(*key)
    }

    /// The keys, one on each line.
    pub(crate) fn help() -> String {
        let lines = Self::ALL
            .iter()
            .map(|(byte, _, what)| format!("  {BOLD}{}{BOLD:#}  {what}", char::from(*byte)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The keys of the terminal that this process was started in.
pub(crate) struct Keys {
    pressed: mpsc::UnboundedReceiver<Key>,
    /// Sent when the session comes back from the background, where the shell used the terminal.
    resumed: Signal,
    wake: std::sync::mpsc::Sender<()>,
    before: Termios,
}

impl Keys {
    /// Takes the keys; `None` where standard input is no terminal, or not ours, or a program
    /// listens.
    pub(crate) fn take(voice: Voice) -> Option<Self> {
        if voice == Voice::Json || !stdin().is_terminal() || !in_foreground() {
            return None;
        }
        let before = tcgetattr(stdin()).ok()?;
        let resumed = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw())).ok()?;
        listen(&before).ok()?;
        let (sender, pressed) = mpsc::unbounded_channel();
        let (wake, woken) = std::sync::mpsc::channel();
        // Reading a terminal blocks for as long as no key is pressed; the thread ends with the
        // process, or without a listener.
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&sender, &woken))
            .ok()?;
        Some(Self { pressed, resumed, wake, before })
    }

    /// The next key; without keys it never comes. A call that is given up loses nothing.
    pub(crate) async fn next(keys: &mut Option<Self>) -> Key {
        match keys {
            Some(keys) => keys.pressed().await,
            None => std::future::pending().await,
        }
    }

    async fn pressed(&mut self) -> Key {
        loop {
            tokio::select! {
                key = self.pressed.recv() => match key {
                    Some(key) => return key,
                    // The terminal is gone; the session is not.
                    None => std::future::pending().await,
                },
                _ = self.resumed.recv() => {
                    if in_foreground() {
                        // A terminal that refuses goes on as the shell has left it.
                        let _ = listen(&self.before);
                    }
                    // The reader has ended when this is not taken.
                    let _ = self.wake.send(());
                }
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if in_foreground() {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
        }
    }
}

/// Asks for keys as they are pressed, without showing them.
fn listen(before: &Termios) -> Result<(), Errno> {
    let mut modes = before.clone();
    modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    tcsetattr(stdin(), OptionalActions::Now, &modes)
}

/// Whether the terminal is this process's to read: reading it from the background would stop us.
/// A terminal that does not control us knows no background.
fn in_foreground() -> bool {
    !matches!(tcgetpgrp(stdin()), Ok(group) if group != rustix::process::getpgrp())
}

fn read(keys: &mpsc::UnboundedSender<Key>, woken: &std::sync::mpsc::Receiver<()>) {
    let mut bytes = [0; 64];
    loop {
        let stdin = stdin();
        let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut wanted, None) {
            Ok(_) if in_foreground() => {}
            // What is typed now is for another program. Being brought back is a signal.
            Ok(_) => match woken.recv() {
                Ok(()) => continue,
                Err(_) => return,
            },
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        let read = match rustix::io::read(&stdin, &mut bytes) {
            Ok(0) => return,
            Ok(read) => read,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        for key in pressed(&bytes[..read]) {
            if keys.send(key).is_err() {
                return;
            }
        }
    }
}

/// The keys among what was typed. An arrow or a function key is an escape sequence, whose letters
/// are none.
fn pressed(mut typed: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    loop {
        typed = match typed {
            [] => return keys,
            [0x1b, b'[' | b'O', sequence @ ..] => {
                let end = sequence.iter().position(|byte| (0x40..=0x7e).contains(byte));
                end.map_or(&[], |end| &sequence[end + 1..])
            }
            [byte, rest @ ..] => {
                keys.extend(Key::of(*byte));
                rest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_keys_in_both_cases() {
        for (byte, key) in [
            (b'o', Some(Key::Open)),
            (b'R', Some(Key::Rebuild)),
            (b'q', Some(Key::Quit)),
            (b'?', Some(Key::Help)),
            (b'x', None),
            (b'\n', None),
            (0x1b, None),
        ] {
            assert_eq!(Key::of(byte), key, "{byte}");
        }
        assert_eq!(Key::help().lines().count(), Key::ALL.len());
    }

    #[test]
    fn arrows_and_function_keys_are_none() {
        assert_eq!(pressed(b"\x1b[Cl"), [Key::Routes]);
        assert_eq!(pressed(b"o\x1bOQ\x1b[15;2~q"), [Key::Open, Key::Quit]);
        assert_eq!(pressed(b"\x1b\x1b[1;5c"), []);
        assert_eq!(pressed(b"\x1b["), []);
    }
}
