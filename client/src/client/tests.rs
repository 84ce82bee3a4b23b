//! What the client makes of a node that loses answers, orders slowly or refuses.

use std::time::Duration;

use tessera_proto::amount::Amount;
use tessera_proto::id::{Address, AssetId};
use tokio_stream::StreamExt;

use super::*;
use crate::mock_node::MockNode;
use crate::operations::{Kind, transfer};
use crate::signer::Signer;

const PATIENT: Duration = Duration::from_secs(20);

fn operation() -> Kind {
    transfer(&AssetId::new([1; 16]), &Address::new([2; 20]), Amount::from_u64(3))
}

async fn connect(node: &MockNode) -> Client {
    Client::connect(&node.start().await).await.unwrap()
}

fn options() -> SendOptions {
    SendOptions { timeout: PATIENT, ..SendOptions::default() }
}

#[tokio::test]
async fn nonces_are_asked_for_once() {
    let node = MockNode::default();
    let client = connect(&node).await;
    let signer = Signer::from_seed_phrase("alice");
    for _ in 0..3 {
        let receipt = client.send_with(&signer, &[operation()], options()).await.unwrap();
        assert_eq!(receipt.height, 12);
    }
    let node = node.0.lock().unwrap();
    assert_eq!((node.included.len(), node.account_queries), (3, 1));
}

#[tokio::test]
async fn a_lost_answer_does_not_send_twice() {
    let node = MockNode::default();
    node.0.lock().unwrap().lost_answers = 2;
    let client = connect(&node).await;
    let signer = Signer::from_seed_phrase("alice");
    client.send_with(&signer, &[operation()], options()).await.unwrap();
    assert_eq!(node.0.lock().unwrap().included.len(), 1);
}

#[tokio::test]
async fn two_clients_of_one_lane_take_turns() {
    let node = MockNode::default();
    node.0.lock().unwrap().holds_blocks = true;
    let (first, second) = (connect(&node).await, connect(&node).await);
    let signer = Signer::from_seed_phrase("alice");
    let operations = [operation()];
    let both = async {
        tokio::join!(
            first.send_with(&signer, &operations, options()),
            second.send_with(&signer, &operations, options()),
        )
    };
    let blocks = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            node.commit();
        }
    };
    let (one, other) = tokio::select! {
        results = both => results,
        () = blocks => unreachable!(),
    };
    one.unwrap();
    other.unwrap();
    // Even though both made the same bytes at first.
    assert_eq!(node.0.lock().unwrap().included.len(), 2);
}

#[tokio::test]
async fn many_tasks_of_one_lane_all_get_through() {
    let node = MockNode::default();
    let client = connect(&node).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let signer = Signer::from_seed_phrase("alice");
                client.send_with(&signer, &[operation()], options()).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(node.0.lock().unwrap().included.len(), 20);
}

#[tokio::test]
async fn a_refusal_does_not_use_up_the_nonce() {
    let node = MockNode::default();
    let client = connect(&node).await;
    let signer = Signer::from_seed_phrase("alice");
    node.0.lock().unwrap().refusal = Some(("tx", 9));
    let error = client.send_with(&signer, &[operation()], options()).await.unwrap_err();
    assert_eq!((error.code().as_str(), error.exit_code()), ("tx/9", 3));
    node.0.lock().unwrap().refusal = None;
    client.send_with(&signer, &[operation()], options()).await.unwrap();
}

#[tokio::test]
async fn what_is_not_known_is_said_with_its_id() {
    let node = MockNode::default();
    node.0.lock().unwrap().holds_blocks = true;
    let client = connect(&node).await;
    let signer = Signer::from_seed_phrase("alice");
    let hasty = SendOptions { timeout: Duration::from_millis(100), ..SendOptions::default() };
    let error = client.send_with(&signer, &[operation()], hasty).await.unwrap_err();
    let ClientError::OutcomeUnknown { id } = error else { panic!("{error}") };
    assert_eq!(client.wait(id, Duration::ZERO).await.unwrap(), None);
    node.commit();
    assert_eq!(client.wait(id, PATIENT).await.unwrap().unwrap().height, 12);
}

#[tokio::test]
async fn nobody_there_is_not_an_unknown_outcome() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    for bad in ["https://localhost:1", "http://", "not a url"] {
        assert_eq!(Client::connect(bad).await.unwrap_err().exit_code(), 2, "{bad}");
    }
}

#[tokio::test]
async fn blocks_are_streamed() {
    let client = connect(&MockNode::default()).await;
    let blocks: Vec<_> = client.subscribe_blocks().await.unwrap().collect().await;
    let heights: Vec<_> = blocks.into_iter().map(|block| block.unwrap().height).collect();
    assert_eq!(heights, [1, 2, 3]);
}
