//! That all servers give the same answers, before anything is timed.

use bytes::Bytes;
use http::{Response, header};
use nova_benches::load::Exchange;
use nova_tests::client::{Connection, Failure};

use crate::running::Running;
use crate::workload::Question;

/// Status, media type and body of an answer: what has to be equal.
type Essence = (u16, Option<String>, Bytes);

/// The questions with their answers, which all servers agree on.
pub(crate) async fn exchanges(
    servers: &[Running],
    questions: &[Question],
) -> Result<Vec<Exchange>, Failure> {
    let (first, others) = servers.split_first().ok_or("no server to ask")?;
    let expected = ask(first, questions).await?;
    for other in others {
        let answers = ask(other, questions).await?;
        for ((question, answer), expected) in questions.iter().zip(&answers).zip(&expected) {
            if answer != expected {
                return Err(format!(
                    "{} {}: {} and {} differ:\n  {}\n  {}",
                    question.method,
                    question.path,
                    first.server.name,
                    other.server.name,
                    shown(expected),
                    shown(answer)
                )
                .into());
            }
        }
    }
    let exchange = |(question, (status, _, body)): (&Question, &Essence)| Exchange {
        method: question.method.clone(),
        path: question.path.clone(),
        body: question.body,
        status: *status,
        length: body.len() as u64,
    };
    Ok(questions.iter().zip(&expected).map(exchange).collect())
}

async fn ask(server: &Running, questions: &[Question]) -> Result<Vec<Essence>, Failure> {
    let mut connection = Connection::open(server.address).await?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = connection.send(question.method.clone(), &question.path, question.body).await;
        let answer = answer.map_err(|error| format!("{}: {error}", server.server.name))?;
        answers.push(essence(&answer));
    }
    Ok(answers)
}

fn essence(answer: &Response<Bytes>) -> Essence {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).to_lowercase());
    // JSON has no charset (RFC 8259, section 11); fastify says one that cannot be left out.
    let kind = kind.map(|kind| kind.replace("application/json; charset=utf-8", "application/json"));
    (answer.status().as_u16(), kind, answer.body().clone())
}

fn shown((status, kind, body): &Essence) -> String {
    let start = &body[..body.len().min(300)];
    let kind = kind.as_deref().unwrap_or("no type");
    format!("{status}, {kind}, {} bytes: {}", body.len(), start.escape_ascii())
}
