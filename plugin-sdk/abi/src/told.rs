//! What a library is told besides its [`InitContext`](crate::InitContext): JSON, through a function
//! that a library may lack.
//!
//! A field more in one of the checked types would be another contract. So what was thought of later
//! goes this way: a library of an older SDK has no such function and is not told, and one that is
//! told skips the keys that it does not know.
//!
//! The text is an object:
//!
//! | key | value |
//! |---|---|
//! | `build_id` | which library this is for: 32 hexadecimal digits |
//! | `public` | an object: URL of a public file -> URL of the copy whose name carries a hash |

/// The exported symbol of the function.
pub const SYMBOL: &str = "nova_library_told";

/// The function: the address and the length of a UTF-8 text, which is read during the call.
///
/// # Safety
/// The bytes must be readable until the call returns.
pub type Told = unsafe extern "C" fn(text: *const u8, length: usize);
