//! What stands before the functions of a page that change something.

use form_urlencoded::parse;
use futures_core::future::BoxFuture;
use http::header::ORIGIN;
use nova_routing::Method;

use super::token::{is_of, read};
use super::{FIELD, HEADER, KEY};
use crate::cookies::{Cookies, Flags};
use crate::error::{Error, Rejection, RejectionKind};
use crate::extract::Uses;
use crate::pipeline::finish::{finish, save_session};
use crate::pipeline::route::{AnyHandler, Call, Environment, MakeHandler, Scope};
use crate::request::origin::Asked;
use crate::request::{RequestContext, Whole};
use crate::response::{IntoResponse, Response};
use crate::session::handle::Session;
use crate::session::setup::Sessions;
use crate::state::AnyState;

/// What a developer is told, where the cause of an error is shown.
const HELP: &str = "a page that other sites may post to says `pub const CSRF: bool = false;`; \
    `Sessions::trust_origin` names an origin whose pages may post to all of the app";

/// Guards the functions for methods that change something. Those for GET are left as they are.
pub(crate) fn guard(
    handlers: &mut [Option<AnyHandler>; Method::ALL.len()],
    any: &mut Option<AnyHandler>,
) {
    let unsafe_methods = [Method::Post, Method::Put, Method::Patch, Method::Delete];
    for handler in unsafe_methods.map(|method| method as usize) {
        handlers[handler] = handlers[handler].take().map(Guarded::around);
    }
    *any = any.take().map(Guarded::around);
}

/// A function behind the guard.
struct Guarded {
    function: AnyHandler,
    /// How the same is made, where the function is made when the app starts.
    make: Option<Box<MakeHandler>>,
}

impl Guarded {
    fn around(function: AnyHandler) -> AnyHandler {
        let unmade = function.make().is_some().then(|| function.clone());
        let make = unmade.map(|unmade| -> Box<MakeHandler> {
            Box::new(move |state| {
                let made = unmade.make().map(|make| make(state));
                Guarded::around(made.unwrap_or_else(|| unmade.clone()))
            })
        });
        AnyHandler::new(Guarded { function, make })
    }
}

impl Call for Guarded {
    fn serve<'a>(
        &'a self,
        mut cx: RequestContext<'a, Whole>,
        environment: &'a Environment,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Response> {
        // Not before the first poll: until then the app is not the one of this thread.
        Box::pin(async move {
            let may = match by_head(&cx) {
                Ok(Verdict::May) => Ok(()),
                Ok(Verdict::NeedsToken) => check_token(&mut cx).await,
                Err(refused) => Err(refused),
            };
            match may {
                Ok(()) => self.function.serve(cx, environment, scope).await,
                Err(refused) => {
                    let refused = refused.into_response();
                    let response = finish(environment, scope, &mut cx, refused).await;
                    // A layout may have taken the messages for the next page.
                    save_session(environment, scope, &mut cx, response).await
                }
            }
        })
    }

    fn step<'a>(
        &'a self,
        cx: &'a mut RequestContext<'_, Whole>,
        state: &'a AnyState,
    ) -> BoxFuture<'a, Response> {
        self.function.step(cx, state)
    }

    fn uses(&self, uses: &mut Uses) {
        self.function.add_uses(uses);
    }

    fn make(&self) -> Option<&MakeHandler> {
        self.make.as_deref()
    }
}

/// What the head of a request says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    May,
    NeedsToken,
}

/// Where a request comes from.
#[derive(Debug, PartialEq, Eq)]
enum Site<'a> {
    Here,
    Elsewhere(&'a str),
    /// A browser sent it, and not from where: the page asked to be silent, or is in a sandbox.
    Hidden,
    Unknown,
}

fn by_head(head: &RequestContext<'_>) -> Result<Verdict, Error> {
    // A function for any method answers these, too.
    if matches!(head.method_name(), "GET" | "HEAD" | "OPTIONS" | "TRACE") {
        return Ok(Verdict::May);
    }
    let sessions = Sessions::current()?;
    let has_session = || {
        let name = sessions.cookie_name(Flags::of(head));
        Cookies::of_head(head).get(&name).is_some()
    };
    match site(head, sessions) {
        Site::Here => Ok(Verdict::May),
        Site::Elsewhere(site) if can_be_of_a_form(head) || has_session() => {
            Err(refused(format!("the request was made by another site ({site})")))
        }
        Site::Hidden if can_be_of_a_form(head) || has_session() => Ok(Verdict::NeedsToken),
        Site::Unknown if has_session() => Ok(Verdict::NeedsToken),
        Site::Elsewhere(_) | Site::Hidden | Site::Unknown => Ok(Verdict::May),
    }
}

fn site<'a>(head: &'a RequestContext<'_>, sessions: &Sessions) -> Site<'a> {
    let origin = head.header(ORIGIN.as_str());
    let named = origin.filter(|origin| *origin != "null");
    if named.is_some_and(|origin| sessions.trusts(origin)) {
        return Site::Here;
    }
    match (head.header("sec-fetch-site"), origin) {
        (Some("same-origin" | "none"), _) => Site::Here,
        (Some(site), _) => Site::Elsewhere(named.unwrap_or(site)),
        (None, Some("null")) => Site::Hidden,
        (None, Some(origin)) if Asked::of(head).is(origin) => Site::Here,
        (None, Some(origin)) => Site::Elsewhere(origin),
        (None, None) => Site::Unknown,
    }
}

