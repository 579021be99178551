use super::*;

#[test]
fn any_error_is_500_and_keeps_its_cause() {
    let error = Error::from(std::io::Error::other("disk on fire"));
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(error.to_string(), "Internal Server Error: disk on fire");
    assert!(error.source().is_some_and(<dyn StdError>::is::<std::io::Error>));
    assert_eq!(Error::from("plain text").to_string(), "Internal Server Error: plain text");
}

#[test]
fn a_rejection_keeps_its_status_and_source() {
    let cause = "x".parse::<u8>().expect_err("no number");
    let rejection = Rejection::new(StatusCode::BAD_REQUEST, "bad id").with_source(cause);
    let boxed: BoxError = Box::new(rejection);
    let error = Error::from(boxed);
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    assert_eq!(error.to_string(), "bad id: invalid digit found in string");
}

#[test]
fn it_knows_where_in_the_app_it_was_made() {
    // This file is not the app's, as far as this crate knows.
    assert_eq!(Error::not_found("gone").location(), None);
    assert!(is_of_sdk(file!()) && !is_of_sdk("pages/index.rs"));
    assert!(!is_of_sdk("plugin-sdk/tests/app/errors.rs"), "its tests are not");
}

#[test]
fn it_is_itself_again_behind_other_errors() {
    #[derive(Debug)]
    struct Wrapped(BoxError);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the stream failed")
        }
    }
    impl StdError for Wrapped {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }
    let too_large = || {
        let rejection = Rejection::of(RejectionKind::BodyTooLarge, "too long");
        Error::from(rejection).with_header("x-max", "5")
    };
    let alone = "too long";
    let behind = "too long: the stream failed: too long";
    let table: [(BoxError, &str); 5] = [
        (Box::new(too_large().into_std()), alone),
        (Box::new(std::io::Error::from(too_large())), alone),
        (Box::new(std::io::Error::other(std::io::Error::from(too_large()))), alone),
        (Box::new(Wrapped(Box::new(too_large().into_std()))), behind),
        (Box::new(Wrapped(Box::new(std::io::Error::from(too_large())))), behind),
    ];
    for (carrying, text) in table {
        let error = Error::from(carrying);
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(error.rejection(), Some(RejectionKind::BodyTooLarge));
        assert_eq!(error.headers()["x-max"], "5");
        assert_eq!(error.to_string(), text);
    }
    let io = std::io::Error::from(too_large().with_source("the wire"));
    assert_eq!(Error::from(io).to_string(), "too long: the wire");
}

#[test]
fn it_is_as_small_as_a_pointer() {
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
}
