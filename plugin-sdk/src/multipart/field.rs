//! One field of a form.

use std::marker::PhantomData;

use bytes::Bytes;
use http::HeaderMap;

use super::error;
use super::file::TempFile;
use crate::error::Error;

/// A field of a [`Multipart`](super::Multipart) form: its name, and its bytes as they arrive.
#[derive(Debug)]
pub struct Field<'a> {
    field: multer::Field<'static>,
    /// As long as it lives, the form reads no other one.
    form: PhantomData<&'a mut ()>,
}

impl Field<'_> {
    pub(super) fn new(field: multer::Field<'static>) -> Self {
        Field { field, form: PhantomData }
    }

    /// The name that it has in the form; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// The name of the file on the visitor's machine, without folders; `None` for a field that is no
    /// file, and for one where none was chosen. It is what the client says: the app makes its own names.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let name = self.field.file_name()?;
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        Some(name).filter(|name| !["", ".", ".."].contains(name))
    }

    /// The media type, such as `image/png`, which is what the client says.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.field.content_type().map(AsRef::as_ref)
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.field.headers()
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// As for [`Multipart::next_field`](super::Multipart::next_field).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.field.chunk().await.map_err(error)
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// As for [`chunk`](Self::chunk).
    pub async fn bytes(self) -> Result<Bytes, Error> {
        self.field.bytes().await.map_err(error)
    }

    /// All of it as text; what is not UTF-8 in it is replaced by U+FFFD.
    ///
    /// # Errors
    /// As for [`chunk`](Self::chunk).
    pub async fn text(self) -> Result<String, Error> {
        // Whatever `charset` the client names: an app knows its own forms, which are in UTF-8.
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// All of it, in a file of the system's folder for temporary ones.
    ///
    /// # Errors
    /// As for [`chunk`](Self::chunk); and when the file cannot be written.
    pub async fn into_file(mut self) -> Result<TempFile, Error> {
        let mut file = TempFile::new(self.file_name(), self.content_type())?;
        while let Some(piece) = self.chunk().await? {
            file.write(&piece).await?;
        }
        file.finish().await?;
        Ok(file)
    }
}
