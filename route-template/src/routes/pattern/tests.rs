use super::*;

fn file(name: &str) -> Result<NamePart, BadName> {
    parse_part(name, false)
}

fn segment(segment: Segment) -> Result<NamePart, BadName> {
    Ok(NamePart::Segment(segment))
}

#[test]
fn names_become_segments() {
    for (name, expected) in [
        ("users", Segment::Static("users".into())),
        ("sitemap.xml", Segment::Static("sitemap.xml".into())),
        (".well-known", Segment::Static(".well-known".into())),
        ("über-uns", Segment::Static("über-uns".into())),
        ("@me", Segment::Static("@me".into())),
        ("[id]", Segment::Param("id".into())),
        ("[type]", Segment::Param("type".into())),
        ("[...path]", Segment::Rest("path".into())),
        ("[[...path]]", Segment::OptionalRest("path".into())),
        ("[id].json", Segment::one("id", "", None, ".json")),
        ("post-[id]", Segment::one("id", "post-", None, "")),
        ("[id=u64]", Segment::one("id", "", Some("u64"), "")),
        ("v[id=u8].tar.gz", Segment::one("id", "v", Some("u8"), ".tar.gz")),
        ("[[lang]]", Segment::Optional { name: "lang".into(), ty: None }),
        ("[[page=u64]]", Segment::Optional { name: "page".into(), ty: Some("u64".into()) }),
    ] {
        assert_eq!(file(name), segment(expected), "{name}");
    }
    assert_eq!(parse_part("(shop)", true), Ok(NamePart::Group));
}

#[test]
fn bad_names_say_what_is_wrong() {
    let parameter = |name: &str| BadName::ParameterName { name: name.into() };
    let character = |found| BadName::Character { found };
    for (name, expected) in [
        ("[id", BadName::Brackets),
        ("id]", BadName::Brackets),
        ("[a][b]", BadName::Brackets),
        ("[a]-[b]", BadName::Brackets),
        ("a][b", BadName::Brackets),
        ("[[...a]", BadName::Brackets),
        ("a-[...b]", BadName::TextAround),
        ("[[a]].json", BadName::TextAround),
        ("[id=float]", BadName::Type { ty: "float".into() }),
        ("[id=]", BadName::Type { ty: String::new() }),
        ("user [id]", character(' ')),
        ("[]", BadName::Nameless),
        ("[...]", BadName::Nameless),
        ("[[...]]", BadName::Nameless),
        ("[user-id]", parameter("user-id")),
        ("[1st]", parameter("1st")),
        ("[..path]", parameter("..path")),
        ("{id}", character('{')),
        (":id", character(':')),
        ("a b", character(' ')),
        ("100%", character('%')),
        ("a?b", character('?')),
        ("(shop)", BadName::Group),
        ("()", BadName::Group),
    ] {
        assert_eq!(file(name), Err(expected), "{name}");
    }
}

#[test]
fn patterns_print_as_urls_and_compare_by_shape() {
    let pattern = |names: &[&str]| {
        let mut pattern = Pattern::default();
        for name in names {
            let Ok(NamePart::Segment(segment)) = file(name) else { panic!("{name}") };
            pattern.push(segment).unwrap();
        }
        pattern
    };
    assert_eq!(pattern(&[]).to_string(), "/");
    assert_eq!(pattern(&["a", "[b]", "[...c]"]).to_string(), "/a/{b}/{*c}");
    assert_eq!(pattern(&["[[...c]]"]).to_string(), "/{*c?}");
    assert_eq!(pattern(&["a", "[x]"]).shapes(), pattern(&["a", "[y]"]).shapes());
    assert_ne!(pattern(&["[...x]"]).shapes(), pattern(&["[[...x]]"]).shapes());
    let missing = pattern(&["[[x]]", "a"]);
    assert_eq!(missing.to_string(), "/{x?}/a");
    assert_eq!(
        missing.shapes(),
        [&["[y]", "a"][..], &["a"]].map(|it| pattern(it).shapes().remove(0))
    );
}

/// The matcher reads what is written here, and finds the same conflicts.
#[test]
fn the_matcher_agrees() {
    let names = [
        "a",
        "[x]",
        "[y]",
        "[x=u8]",
        "[y=u8]",
        "[x=uuid]",
        "a-[x]",
        "[y]-a",
        "[x].json",
        "[y].json",
        "a-[x=i64]",
        "[[x]]",
        "[[y=u8]]",
        "[...x]",
        "[[...y]]",
    ];
    let patterns: Vec<Pattern> = names
        .iter()
        .flat_map(|first| [vec![*first], vec![*first, "b"], vec![*first, "[z]"]])
        .filter_map(|names| {
            let mut pattern = Pattern::default();
            for name in names {
                let Ok(NamePart::Segment(segment)) = file(name) else { panic!("{name}") };
                pattern.push(segment).ok()?;
            }
            Some(pattern)
        })
        .collect();
    let parse = |pattern: &Pattern| nova_routing::Pattern::parse(&pattern.to_string()).unwrap();
    for first in &patterns {
        for second in &patterns {
            let mut router = nova_routing::Router::new();
            router.insert(parse(first), ()).unwrap();
            let conflict = router.insert(parse(second), ()).is_err();
            let shapes = second.shapes();
            let ours = first.shapes().iter().any(|shape| shapes.contains(shape));
            assert_eq!(conflict, ours, "{first} {second}");
        }
    }
    let names: Vec<_> =
        nova_routing::ParamType::ALL.into_iter().map(nova_routing::ParamType::name).collect();
    assert_eq!(names, TYPES);
}

#[test]
fn a_pattern_refuses_what_cannot_match() {
    let mut pattern = Pattern::default();
    pattern.push(Segment::Param("id".into())).unwrap();
    assert_eq!(
        pattern.push(Segment::Param("id".into())),
        Err(BadName::Repeated { name: "id".into() }),
    );
    pattern.push(Segment::Rest("rest".into())).unwrap();
    assert_eq!(
        pattern.push(Segment::Static("edit".into())),
        Err(BadName::AfterCatchAll { catch_all: "[...rest]".into() }),
    );
}
