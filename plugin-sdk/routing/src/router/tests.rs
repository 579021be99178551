//! Tables for what people rely on; a naive oracle for everything else.

use std::borrow::Cow;
use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::constraint::ParamType;
use crate::path::decode;

fn router(patterns: &[&'static str]) -> Router<&'static str> {
    let mut router = Router::new();
    for text in patterns {
        router.insert(Pattern::parse(text).expect(text), *text).expect(text);
    }
    router
}

/// The matched pattern and the values, as `/users/{id} id=7`.
fn answer(router: &Router<&'static str>, path: &str) -> String {
    let found = match router.find(path) {
        Err(error) => return format!("{error:?}"),
        Ok(None) => return "-".to_owned(),
        Ok(Some(found)) => found,
    };
    let params: String =
        found.params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let canonical = found.canonical.map_or_else(String::new, |path| format!(" -> {path}"));
    format!("{}{params}{canonical}", found.value)
}

#[test]
fn finds() {
    let router = router(&[
        "/",
        "/users",
        "/users/new",
        "/users/{id}",
        "/users/{id}/posts/{post}",
        "/users/{name}/edit",
        "/docs/{*path}",
        "/docs/{page}/raw",
        "/shop/{*path?}",
        "/a b",
        "/a%2Fb",
        "/{a}/{b}/{c}/{d}/{e}/{f}",
    ]);
    let table = [
        ("/", "/"),
        ("/users", "/users"),
        ("/users/", "/users -> /users"),
        ("/users/new", "/users/new"),
        ("/users/n%65w", "/users/new"),
        ("/users/7", "/users/{id} id=7"),
        ("/users/7/", "/users/{id} id=7 -> /users/7"),
        ("/users/new/edit", "/users/{name}/edit name=new"),
        ("/users/7/posts/8", "/users/{id}/posts/{post} id=7 post=8"),
        ("/users/7/posts", "-"),
        ("/users/a%2Fb", "/users/{id} id=a/b"),
        ("/docs", "-"),
        ("/docs/a", "/docs/{*path} path=a"),
        ("/docs/a/raw", "/docs/{page}/raw page=a"),
        ("/docs/a/raw/b", "/docs/{*path} path=a/raw/b"),
        ("/docs/a%20b/c", "/docs/{*path} path=a b/c"),
        ("/docs/a//b", "-"),
        ("/shop", "/shop/{*path?} path="),
        ("/shop/", "/shop/{*path?} path= -> /shop"),
        ("/shop/x/y", "/shop/{*path?} path=x/y"),
        ("/a%20b", "/a b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%2Fb", "-"),
        ("/1/2/3/4/5/6", "/{a}/{b}/{c}/{d}/{e}/{f} a=1 b=2 c=3 d=4 e=5 f=6"),
        ("/1/2/3/4/5/%36", "/{a}/{b}/{c}/{d}/{e}/{f} a=1 b=2 c=3 d=4 e=5 f=6"),
        ("/nothing", "-"),
        ("//users", "-"),
        ("//evil.example/", "-"),
        ("/users/%", "BadEscape"),
        ("/users/%ff", "NotUtf8"),
        ("/docs/../users", "Dots"),
        ("users", "NotAbsolute"),
    ];
    for (path, want) in table {
        assert_eq!(answer(&router, path), want, "{path}");
    }
}

#[test]
fn an_empty_rest_leaves_room_for_better_routes() {
    let router = router(&["/x/{*a}", "/x/{*b?}", "/y", "/y/{*b?}"]);
    assert_eq!(answer(&router, "/x"), "/x/{*b?} b=");
    assert_eq!(answer(&router, "/x/1"), "/x/{*a} a=1");
    assert_eq!(answer(&router, "/y"), "/y");
    assert_eq!(answer(&router, "/y/1"), "/y/{*b?} b=1");
}

#[test]
fn constraints_decide_in_the_order_of_precedence() {
    let router = router(&[
        "/x/{id}",
        "/x/{id=u64}",
        "/x/{id=u8}",
        "/x/{id=i64}",
        "/x/{id=uuid}",
        "/x/new",
        "/x/post-{id}",
        "/x/post-{id=u64}",
        "/x/{id}.json",
        "/x/post-{id}.json",
        "/x/{id=u64}/edit",
        "/x/{name}/{*rest?}",
        "/y/{id=u8}",
        "/y/{*rest}",
    ]);
    let table = [
        ("/x/new", "/x/new"),
        ("/x/7", "/x/{id=u8} id=7"),
        ("/x/%37", "/x/{id=u8} id=7"),
        ("/x/256", "/x/{id=u64} id=256"),
        ("/x/-1", "/x/{id=i64} id=-1"),
        (
            "/x/67e55044-10b1-426f-9247-bb680e5fe0c8",
            "/x/{id=uuid} id=67e55044-10b1-426f-9247-bb680e5fe0c8",
        ),
        ("/x/seven", "/x/{id} id=seven"),
        ("/x/post-7", "/x/post-{id=u64} id=7"),
        ("/x/post-a%2Fb", "/x/post-{id} id=a/b"),
        ("/x/post-", "/x/{id} id=post-"),
        ("/x/a.json", "/x/{id}.json id=a"),
        ("/x/%61.js%6Fn", "/x/{id}.json id=a"),
        ("/x/.json", "/x/{id} id=.json"),
        ("/x/post-7.json", "/x/post-{id}.json id=7"),
        ("/x/7/edit", "/x/{id=u64}/edit id=7"),
        ("/x/7/none", "/x/{name}/{*rest?} name=7 rest=none"),
        ("/x/a%2541.json/", "/x/{id}.json id=a%41 -> /x/a%2541.json"),
        ("/y/300", "/y/{*rest} rest=300"),
    ];
    for (path, want) in table {
        assert_eq!(answer(&router, path), want, "{path}");
    }
}

#[test]
fn a_parameter_may_be_missing() {
    let router = router(&[
        "/{lang?}",
        "/{lang?}/about",
        "/{shop}/{lang?}/items/{id}",
        "/news/{page=u64?}",
        "/news/{slug}",
        "/docs/{lang?}/x/{*path?}",
    ]);
    let table = [
        ("/", "/{lang?} lang="),
        ("/en", "/{lang?} lang=en"),
        ("/about", "/{lang?}/about lang="),
        ("/en/about", "/{lang?}/about lang=en"),
        ("/about/about/", "/{lang?}/about lang=about -> /about/about"),
        ("/a%20b/items/7", "/{shop}/{lang?}/items/{id} shop=a b lang= id=7"),
        ("/a/%65n/items/7", "/{shop}/{lang?}/items/{id} shop=a lang=en id=7"),
        ("/news", "/news/{page=u64?} page="),
        ("/news/2", "/news/{page=u64?} page=2"),
        ("/news/two", "/news/{slug} slug=two"),
        ("/docs/x", "/docs/{lang?}/x/{*path?} lang= path="),
        ("/docs/en/x/y/z", "/docs/{lang?}/x/{*path?} lang=en path=y/z"),
    ];
    for (path, want) in table {
        assert_eq!(answer(&router, path), want, "{path}");
    }
    let mut router = router;
    let parse = |text: &str| Pattern::parse(text).expect("a pattern");
    for (new, existing) in [
        ("/about", "/{lang?}/about"),
        ("/{name}", "/{lang?}"),
        ("/news/{n=u64}", "/news/{page=u64?}"),
    ] {
        let conflict = router.insert(parse(new), "new").expect_err(new);
        assert_eq!(conflict.existing, parse(existing));
        let mut other = Router::new();
        other.insert(parse(new), ()).expect(new);
        other.insert(parse(existing), ()).expect_err("the other way round");
    }
    assert_eq!(answer(&router, "/about"), "/{lang?}/about lang=");
}

#[test]
fn a_conflict_names_both_and_changes_nothing() {
    let mut router = router(&["/users/{id}"]);
    let conflict = router
        .insert(Pattern::parse("/users/{name}").expect("a pattern"), "new")
        .expect_err("a conflict");
    assert_eq!(
        conflict.to_string(),
        "route `/users/{name}` matches the same paths as `/users/{id}`"
    );
    assert_eq!(router.routes().len(), 1);
    assert_eq!(answer(&router, "/users/7"), "/users/{id} id=7");
}

#[test]
fn plain_values_are_borrowed() {
    let router = router(&["/users/{id}"]);
    let mut found = router.find("/users/7").expect("a path").expect("a route");
    assert_eq!(found.params.value(0), Some("7"));
    assert_eq!(found.params.value(1), None);
    found.params = router.find("/users/%37").expect("a path").expect("a route").params;
    assert_eq!(found.params.get("id"), Some("7"));
}

#[test]
fn finding_costs_no_allocation() {
    let router = router(&[
        "/users/{id}",
        "/users/{id}/posts/{post}",
        "/docs/{*path}",
        "/{lang?}/x/post-{id=u64}.html",
    ]);
    for (path, cost) in
        [("/x/post-7.html", 0), ("/users/7/posts/8/", 0), ("/docs/a/b/c", 0), ("/users/a%20b", 1)]
    {
        let cost_of = allocation_counter::measure(|| {
            assert!(router.find(path).expect("a path").is_some());
        });
        // What is decoded is checked first: one copy then, one for the value.
        assert_eq!(cost_of.count_total, cost * 2, "{path}");
    }
}

/// How good a segment is, less being better: its kind; how much text is around it, and before it; the
/// texts; and the type.
type Rank = (u8, (Reverse<usize>, Reverse<usize>), String, String, usize);

fn rank(kind: u8) -> Rank {
    (kind, (Reverse(0), Reverse(0)), String::new(), String::new(), 0)
}

/// Tries every pattern, with and without what may be missing, and takes the best by the rule as it is
/// written: segment by segment, literal before text around a parameter before type before parameter
/// before rest before optional rest.
fn oracle<'a>(patterns: &'a [Pattern], path: &str) -> Option<(&'a Pattern, Vec<String>)> {
    if path.contains("//") {
        return None;
    }
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    patterns
        .iter()
        .flat_map(|pattern| [(pattern, true), (pattern, false)])
        .filter_map(|(pattern, with_optional)| {
            let (rank, values) = fits(pattern, with_optional, &segments)?;
            Some((rank, pattern, values))
        })
        .min_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, pattern, values)| (pattern, values))
}

