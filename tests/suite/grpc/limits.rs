//! Hostile and unlucky peers (fault 28): limits hold, and others are served.

use std::time::Duration;

use tessera_app::node::grpc::{GrpcConfig, GrpcServer};
use tessera_client::Client;
use tessera_proto::pb::chain::v1::proof_service_client::ProofServiceClient;
use tessera_proto::pb::chain::v1::transaction_service_client::TransactionServiceClient;
use tessera_proto::pb::chain::v1::{GetCertificateRequest, SubmitStreamRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

use super::chain::{Chain, DEADLINE, Settings};

fn settings(grpc: GrpcConfig) -> Settings {
    Settings { grpc, ..Settings::default() }
}

/// Waits until the other side closes.
async fn closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_28_silent_and_surplus_connections_are_closed_and_others_served() {
    let grpc = GrpcConfig {
        max_connections: 4,
        idle_timeout: Duration::from_secs(2),
        keepalive_interval: Duration::from_millis(200),
        ..GrpcConfig::default()
    };
    let chain = Chain::start_with(settings(grpc)).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(chain.address).await.unwrap());
    }
    // The client has the fourth; whoever comes now is sent away.
    let mut surplus = TcpStream::connect(chain.address).await.unwrap();
    assert!(closed(&mut surplus).await);
    assert!(chain.client.info().await.is_ok());
    silent[0].write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    silent[1].write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    for stream in &mut silent {
        assert!(closed(stream).await);
    }
    // A peer that answers pings stays, however little it says.
    assert!(chain.client.info().await.is_ok());
    assert!(Client::connect(&format!("http://{}", chain.address)).await.is_ok());
    chain.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_28_giant_messages_are_refused_and_the_connection_lives() {
    let chain = Chain::start().await;
    let url = format!("http://{}", chain.address);
    let mut transactions = TransactionServiceClient::connect(url.clone()).await.unwrap();
    let giant = SubmitStreamRequest { transactions: vec![vec![1; 5 << 20].into()] };
    let mut answers =
        transactions.submit_stream(tokio_stream::once(giant)).await.unwrap().into_inner();
    let status = timeout(DEADLINE, answers.message()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    let small = SubmitStreamRequest::default();
    let answers = transactions.submit_stream(tokio_stream::once(small)).await.unwrap();
    assert!(timeout(DEADLINE, answers.into_inner().message()).await.unwrap().is_ok());

    let mut proofs = ProofServiceClient::connect(url).await.unwrap();
    let giant = GetCertificateRequest { keys: vec![vec![1; 70_000].into()], height: 0 };
    assert_eq!(proofs.get_certificate(giant).await.unwrap_err().code(), Code::OutOfRange);
    for keys in [vec![vec![].into()], vec![vec![1; 57].into()], vec![]] {
        let request = GetCertificateRequest { keys, height: 0 };
        let status = proofs.get_certificate(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    chain.stop().await;
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let config = GrpcConfig::default();
    let first = GrpcServer::bind("127.0.0.1:0".parse().unwrap(), config).await.unwrap();
    let address = first.local_address();
    let error = GrpcServer::bind(address, config).await.err().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on {address} for gRPC"));
}
