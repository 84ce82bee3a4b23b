//! Every method that reflection lists is there and answers.

use std::time::Duration;

use prost::Message as _;
use prost::bytes::{Buf, BufMut, Bytes};
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tessera_proto::pb::FILE_DESCRIPTOR_SET;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::chain::{Chain, DEADLINE};

/// Messages as they come.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

async fn connect(chain: &Chain) -> Channel {
    let url = format!("http://{}", chain.address);
    Endpoint::from_shared(url).unwrap().connect().await.unwrap()
}

async fn ask(
    client: &mut ServerReflectionClient<Channel>,
    question: MessageRequest,
) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let answer = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    answer.into_inner().next().await.unwrap().unwrap().message_response.unwrap()
}

/// Paths of all methods of all services, as reflection tells them.
async fn all_methods(chain: &Chain) -> Vec<String> {
    let mut client = ServerReflectionClient::new(connect(chain).await);
    let list = ask(&mut client, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(services) = list else { panic!("{list:?}") };
    let mut paths = Vec::new();
    for service in services.service {
        let question = MessageRequest::FileContainingSymbol(service.name.clone());
        let answer = ask(&mut client, question).await;
        let MessageResponse::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
        for file in files.file_descriptor_proto {
            let file = FileDescriptorProto::decode(file.as_slice()).unwrap();
            for found in &file.service {
                if format!("{}.{}", file.package(), found.name()) == service.name {
                    let path = |method: &prost_types::MethodDescriptorProto| {
                        format!("/{}/{}", service.name, method.name())
                    };
                    paths.extend(found.method.iter().map(path));
                }
            }
        }
    }
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_that_reflection_lists_answers() {
    let chain = Chain::start().await;
    let paths = all_methods(&chain).await;
    let ours = paths.iter().filter(|path| path.starts_with("/tessera.")).count();
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
    let described = files.iter().flat_map(|file| &file.service).map(|service| service.method.len());
    assert_eq!(ours, described.sum::<usize>(), "{paths:?}");
    assert!(paths.iter().any(|path| path == "/grpc.health.v1.Health/Check"), "{paths:?}");
    let channel = connect(&chain).await;
    for path in paths {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let request = Request::new(tokio_stream::once(Bytes::new()));
        let call = grpc.streaming(request, path.parse().unwrap(), Raw);
        let answer = timeout(DEADLINE, call).await.expect("no answer");
        // Subscriptions have nothing to say yet.
        let first = match answer {
            Ok(mut stream) => timeout(Duration::from_millis(50), stream.get_mut().message()).await,
            Err(status) => Ok(Err(status)),
        };
        if let Ok(Err(status)) = first {
            let expected = [Code::InvalidArgument, Code::NotFound];
            assert!(expected.contains(&status.code()), "{path}: {status:?}");
        }
    }
    chain.stop().await;
}
