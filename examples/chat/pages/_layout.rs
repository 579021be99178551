use nova::prelude::*;

pub fn layout(page: Html) -> Html {
    page.meta("color-scheme", "light dark")
        .meta(
            "description",
            "A chat that goes on while its code is exchanged.",
        )
        .map(|content| html! { main { (content) } })
}
