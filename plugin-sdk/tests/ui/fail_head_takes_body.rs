use nova::prelude::*;

struct Peek(Body);

impl<S: Sync> FromRequest<S> for Peek {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, _: &S) -> Result<Self> {
        Ok(Peek(cx.take_body()))
    }
}

struct Disguise(Body);

impl<S: Sync> FromRequest<S> for Disguise {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_, Whole>, _: &S) -> Result<Self> {
        Ok(Disguise(cx.take_body()))
    }
}

struct Borrow(String);

impl<S: Sync> FromRequest<S> for Borrow {
    type Part = Head;
    type Rejection = Error;

    async fn from_request(cx: &mut RequestContext<'_>, state: &S) -> Result<Self> {
        Ok(Borrow(String::from_request(cx, state).await?))
    }
}

fn main() {}