fn refused(message: impl Into<String>) -> Error {
    Rejection::of(RejectionKind::ForeignOrigin, message).with_source(HELP).into()
}

/// Whether a form, or a script that may not read the answer, can send this without asking first.
fn can_be_of_a_form(head: &RequestContext<'_>) -> bool {
    matches!(head.method_name(), "POST")
        && (head.header("content-type").is_none()
            || head.has_media_type("application", "x-www-form-urlencoded")
            || head.has_media_type("multipart", "form-data")
            || head.has_media_type("text", "plain"))
}

async fn check_token(cx: &mut RequestContext<'_, Whole>) -> Result<(), Error> {
    let session = Session::of_head(cx).await?;
    let key = session.get::<String>(KEY)?.as_deref().and_then(read);
    let token = match cx.header(HEADER) {
        Some(token) => Some(token.to_owned()),
        None => field(cx).await?,
    };
    let is_right = key.zip(token.as_deref()).is_some_and(|(key, token)| is_of(token, &key));
    if is_right {
        return Ok(());
    }
    let message = match token {
        None => {
            "the request says neither which site it comes from (`Sec-Fetch-Site`, `Origin`), nor has it \
             the token of a form (`_csrf`, or the header `x-csrf-token`)"
        }
        Some(_) => "the token of the form is of another session; load the form again",
    };
    Err(refused(message))
}

/// The field with the token, if this is a form that can be read as a whole. The body is there for the
/// page all the same.
async fn field(cx: &mut RequestContext<'_, Whole>) -> Result<Option<String>, Error> {
    if !cx.has_media_type("application", "x-www-form-urlencoded") {
        return Ok(None);
    }
    let body = cx.take_body().bytes().await?;
    let token = parse(&body).find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned());
    cx.put_body(body);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::testing::TestIncoming;

    fn verdict(headers: &[(&'static str, &str)]) -> Result<Verdict, String> {
        let app = crate::info::started("", false, Default::default(), None);
        let _inside = crate::info::enter(app);
        let trusted = Sessions::in_cookie().trust_origin("https://app.example");
        let _ = crate::session::set_up(trusted);
        let request = TestIncoming::with_headers(Method::POST, headers);
        by_head(&RequestContext::host(&request)).map_err(|refused| refused.message().to_owned())
    }

    #[test]
    fn what_the_browser_says_comes_first() {
        const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
        const JSON: (&str, &str) = ("content-type", "application/json");
        const SESSION: (&str, &str) = ("cookie", "a=1; __Host-session=x");
        const HERE: (&str, &str) = ("host", "shop.example");
        let site = |site| ("sec-fetch-site", site);
        let origin = |origin| ("origin", origin);
        let of = |site: &str| Err(format!("the request was made by another site ({site})"));
        let (may, token) = (Ok(Verdict::May), Ok(Verdict::NeedsToken));
        let evil = "https://evil.example";
        let table: [(&[_], _); 24] = [
            (&[FORM, SESSION, site("same-origin")], &may),
            (&[FORM, SESSION, site("none")], &may),
            (&[FORM, SESSION, site("cross-site"), origin(evil)], &of(evil)),
            (&[FORM, SESSION, site("same-site")], &of("same-site")),
            (&[FORM, site("cross-site")], &of("cross-site")),
            (&[JSON, site("cross-site")], &may),
            (&[JSON, SESSION, site("cross-site")], &of("cross-site")),
            (&[FORM, SESSION, site("cross-site"), origin("https://app.example")], &may),
            (&[FORM, SESSION, HERE, origin("https://shop.example")], &may),
            (&[FORM, SESSION, HERE, origin("https://SHOP.example:443")], &may),
            (
                &[FORM, SESSION, HERE, origin("http://shop.example:443")],
                &of("http://shop.example:443"),
            ),
            (
                &[FORM, SESSION, HERE, origin("https://shop.example.evil")],
                &of("https://shop.example.evil"),
            ),
            (&[FORM, SESSION, HERE, origin(evil)], &of(evil)),
            (&[FORM, HERE, origin(evil)], &of(evil)),
            (&[HERE, origin(evil)], &of(evil)),
            (&[JSON, HERE, origin(evil)], &may),
            (&[FORM, SESSION, HERE, origin("null")], &token),
            (&[FORM, HERE, origin("null")], &token),
            (&[JSON, HERE, origin("null")], &may),
            (&[FORM, SESSION, site("cross-site"), origin("https://App.example:443")], &may),
            (
                &[FORM, HERE, ("x-forwarded-proto", "https"), origin("http://shop.example")],
                &of("http://shop.example"),
            ),
            (&[FORM, SESSION], &token),
            (&[FORM], &may),
            (&[JSON, SESSION], &token),
        ];
        for (headers, want) in table {
            assert_eq!(&verdict(headers), want, "{headers:?}");
        }
    }
}
