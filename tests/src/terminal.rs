//! A terminal without a screen: what a developer's keys arrive in.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// A pair of ends: a program has one, and we press keys at the other.
pub struct Terminal {
    keyboard: File,
    program: File,
}

impl Terminal {
    /// A new one, as a login finds it.
    ///
    /// # Panics
    /// If the system has none left.
    #[must_use]
    pub fn new() -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("a terminal of this user");
        unlockpt(&keyboard).expect("a terminal that opens");
        let name = ptsname(&keyboard, Vec::new()).expect("a name");
        let path = Path::new(name.to_str().expect("UTF-8"));
        let program = OpenOptions::new().read(true).write(true).open(path).expect("the other end");
        Self { keyboard: keyboard.into(), program }
    }

    /// The program's end, for its standard input.
    ///
    /// # Panics
    /// If there are no descriptors left.
    #[must_use]
    pub fn stdin(&self) -> OwnedFd {
        self.program.try_clone().expect("a descriptor").into()
    }

    /// Presses keys.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the keys arrive");
    }

    /// Whether it hands out whole lines and shows what is typed, as a shell expects it.
    ///
    /// # Panics
    /// If the terminal is gone.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        let modes = tcgetattr(&self.program).expect("its modes").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}
