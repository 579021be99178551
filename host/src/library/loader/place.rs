//! The place of a library: who else could have put it there.
//!
//! The file and its folder must belong to root or to us, and nobody else may write to them. A
//! folder with the sticky bit, such as `/tmp`, lets nobody rename what is not theirs, so it may be
//! open to others. Of the folders above, none may be open to everybody: who can write there can
//! put another folder in this one's place, though only one that is root's or ours as well.
//!
//! Where the umask is 002, everything is writable by a group that has its user as its only
//! member. Such a private group is nobody else. A group that somebody else is in is.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LoadError;

const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What is asked of the place of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guard {
    /// File and folder: in production.
    #[default]
    Folder,
    /// The file alone: a developer's folders are the developer's own business.
    File,
}

/// Who besides root and us can write to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writers {
    /// As in "can be written by ...".
    pub(super) who: String,
    /// What `chmod` is told.
    pub(super) fix: &'static str,
    /// The mode that was found.
    pub(super) mode: u32,
}

/// Checks an open file.
pub(super) fn check_file(path: &Path, file: &Metadata, guard: Guard) -> Result<(), LoadError> {
    let system = System::here();
    let writers = match guard {
        Guard::Folder => system.writers(file),
        Guard::File => system.writers(file).filter(|_| file.mode() & OTHERS_WRITE != 0),
    };
    if let Some(Writers { who, fix, mode }) = writers {
        return Err(LoadError::Writable { path: path.into(), who, fix, mode });
    }
    if let Some(us) = system.strange_owner(file) {
        return Err(LoadError::Owner { path: path.into(), owner: file.uid(), us });
    }
    Ok(())
}

/// Checks the folder that a file is in, as it was named and where links lead.
pub(super) fn check_folder(path: &Path) -> Result<(), LoadError> {
    let failed = |source| LoadError::Read { path: path.into(), source };
    let named = std::path::absolute(path).map_err(failed)?;
    let real = path.canonicalize().map_err(failed)?;
    let system = System::here();
    for path in [&named, &real] {
        for (height, folder) in path.ancestors().skip(1).enumerate() {
            let metadata = fs::metadata(folder).map_err(failed)?;
            let (library, folder) = (path.clone(), PathBuf::from(folder));
            let writers = system.writers(&metadata).filter(|_| metadata.mode() & STICKY == 0);
            let writers = writers.filter(|_| height == 0 || metadata.mode() & OTHERS_WRITE != 0);
            if let Some(Writers { who, fix, mode }) = writers {
                return Err(LoadError::FolderWritable { path: library, folder, who, fix, mode });
            }
            if height == 0
                && let Some(us) = system.strange_owner(&metadata)
            {
                let owner = metadata.uid();
                return Err(LoadError::FolderOwner { path: library, folder, owner, us });
            }
        }
        if named == real {
            break;
        }
    }
    Ok(())
}

/// Where we are, and as whom.
struct System {
    us: u32,
}

impl System {
    fn here() -> Self {
        Self { us: rustix::process::geteuid().as_raw() }
    }

    /// Our own user id, if something belongs neither to us nor to root.
    fn strange_owner(&self, metadata: &Metadata) -> Option<u32> {
        (metadata.uid() != 0 && metadata.uid() != self.us).then_some(self.us)
    }

    fn writers(&self, metadata: &Metadata) -> Option<Writers> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let accounts =
            || Accounts { us: self.us, passwd: read("/etc/passwd"), group: read("/etc/group") };
        writers(metadata.mode() & 0o7777, metadata.uid(), metadata.gid(), accounts)
    }
}

/// Who can write to something of this mode, owner and group, besides the owner.
fn writers(mode: u32, owner: u32, gid: u32, accounts: impl Fn() -> Accounts) -> Option<Writers> {
    let group = (mode & GROUP_WRITES != 0)
        .then(&accounts)
        .filter(|accounts| !accounts.is_private(gid, owner))
        .map(|accounts| match accounts.group(gid) {
            Some(group) => format!("the group `{}`", group.name),
            None => format!("the group {gid}"),
        });
    let (who, fix) = match (group, mode & OTHERS_WRITE != 0) {
        (_, true) if mode & GROUP_WRITES != 0 => ("every user of this machine".into(), "go-w"),
        (_, true) => ("every user of this machine".into(), "o-w"),
        (Some(group), false) => (group, "g-w"),
        (None, false) => return None,
    };
    Some(Writers { who, fix, mode })
}

