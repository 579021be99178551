//! Forms with files, as a browser sends them.

use std::fmt::Write as _;

/// What stands between the fields.
const BOUNDARY: &str = "----nova-testing-7f1b62d9a3c84e05";

/// A form with files (RFC 7578), for [`TestRequest::multipart`](super::TestRequest::multipart).
///
/// ```no_run
/// use nova::testing::{MultipartForm, TestApp};
///
/// # async fn test(app: TestApp) {
/// let form = MultipartForm::new()
///     .text("title", "A cat")
///     .file("picture", "cat.png", "image/png", b"\x89PNG...");
/// let response = app.post("/pictures").multipart(form).await;
/// assert_eq!(response.status(), 303);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MultipartForm {
    body: Vec<u8>,
}

impl MultipartForm {
    /// A form without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field with text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.begin(name, None);
        self.end(value.as_bytes());
        self
    }

    /// Adds a file with its name and its media type.
    #[must_use]
    pub fn file(
        mut self,
        name: &str,
        file_name: &str,
        content_type: &str,
        content: impl AsRef<[u8]>,
    ) -> Self {
        self.begin(name, Some((file_name, content_type)));
        self.end(content.as_ref());
        self
    }

    fn begin(&mut self, name: &str, file: Option<(&str, &str)>) {
        let mut head =
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(name));
        if let Some((file_name, content_type)) = file {
            // Writing to a text does not fail.
            let _ = write!(
                head,
                "; filename=\"{}\"\r\ncontent-type: {content_type}",
                quoted(file_name)
            );
        }
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(b"\r\n\r\n");
    }

    fn end(&mut self, content: &[u8]) {
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
    }

    /// The media type, and the body.
    pub(super) fn finish(mut self) -> (String, Vec<u8>) {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={BOUNDARY}"), self.body)
    }
}

/// As browsers write a name (HTML, multipart/form-data encoding algorithm).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
