//! Tables for what people rely on; a naive oracle for everything else.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
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
    let router = router(&["/users/{id}", "/users/{id}/posts/{post}", "/docs/{*path}"]);
    for (path, cost) in [("/users/7/posts/8/", 0), ("/docs/a/b/c", 0), ("/users/a%20b", 1)] {
        let cost_of = allocation_counter::measure(|| {
            assert!(router.find(path).expect("a path").is_some());
        });
        // What is decoded is checked first: one copy then, one for the value.
        assert_eq!(cost_of.count_total, cost * 2, "{path}");
    }
}

/// Tries every pattern and takes the best by the rule as it is written: segment by segment,
/// literal before parameter before rest before optional rest.
fn oracle<'a>(patterns: &'a [Pattern], path: &str) -> Option<(&'a Pattern, Vec<String>)> {
    if path.contains("//") {
        return None;
    }
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    patterns
        .iter()
        .filter_map(|pattern| {
            let (rank, values) = fits(pattern, &segments)?;
            Some((rank, pattern, values))
        })
        .min_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, pattern, values)| (pattern, values))
}

fn fits(pattern: &Pattern, path: &[&str]) -> Option<(Vec<u8>, Vec<String>)> {
    let text = |raw: &str| decode(raw).map(Cow::into_owned).ok();
    let (mut rank, mut values) = (Vec::new(), Vec::new());
    let mut path = path.iter();
    for segment in pattern.segments() {
        let rest = || path.clone().copied().collect::<Vec<_>>().join("/");
        match segment {
            Segment::Literal(literal) => {
                if text(path.next()?)?.as_str() != &**literal {
                    return None;
                }
                rank.push(0);
            }
            Segment::Param(_) => {
                values.push(text(path.next()?)?);
                rank.push(1);
            }
            Segment::Rest(_) | Segment::OptionalRest(_) => {
                let optional = matches!(segment, Segment::OptionalRest(_));
                if path.len() == 0 && !optional {
                    return None;
                }
                values.push(text(&rest())?);
                rank.push(if optional { 3 } else { 2 });
                return Some((rank, values));
            }
        }
    }
    (path.len() == 0).then_some((rank, values))
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let segment = prop_oneof![3 => Just("a"), 2 => Just("b"), 1 => Just("ä"), 3 => Just("{p}")];
    let end = prop_oneof![4 => Just(""), 1 => Just("/{*rest}"), 1 => Just("/{*rest?}")];
    let pattern = (prop::collection::vec(segment, 0..6), end).prop_map(|(segments, end)| {
        let mut text = String::new();
        for (index, segment) in segments.into_iter().enumerate() {
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
        1 => Just("b%2Fa"), 1 => Just("")
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