fn fits(pattern: &Pattern, with_optional: bool, path: &[&str]) -> Option<(Vec<Rank>, Vec<String>)> {
    let text = |raw: &str| decode(raw).map(Cow::into_owned).ok();
    let (mut ranks, mut values) = (Vec::new(), Vec::new());
    let mut path = path.iter();
    for segment in pattern.segments() {
        let rest = || path.clone().copied().collect::<Vec<_>>().join("/");
        match segment {
            Segment::Literal(literal) => {
                if text(path.next()?)?.as_str() != &**literal {
                    return None;
                }
                ranks.push(rank(0));
            }
            Segment::Constrained(_, Constraint { before, ty, after }) => {
                let whole = text(path.next()?)?;
                let long = whole.len() > before.len() + after.len();
                if !long || !whole.starts_with(&**before) || !whole.ends_with(&**after) {
                    return None;
                }
                let value = &whole[before.len()..whole.len() - after.len()];
                if ty.is_some_and(|ty| !ty.matches(value)) {
                    return None;
                }
                values.push(value.to_owned());
                let order = ParamType::ALL.into_iter().position(|it| Some(it) == *ty);
                let around = before.len() + after.len();
                ranks.push((
                    if around > 0 { 1 } else { 2 },
                    (Reverse(around), Reverse(before.len())),
                    before.to_string(),
                    after.to_string(),
                    order.unwrap_or(usize::MAX),
                ));
            }
            Segment::Optional(..) if !with_optional => values.push(String::new()),
            Segment::Optional(_, Some(ty)) => {
                let value = text(path.next()?)?;
                if !ty.matches(&value) {
                    return None;
                }
                values.push(value);
                let order = ParamType::ALL.into_iter().position(|it| it == *ty);
                ranks.push((2, rank(2).1, String::new(), String::new(), order.unwrap_or(0)));
            }
            Segment::Param(_) | Segment::Optional(_, None) => {
                values.push(text(path.next()?)?);
                ranks.push(rank(3));
            }
            Segment::Rest(_) | Segment::OptionalRest(_) => {
                let optional = matches!(segment, Segment::OptionalRest(_));
                if path.len() == 0 && !optional {
                    return None;
                }
                values.push(text(&rest())?);
                ranks.push(rank(if optional { 5 } else { 4 }));
                return Some((ranks, values));
            }
        }
    }
    (path.len() == 0).then_some((ranks, values))
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let segment = prop_oneof![
        6 => Just("a"), 4 => Just("b"), 2 => Just("ä"), 6 => Just("{p}"), 1 => Just("{p?}"),
        2 => Just("{p=u8}"), 2 => Just("{p=i64}"), 1 => Just("{p=u8?}"), 2 => Just("a{p}"),
        1 => Just("{p}b"), 1 => Just("a{p=u8}"), 1 => Just("ä{p}1"), 1 => Just("a1{p}")
    ];
    let end = prop_oneof![4 => Just(""), 1 => Just("/{*rest}"), 1 => Just("/{*rest?}")];
    let pattern = (prop::collection::vec(segment, 0..6), end).prop_map(|(segments, end)| {
        let mut text = String::new();
        let mut may_be_missing = true;
        for (index, segment) in segments.into_iter().enumerate() {
            let segment = match segment {
                // One alone.
                "{p?}" | "{p=u8?}" if !std::mem::take(&mut may_be_missing) => "{p}",
                segment => segment,
            };
            text += "/";
            text += &segment.replace('p', &format!("p{index}"));
        }
        text + end
    });
    prop::collection::vec(
        pattern.prop_map(|text| if text.is_empty() { "/".to_owned() } else { text }),
        1..20,
    )
}

