//! Libraries that are mapped where they lie.
//!
//! A private copy protects what serves from a file that changes. A caller that maps a file in place
//! promises that it is not written again: the dev engine gives each library a name of its own, by
//! what is in it. Owner, mode and completeness are checked as for any library, and like any library
//! it is never unmapped.

use std::path::{Path, PathBuf};

use nova_abi::Exported;
use object::read::ReadCache;

use super::dynamic::{self, Names};
use super::place::Guard;
use super::{BuildId, Library, LoadError, elf, file, note_of, open};

/// A whole library file of ours, which is not written again.
#[derive(Debug)]
pub struct InPlace {
    path: PathBuf,
    names: Names,
    /// Empty if only its headers were read.
    bytes: Vec<u8>,
}

impl InPlace {
    /// Checks a library of which only the headers are read: of one that others need, and that may
    /// be tens of megabytes long.
    ///
    /// # Errors
    /// If it is not a complete library of ours.
    pub fn headers(path: &Path) -> Result<Self, LoadError> {
        let path = absolute(path)?;
        let damaged = |cause| LoadError::Elf { path: path.clone(), cause };
        let cache = ReadCache::new(file::open(&path, Guard::File)?);
        elf::check_file(&cache).map_err(damaged)?;
        let names = dynamic::names(&cache).map_err(damaged)?;
        Ok(Self { path, names, bytes: Vec::new() })
    }

    /// Checks a library, and reads all of it.
    ///
    /// # Errors
    /// If it is not a complete library of ours.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let path = absolute(path)?;
        let damaged = |cause| LoadError::Elf { path: path.clone(), cause };
        let bytes = file::read(&path, Guard::File)?;
        elf::check_file(&*bytes).map_err(damaged)?;
        let names = dynamic::names(&*bytes).map_err(damaged)?;
        Ok(Self { path, names, bytes })
    }

    /// Where it is: an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name by which other libraries need it (DT_SONAME). The dynamic linker maps one library of
    /// a name, and takes every other one for it.
    #[must_use]
    pub fn soname(&self) -> Option<&str> {
        self.names.soname.as_deref()
    }

    /// The names of the libraries that it needs (DT_NEEDED).
    #[must_use]
    pub fn needed(&self) -> &[String] {
        &self.names.needed
    }

    /// Maps it, so that others find it.
    ///
    /// # Errors
    /// If the dynamic linker refuses it.
    pub fn map(&self) -> Result<(), LoadError> {
        open::shared(&self.path)
    }

    /// Maps it, and gives what it exports under a name; `None`: it exports nothing of this kind
    /// there itself, and is not mapped. The linker's own look-up would go on to what it needs.
    ///
    /// # Errors
    /// If the dynamic linker refuses it.
    pub fn map_symbol<T: Exported>(&self, symbol: &str) -> Result<Option<T>, LoadError> {
        let damaged = |cause| LoadError::Elf { path: self.path.clone(), cause };
        let exported = symbol.starts_with(T::PREFIX)
            && dynamic::definition(&self.bytes, symbol).map_err(damaged)?.is_some();
        if !exported {
            return Ok(None);
        }
        open::symbol(&self.path, symbol).map(Some)
    }

    /// Whether it is a route library for this host, as far as its note says.
    ///
    /// # Errors
    /// With the first thing that does not fit.
    pub fn check_route_library(&self) -> Result<(), LoadError> {
        note_of(&self.path, &self.bytes).map(drop)
    }

    /// Maps it as a route library.
    ///
    /// # Errors
    /// With the first check that failed.
    pub fn map_route_library(&self, build_id: BuildId) -> Result<Library, LoadError> {
        let note = note_of(&self.path, &self.bytes)?;
        let root = open::open(&self.path, &self.path)?;
        let size = self.bytes.len() as u64;
        Ok(Library { size, ..Library::new(build_id, note, root, &self.path)? })
    }
}

/// The linker searches for a name without a slash; a whole path it opens as it stands.
fn absolute(path: &Path) -> Result<PathBuf, LoadError> {
    std::path::absolute(path).map_err(|source| LoadError::Read { path: path.into(), source })
}
