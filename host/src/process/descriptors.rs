//! Descriptors on their way from one process to another, over a socket pair.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// More descriptors than a child is ever given: a host name rarely has more than two addresses.
const MOST_DESCRIPTORS: usize = 32;

/// Sends descriptors ahead of everything else, with one byte, as a socket wants it.
pub(crate) fn hand_over(socket: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    send(socket, b"\n", descriptors)
}

/// Takes over the descriptors that come first.
pub(crate) fn take_over(socket: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    receive(socket, &mut [0]).map(|(_, descriptors)| descriptors)
}

/// Sends a message, which has a byte at least, and descriptors beside it. A client that is gone is
/// an error, not a signal.
///
/// # Errors
/// If the system refuses, or there are too many descriptors.
pub fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("a process cannot be given that many descriptors"));
    }
    sendmsg(socket, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives a message and what came beside it: its length in `message`, 0 at the end of the stream,
/// and the descriptors.
///
/// # Errors
/// If the system refuses, or there is nothing in a socket that does not block.
pub fn receive(socket: impl AsFd, message: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(message)], &mut ancillary, flags)?;
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok((received.bytes, descriptors.flatten().collect()))
}