fn paths() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => Just("a"), 4 => Just("b"), 1 => Just("%61"), 1 => Just("%C3%A4"), 1 => Just("c"),
        1 => Just("b%2Fa"), 1 => Just(""), 2 => Just("1"), 1 => Just("%31"), 1 => Just("-300"),
        1 => Just("a1"), 1 => Just("a1b"), 1 => Just("%611%62"), 1 => Just("ä11"), 1 => Just("ab")
    ];
    prop::collection::vec(segment, 0..7).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_oracle(texts in patterns(), paths in prop::collection::vec(paths(), 1..8)) {
        let mut router = Router::new();
        let mut inserted = Vec::new();
        for text in texts {
            let pattern = Pattern::parse(&text).expect("the strategy makes valid patterns");
            if router.insert(pattern.clone(), pattern.to_string()).is_ok() {
                inserted.push(pattern);
            }
        }
        for path in paths {
            let found = router.find(&path).expect("the strategy makes readable paths");
            let got = found.as_ref().map(|found| {
                let values = found.params.iter().map(|(_, value)| value.to_owned()).collect::<Vec<_>>();
                (found.pattern, values)
            });
            prop_assert_eq!(got, oracle(&inserted, &path), "{}", path);
            if let Some(canonical) = found.and_then(|found| found.canonical) {
                prop_assert!(!canonical.starts_with("//"));
                prop_assert_eq!(format!("{canonical}/"), path);
            }
        }
    }

    #[test]
    fn never_panics(path in ".*") {
        let router = router(&["/", "/{a}/{b}", "/x/{*rest}", "/y/{*rest?}"]);
        let _ = router.find(&path);
        let _ = router.find(&format!("/x/{path}"));
    }
}
