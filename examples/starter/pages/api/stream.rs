use std::time::Duration;

use nova::prelude::*;

/// Each call would take a while, so that nothing should call it but a visitor.
pub const PRECOMPILE: bool = false;

pub fn get() -> Body {
    let (lines, body) = Body::channel();
    tokio::spawn(async move {
        for number in 1..=8 {
            // It fails when the visitor has gone, and ends this task.
            lines.send(format!("line {number} of 8\n")).await?;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        lines.send("the end\n").await
    });
    body.with_content_type("text/plain; charset=utf-8")
}
