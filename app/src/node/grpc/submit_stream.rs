//! Many transactions into the pool, with back-pressure.
//!
//! Two stages, each with one request in hand: signatures of the next request are checked while
//! the transactions of the one before are taken in. Answers keep the order of the requests.

use bytes::Bytes;
use tessera_proto::pb::chain::v1::{Admission, SubmitStreamRequest, SubmitStreamResponse};
use tessera_proto::signing::transaction_id;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::services::{Answers, Services};
use super::status;
use crate::chain::tx::MAX_FRAME_TRANSACTIONS;
use crate::chain::verify::Verified;
use crate::state::error::Rejected;

/// Answers that wait for their reader.
const ANSWERS_AHEAD: usize = 1;
/// Checked requests that wait to be taken in.
const CHECKED_AHEAD: usize = 1;
/// Most transactions of a request.
const MAX_TRANSACTIONS: usize = MAX_FRAME_TRANSACTIONS;

struct Checked {
    transactions: Vec<Bytes>,
    verified: Vec<Verified>,
}

/// Takes requests in until the stream ends.
pub(crate) fn start(
    services: &Services,
    requests: Streaming<SubmitStreamRequest>,
) -> Answers<SubmitStreamResponse> {
    let (answers, receiver) = mpsc::channel(ANSWERS_AHEAD);
    let (checked, to_admit) = mpsc::channel(CHECKED_AHEAD);
    tokio::spawn(check_all(services.clone(), requests, checked));
    tokio::spawn(admit_all(services.clone(), to_admit, answers));
    ReceiverStream::new(receiver)
}

async fn check_all(
    services: Services,
    mut requests: Streaming<SubmitStreamRequest>,
    checked: mpsc::Sender<Result<Checked, Status>>,
) {
    loop {
        let next = tokio::select! {
            next = next_request(&services, &mut requests) => next,
            () = services.stopped() => Err(status::stopping()),
            () = checked.closed() => return,
        };
        let request = match next {
            Ok(Some(request)) => check(&services, request).await,
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let last = request.is_err();
        if checked.send(request).await.is_err() || last {
            return;
        }
    }
}

async fn next_request(
    services: &Services,
    requests: &mut Streaming<SubmitStreamRequest>,
) -> Result<Option<SubmitStreamRequest>, Status> {
    services.node.pool().wait_for_room().await;
    requests.message().await
}

async fn check(services: &Services, request: SubmitStreamRequest) -> Result<Checked, Status> {
    let transactions = request.transactions;
    let count = transactions.len();
    if count > MAX_TRANSACTIONS {
        return Err(status::invalid(format!(
            "a request has {count} transactions, at most {MAX_TRANSACTIONS} are allowed"
        )));
    }
    let check = move |node: &crate::node::application::Node| {
        let verified = node.pool().verify(&transactions);
        Ok(Checked { transactions, verified })
    };
    services.blocking(check).await
}

async fn admit_all(
    services: Services,
    mut checked: mpsc::Receiver<Result<Checked, Status>>,
    answers: mpsc::Sender<Result<SubmitStreamResponse, Status>>,
) {
    while let Some(request) = checked.recv().await {
        let answer = match request {
            Ok(request) => admit(&services, request).await,
            Err(error) => Err(error),
        };
        let last = answer.is_err();
        if answers.send(answer).await.is_err() || last {
            return;
        }
    }
}

async fn admit(services: &Services, request: Checked) -> Result<SubmitStreamResponse, Status> {
    let Checked { transactions, verified } = request;
    services
        .blocking(move |node| {
            let answers = node
                .pool()
                .admit_verified(verified, &transactions)
                .map_err(|fault| status::failed(&fault))?;
            let admissions =
                answers.into_iter().zip(&transactions).map(|(answer, tx)| admission(answer, tx));
            Ok(SubmitStreamResponse { admissions: admissions.collect() })
        })
        .await
}

fn admission(answer: Result<[u8; 32], Rejected>, transaction: &Bytes) -> Admission {
    match answer {
        Ok(id) => Admission { tx_id: id.to_vec().into(), ..Admission::default() },
        Err(error) => Admission {
            tx_id: transaction_id(transaction).to_vec().into(),
            code: error.code,
            codespace: error.codespace.to_owned(),
            message: error.message,
        },
    }
}
