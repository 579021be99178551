//! A compiler that runs: cargo, rustc or the linker, which can be waited for by one thread and
//! stopped by any other.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Stops a build, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<Process>);

#[derive(Debug)]
struct Process {
    pid: Pid,
    /// Whether it leads a process group.
    leads_group: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: Child,
    /// Whether the system has given the child's number free.
    status_taken: bool,
    stopped: bool,
}

impl Stopper {
    /// For a child, which may lead a process group.
    pub(crate) fn new(child: Child, leads_group: bool) -> Self {
        let pid = Pid::from_child(&child);
        let state = Mutex::new(State { child, status_taken: false, stopped: false });
        Self(Arc::new(Process { pid, leads_group, state }))
    }

    /// Starts a program that is read by what it says on standard error, as a process group of its
    /// own.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Self::new(child, true))
    }

    /// What the program writes to, if that was not taken before.
    pub(crate) fn take_pipes(&self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        let child = &mut self.state().child;
        (child.stdout.take(), child.stderr.take())
    }

    /// Waits for the end: how it was, and whether it was [`stop`](Self::stop) that brought it.
    ///
    /// A program may close its output long before it ends, so the state is free meanwhile: `stop`
    /// must not wait for what it is asked to end.
    pub(crate) fn finish(&self) -> io::Result<(ExitStatus, bool)> {
        let status_taken = self.state().status_taken;
        if !status_taken {
            self.0.await_exit();
        }
        let mut state = self.state();
        let status = state.child.wait()?;
        state.status_taken = true;
        Ok((status, state.stopped))
    }

    /// Leaves no child unwaited for.
    pub(crate) fn reap(&self) {
        let _ = self.finish();
    }

    /// Ends the build, if it goes on.
    pub fn stop(&self) {
        let mut state = self.state();
        // The number of a child whose status was taken may be another process's by now.
        if !state.status_taken && self.0.is_running() {
            state.stopped = true;
            self.0.kill(&mut state.child);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Returns when the child has ended. Its status stays to be taken, under the lock.
    fn await_exit(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // Should it fail, taking the status says why.
        let _ = retry_on_intr(|| waitid(WaitId::Pid(self.pid), options));
    }

    fn is_running(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(retry_on_intr(|| waitid(WaitId::Pid(self.pid), options)), Ok(None))
    }

    fn kill(&self, child: &mut Child) {
        if self.leads_group {
            // It fails only when there is nothing left to end.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        let _ = child.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::path::Path;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Returns when the thread with these facts in `/proc` sleeps in a call of the system.
    fn until_it_waits(thread: &Path) {
        let state = || {
            let facts = fs::read_to_string(Path::new("/proc").join(thread).join("stat")).unwrap();
            facts.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
        };
        while state() != Some('S') {
            thread::yield_now();
        }
    }

    #[test]
    fn a_compiler_that_says_no_more_and_lives_on_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        // Nothing is ever written to the pipe, so the script waits for ever.
        let script = "mkfifo silence && exec 2>&- && read line < silence";
        let mut command = Command::new("sh");
        let stopper = Stopper::spawn(command.args(["-c", script]).current_dir(&folder)).unwrap();
        let (_, stderr) = stopper.take_pipes();
        assert_eq!(stderr.unwrap().read_to_end(&mut Vec::new()).unwrap(), 0);

        let (sender, receiver) = mpsc::channel();
        let waiting = stopper.clone();
        let waiting = thread::spawn(move || {
            sender.send(fs::read_link("/proc/thread-self").unwrap()).unwrap();
            waiting.finish()
        });
        until_it_waits(&receiver.recv().unwrap());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            stopper.stop();
            sender.send(()).unwrap();
        });
        let limit = Duration::from_secs(20);
        assert_eq!(receiver.recv_timeout(limit), Ok(()), "stop waits for what it should end");
        let (status, was_stopped) = waiting.join().unwrap().unwrap();
        assert!(was_stopped && !status.success(), "{status}");
    }
}
