use nova::prelude::*;

pub fn get() -> Html {
    page("Number", 42)
}

pub fn raw() -> Html {
    Html(42)
}

fn main() {}
