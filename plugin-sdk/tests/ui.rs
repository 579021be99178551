//! What the compiler says about a wrong page: short, and naming the argument.
//!
//! After a change of the messages: `TRYBUILD=overwrite cargo test --test ui`.

#[test]
fn wrong_pages() {
    let cases = trybuild::TestCases::new();
    // With a file that passes, everything is built and not only checked, which the rule about
    // readers of the body needs.
    cases.pass("tests/ui/pass_generated.rs");
    cases.compile_fail("tests/ui/fail_*.rs");
}
