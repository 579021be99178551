//! Bytes that the other side owns, handed over without a copy.

use std::ops::Deref;

use abi_stable::{StableAbi, std_types::RSlice};

use crate::guard::drop_quietly;

/// A run of bytes with its owner: `(ptr, len, owner, drop)`.
///
/// The bytes are valid until the value is dropped, on whichever side that happens: the drop
/// function belongs to the side that made the value.
///
/// ```
/// let bytes = nova_abi::OwnedBytes::from_vec(b"hello".to_vec());
/// assert_eq!(&*bytes, b"hello");
/// ```
#[repr(C)]
#[derive(StableAbi)]
pub struct OwnedBytes {
    ptr: *const u8,
    len: usize,
    /// What `drop` gets first: a `Vec`'s buffer or a boxed owner; null for static bytes.
    owner: *mut (),
    /// What `drop` gets second: a `Vec`'s capacity; unused otherwise.
    capacity: usize,
    drop: unsafe extern "C" fn(*mut (), usize),
}

// SAFETY: the constructors only take owners that are Send (`Vec<u8>`, `T: Send`, `'static`
// bytes); a shared reference gives out nothing but `&[u8]`.
unsafe impl Send for OwnedBytes {}
// SAFETY: as above.
unsafe impl Sync for OwnedBytes {}

impl OwnedBytes {
    /// Wraps bytes that live forever; nothing is allocated or freed.
    #[must_use]
    pub fn from_static(bytes: &'static [u8]) -> Self {
        unsafe extern "C" fn nothing(_: *mut (), _: usize) {}
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
            owner: std::ptr::null_mut(),
            capacity: 0,
            drop: nothing,
        }
    }

    /// Takes a vector's buffer over; nothing is allocated or copied.
    #[must_use]
    pub fn from_vec(bytes: Vec<u8>) -> Self {
        unsafe extern "C" fn free(owner: *mut (), capacity: usize) {
            // SAFETY: `owner` and `capacity` are of the vector taken apart below, once; the
            // length does not matter for freeing bytes.
            drop(unsafe { Vec::<u8>::from_raw_parts(owner.cast(), 0, capacity) });
        }
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
            owner: bytes.as_mut_ptr().cast(),
            capacity: bytes.capacity(),
            drop: free,
        }
    }

    /// Keeps `owner` in a box until the bytes are dropped.
    #[must_use]
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        unsafe extern "C" fn free<T>(owner: *mut (), _: usize) {
            // SAFETY: `owner` comes from `Box::into_raw` below, once.
            drop_quietly(|| drop(unsafe { Box::from_raw(owner.cast::<T>()) }));
        }
        let owner = Box::into_raw(Box::new(owner));
        // SAFETY: just made from a box, and not shared yet. The box pins the owner, so what
        // `as_ref` returns stays where it is.
        let bytes = unsafe { &*owner }.as_ref();
        Self {
            ptr: bytes.as_ptr(),
            len: bytes.len(),
            owner: owner.cast(),
            capacity: 0,
            drop: free::<T>,
        }
    }
}

impl Deref for OwnedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `ptr` and `len` come from a slice that `owner` keeps alive and unchanged.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl AsRef<[u8]> for OwnedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for OwnedBytes {
    fn drop(&mut self) {
        // SAFETY: `drop` is the function that belongs to `owner` and `capacity`, called once.
        unsafe { (self.drop)(self.owner, self.capacity) }
    }
}

impl std::fmt::Debug for OwnedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnedBytes({} bytes)", self.len)
    }
}

/// The bytes of a borrowed slice, for the length of the borrow.
pub(crate) fn slice(bytes: &[u8]) -> RSlice<'_, u8> {
    RSlice::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    struct Counted(Vec<u8>, Arc<AtomicUsize>);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_owner_is_dropped_once() {
        let drops = Arc::new(AtomicUsize::new(0));
        let bytes = OwnedBytes::from_owner(Counted(b"abc".to_vec(), drops.clone()));
        assert_eq!(&*bytes, b"abc");
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        drop(bytes);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn empty_vectors_and_statics_have_no_bytes() {
        assert!(OwnedBytes::from_vec(Vec::new()).is_empty());
        assert!(OwnedBytes::from_static(b"").is_empty());
        assert_eq!(&*OwnedBytes::from_vec(vec![7; 9]), &[7; 9]);
    }

    #[test]
    fn a_panicking_owner_does_not_unwind_out_of_the_drop() {
        struct Bomb;
        impl AsRef<[u8]> for Bomb {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        drop(OwnedBytes::from_owner(Bomb));
    }
}
