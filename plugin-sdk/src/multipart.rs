//! Forms with files: `multipart/form-data` (RFC 7578), read as it arrives.
//!
//! ```
//! use nova::prelude::*;
//!
//! pub const BODY_LIMIT: usize = 20 * 1024 * 1024;
//!
//! pub async fn post(Path(id): Path<u64>, mut form: Multipart) -> Result<String> {
//!     let mut said = String::new();
//!     while let Some(field) = form.next_field().await? {
//!         match field.name() {
//!             "title" => said = field.text().await?,
//!             "picture" => {
//!                 let file = field.into_file().await?;
//!                 // A name of the app's own: one that a visitor has sent may lead anywhere.
//!                 file.persist(format!("data/pictures/{id}.png")).await?;
//!             }
//!             _ => {}
//!         }
//!     }
//!     Ok(said)
//! }
//! # let _ = post;
//! ```
//!
//! What a form has in all is limited by the page's `BODY_LIMIT`, 2 MiB unless it says otherwise; a field
//! by [`Multipart::field_limit`]. What is too long is answered with 413, another type of body with 415,
//! and one that is not what its type says with 400.

mod field;
mod file;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::header::CONTENT_TYPE;
use multer::{Constraints, SizeLimit, parse_boundary};

pub use self::field::Field;
pub use self::file::TempFile;
use crate::body::Body;
use crate::error::{Error, Rejection, RejectionKind};
use crate::extract::{FromRequest, OptionalFromRequest};
use crate::request::{RequestContext, Whole};

/// The fields of a form with files, one after the other. See the [module](self).
#[derive(Debug)]
pub struct Multipart {
    form: Form,
    limits: Vec<(Option<String>, u64)>,
}

#[derive(Debug)]
enum Form {
    /// Nothing has been read.
    Whole {
        body: Body,
        boundary: String,
    },
    Read(multer::Multipart<'static>),
}

impl Multipart {
    /// Lets no field have more bytes than this, but those that have a limit of
    /// [their own](Self::field_limit_of). To be called before the first field is read.
    #[must_use]
    pub fn field_limit(mut self, bytes: u64) -> Self {
        self.limits.push((None, bytes));
        self
    }

    /// Lets the field of this name have no more bytes than this.
    ///
    /// ```
    /// use nova::prelude::*;
    ///
    /// pub async fn post(form: Multipart) -> Result<()> {
    ///     let mut form = form.field_limit(1024).field_limit_of("picture", 1024 * 1024);
    ///     while let Some(field) = form.next_field().await? {
    ///         // ...
    /// #       drop(field);
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = post;
    /// ```
    #[must_use]
    pub fn field_limit_of(mut self, name: impl Into<String>, bytes: u64) -> Self {
        self.limits.push((Some(name.into()), bytes));
        self
    }

    /// The next field; `None` at the end. What was not read of the one before is skipped.
    ///
    /// # Errors
    /// 413 when a limit is passed, 400 when the body is not what its type says, and what broke while it
    /// was read.
    pub async fn next_field(&mut self) -> Result<Option<Field<'_>>, Error> {
        if let Form::Whole { body, boundary } = &mut self.form {
            let mut limit = SizeLimit::new();
            for (name, bytes) in self.limits.drain(..) {
                limit = match name {
                    Some(name) => limit.for_field(name, bytes),
                    None => limit.per_field(bytes),
                };
            }
            let pieces = Pieces(std::mem::take(body));
            let limits = Constraints::new().size_limit(limit);
            let form = multer::Multipart::with_constraints(pieces, &**boundary, limits);
            self.form = Form::Read(form);
        }
        let Form::Read(form) = &mut self.form else { unreachable!("it was made above") };
        Ok(form.next_field().await.map_err(error)?.map(Field::new))
    }
}

/// A body whose errors are such as multer takes.
struct Pieces(Body);

impl Stream for Pieces {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = Pin::new(&mut self.0).poll_next(cx);
        piece.map(|piece| piece.map(|piece| piece.map_err(|error| error.into_std().into())))
    }
}

/// What a client is told about what multer has found.
fn error(error: multer::Error) -> Error {
    let (kind, message) = match error {
        // The body's own: 413 past the page's limit.
        multer::Error::StreamReadFailed(source) => return Error::from(source),
        multer::Error::FieldSizeExceeded { limit, field_name } => {
            let name = field_name.unwrap_or_default();
            let message = format!("the field `{name}` is longer than {limit} bytes");
            (RejectionKind::BodyTooLarge, message)
        }
        multer::Error::StreamSizeExceeded { limit } => {
            (RejectionKind::BodyTooLarge, format!("the form is longer than {limit} bytes"))
        }
        multer::Error::LockFailure => return Error::internal(error),
        other => (RejectionKind::InvalidSyntax, format!("bad form: {other}")),
    };
    Rejection::of(kind, message).into()
}

#[diagnostic::do_not_recommend]
impl<S: Sync> FromRequest<S> for Multipart {
    type Part = Whole;
    type Rejection = Rejection;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self, Rejection> {
        if !cx.has_media_type("multipart", "form-data") {
            return Err(Rejection::of(
                RejectionKind::UnsupportedMediaType,
                "expected a body of the type multipart/form-data; a form sends it with \
                 `enctype=\"multipart/form-data\"`",
            ));
        }
        let media_type = cx.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let boundary = parse_boundary(media_type).map_err(|_| {
            Rejection::of(RejectionKind::InvalidSyntax, "bad form: its type names no boundary")
        })?;
        let form = Form::Whole { body: cx.take_body(), boundary };
        Ok(Multipart { form, limits: Vec::new() })
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync> OptionalFromRequest<S> for Multipart {
    fn is_present(head: &RequestContext<'_>) -> bool {
        head.announces_body()
    }
}
