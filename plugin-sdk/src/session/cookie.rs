//! Sessions that are kept in an encrypted cookie, and what the cookies of all sessions have in common.

use std::time::Duration;

use cookie::Cookie;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderValue};

use super::data::{Changes, Times, Values, now};
use super::handle::Stored;
use super::setup::Sessions;
use crate::cookies::{Cookies, Flags, PrivateCookies};
use crate::error::Error;
use crate::request::RequestContext;

/// What browsers keep of a cookie: name, value and attributes (RFC 6265, section 6.1).
const LARGEST: usize = 4096;

/// What the cookie says.
type Content = (u64, u64, Values);

/// The session in the cookie; `None` for one that this app has not made.
pub(super) fn load(
    sessions: &Sessions,
    head: &RequestContext<'_>,
) -> Result<Option<Stored>, Error> {
    let name = sessions.cookie_name(Flags::of(head));
    let Some(cookie) = PrivateCookies::of_head(head)?.get(&name) else { return Ok(None) };
    // One of an earlier release may say it in another way: then it is none.
    let Ok((began, saved, values)) = serde_json::from_str::<Content>(cookie.value()) else {
        return Ok(None);
    };
    Ok(Some(Stored {
        values,
        times: Times { began, saved },
        #[cfg(feature = "sessions-store")]
        id: None,
    }))
}

/// The cookie that keeps the session, or takes it away; `None` if there is nothing to say.
pub(super) fn save(
    sessions: &Sessions,
    head: &RequestContext<'_>,
    before: Option<Stored>,
    changes: &Changes,
) -> Result<Option<Cookies>, Error> {
    let (values, times) = match before {
        Some(Stored { values, times, .. }) => (values, Some(times)),
        None => (Values::new(), None),
    };
    let values = changes.apply(values);
    if values.is_empty() {
        return Ok(times.map(|_| removed(sessions, head)));
    }
    let kept = times.filter(|_| !changes.renewed && !changes.cleared);
    let times = kept.map_or_else(Times::new, |times| Times { saved: now(), ..times });
    let Some(left) = times.left(sessions.idle, sessions.absolute) else {
        return Ok(Some(removed(sessions, head)));
    };
    let content: Content = (times.began, times.saved, values);
    let content = serde_json::to_string(&content).map_err(Error::internal)?;
    let cookies = PrivateCookies::of_head(head)?;
    let cookies = cookies.add(kept_for(sessions, head, left, content)).into_plain();
    let length = cookies.longest_change();
    if length > LARGEST {
        return Err(Error::internal(format!(
            "the session is too large for a cookie: {length} bytes, and browsers keep {LARGEST}; put \
             less into it, or keep sessions in a store (`Sessions::in_store`)"
        )));
    }
    Ok(Some(cookies))
}

/// The cookie of a session.
pub(super) fn kept_for(
    sessions: &Sessions,
    head: &RequestContext<'_>,
    left: Duration,
    value: String,
) -> Cookie<'static> {
    let mut cookie = Cookie::new(sessions.cookie_name(Flags::of(head)), value);
    if !sessions.ends_with_browser {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        cookie.set_max_age(cookie::time::Duration::seconds(seconds));
    }
    cookie
}

/// Keeps an answer that sets the cookie of a session out of caches that serve others (RFC 9111, section
/// 5.2.2): with it they would give away the session.
pub(super) fn make_private(headers: &mut HeaderMap) {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let said = lines.flat_map(|line| line.split(',')).map(str::trim);
    let is_shared = |directive: &str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("public") || name.eq_ignore_ascii_case("s-maxage")
    };
    let mut left: Vec<&str> = said.filter(|it| !it.is_empty() && !is_shared(it)).collect();
    let is_private =
        |it: &&str| ["private", "no-store"].iter().any(|is| it.eq_ignore_ascii_case(is));
    if !left.iter().any(is_private) {
        left.insert(0, "private");
    }
    let value = HeaderValue::try_from(left.join(", "));
    headers.insert(CACHE_CONTROL, value.unwrap_or(HeaderValue::from_static("private")));
}

/// That there is no session any more.
pub(super) fn removed(sessions: &Sessions, head: &RequestContext<'_>) -> Cookies {
    Cookies::of_head(head).remove(sessions.cookie_name(Flags::of(head)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shared_cache_keeps_the_cookie_of_a_session() {
        for (said, want) in [
            (&[][..], "private"),
            (&["public, max-age=60"], "private, max-age=60"),
            (&["max-age=60, S-MaxAge=600", "Public"], "private, max-age=60"),
            (&["max-age=60"], "private, max-age=60"),
            (&["Private, max-age=60"], "Private, max-age=60"),
            (&["no-store, public"], "no-store"),
            (&["private=\"x-name\""], "private, private=\"x-name\""),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
            }
            make_private(&mut headers);
            let made: Vec<_> = headers.get_all(CACHE_CONTROL).iter().collect();
            assert_eq!(made, [want], "{said:?}");
        }
    }
}