/// The texts of `/etc/passwd` and `/etc/group`.
#[derive(Debug, Clone)]
struct Accounts {
    us: u32,
    passwd: String,
    group: String,
}

struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
}

struct Group<'a> {
    name: &'a str,
    members: &'a str,
}

impl Accounts {
    fn users(&self) -> impl Iterator<Item = User<'_>> {
        self.passwd.lines().filter_map(|line| {
            let mut parts = line.split(':');
            let (name, _) = (parts.next()?, parts.next()?);
            Some(User { name, uid: parts.next()?.parse().ok()?, gid: parts.next()?.parse().ok()? })
        })
    }

    fn group(&self, gid: u32) -> Option<Group<'_>> {
        self.group.lines().find_map(|line| {
            let mut parts = line.split(':');
            let (name, _) = (parts.next()?, parts.next()?);
            let found: u32 = parts.next()?.parse().ok()?;
            (found == gid).then(|| Group { name, members: parts.next().unwrap_or_default().trim() })
        })
    }

    /// Whether a group is the private one of the user `owner`: called like the user, and with
    /// nobody in it but that user, root and us.
    fn is_private(&self, gid: u32, owner: u32) -> bool {
        let group = self.group(gid);
        let user = self.users().find(|user| user.uid == owner);
        let own = match (&group, &user) {
            (Some(group), Some(user)) => group.name == user.name,
            // Neither is known here, as in a container: what `useradd` does.
            _ => gid == owner,
        };
        let harmless = |uid: u32| uid == owner || uid == self.us || uid == 0;
        let members = group.map_or("", |group| group.members);
        let mut members = members.split(',').filter(|member| !member.is_empty());
        own && self.users().filter(|user| user.gid == gid).all(|user| harmless(user.uid))
            && members
                .all(|member| self.users().any(|user| user.name == member && harmless(user.uid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(us: u32) -> Accounts {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n\
                      ben:x:1001:1002::/home/ben:/bin/sh\ncat:x:1003:100::/home/cat:/bin/sh\n\
                      dan:x:1004:1004::/home/dan:/bin/sh\nsrv:x:990:1004::/:/bin/false\nbroken\n";
        let group = "root:x:0:\nusers:x:100:\nann:x:1000:\nben:x:1002:ben\ndan:x:1004:\n\
                     deploy:x:2000:ann,ben\nempty:x:2001:\nbroken:x\n";
        Accounts { us, passwd: passwd.into(), group: group.into() }
    }

    #[test]
    fn a_group_with_its_user_alone_is_private() {
        for (gid, owner, us, private) in [
            (1000, 1000, 1000, true),
            (1002, 1001, 1001, true), // another number, the same name
            (0, 0, 1000, true),
            (1000, 1001, 1001, false), // of somebody else
            (100, 1003, 1003, false),  // shared
            (2000, 1000, 1000, false),
            (2001, 1000, 1000, false), // members that the files do not know
            (1004, 1004, 1004, false), // a service is in it,
            (1004, 1004, 990, true),   // which is us
            (4000, 4000, 4000, true),  // no accounts, as in a container
            (4001, 4000, 4000, false),
        ] {
            assert_eq!(accounts(us).is_private(gid, owner), private, "{gid} {owner} {us}");
        }
        let mut joined = accounts(1000);
        joined.group = joined.group.replace("ann:x:1000:", "ann:x:1000:ben");
        assert!(!joined.is_private(1000, 1000), "somebody has joined it");
    }

    #[test]
    fn who_can_write_and_what_mends_it() {
        let of = |mode, owner, gid| {
            writers(mode, owner, gid, || accounts(1000)).map(|it| (it.who, it.fix))
        };
        let everybody = "every user of this machine";
        assert_eq!(of(0o644, 1000, 100), None);
        assert_eq!(of(0o664, 1000, 1000), None);
        assert_eq!(of(0o664, 1000, 100), Some(("the group `users`".into(), "g-w")));
        assert_eq!(of(0o775, 1000, 4242), Some(("the group 4242".into(), "g-w")));
        assert_eq!(of(0o646, 1000, 100), Some((everybody.into(), "o-w")));
        assert_eq!(of(0o666, 1000, 1000), Some((everybody.into(), "go-w")));
    }
}
