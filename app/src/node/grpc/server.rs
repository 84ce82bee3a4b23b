//! The port and its limits.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tessera_proto::pb::FILE_DESCRIPTOR_SET;
use tessera_proto::pb::accounts::v1::account_query_service_server::AccountQueryServiceServer;
use tessera_proto::pb::assets::v1::asset_query_service_server::AssetQueryServiceServer;
use tessera_proto::pb::chain::v1::chain_service_server::ChainServiceServer;
use tessera_proto::pb::chain::v1::proof_service_server::ProofServiceServer;
use tessera_proto::pb::chain::v1::transaction_service_server::TransactionServiceServer;
use tessera_proto::pb::compliance::v1::compliance_query_service_server::ComplianceQueryServiceServer;
use tessera_proto::pb::distributions::v1::distribution_query_service_server::DistributionQueryServiceServer;
use tessera_proto::pb::market::v1::market_query_service_server::MarketQueryServiceServer;
use tessera_proto::pb::pools::v1::pool_query_service_server::PoolQueryServiceServer;
use tessera_proto::pb::royalties::v1::royalty_query_service_server::RoyaltyQueryServiceServer;
use tessera_proto::pb::transfers::v1::holding_query_service_server::HoldingQueryServiceServer;
use tessera_proto::pb::votes::v1::vote_query_service_server::VoteQueryServiceServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::connections;
use super::services::{ChainMode, Services};
use super::transactions::MAX_WAIT;
use crate::node::application::Node;
use crate::node::comet::headers::HeaderSource;

/// Where the node listens unless told otherwise: reachable from this machine only.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9090));

/// Largest request with transactions.
const MAX_TRANSACTIONS_BYTES: usize = 4 << 20;
/// Largest request of any other kind.
const MAX_QUERY_BYTES: usize = 64 << 10;
/// Largest answer.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Most bytes of the headers of a request.
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// Limits of the server.
#[derive(Debug, Clone, Copy)]
pub struct GrpcConfig {
    /// Most connections; further ones are closed at once.
    pub max_connections: usize,
    /// Most calls at a time on one connection; further ones wait.
    pub max_calls_per_connection: u32,
    /// How often a silent peer is asked whether it still lives.
    pub keepalive_interval: Duration,
    /// How long a peer may take to answer that.
    pub keepalive_timeout: Duration,
    /// How long a connection may stay without a byte from its peer.
    pub idle_timeout: Duration,
    /// How long a call may take to begin its answer.
    pub call_timeout: Duration,
    /// How long calls may take to end when the node stops.
    pub shutdown_grace: Duration,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            max_calls_per_connection: 1_024,
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            call_timeout: MAX_WAIT + Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(3),
        }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for gRPC")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Descriptors of the services cannot be read.
    #[error("descriptors of the services cannot be read")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Connections cannot be served any more.
    #[error("gRPC connections cannot be served")]
    Serve(#[from] tonic::transport::Error),
}

/// A port that is listened on.
pub struct GrpcServer {
    listener: TcpListener,
    address: SocketAddr,
    config: GrpcConfig,
}

impl GrpcServer {
    /// Listens on an address; port 0 chooses a free one.
    ///
    /// # Errors
    /// [`GrpcError::Bind`].
    pub async fn bind(address: SocketAddr, config: GrpcConfig) -> Result<Self, GrpcError> {
        let failed = |source| GrpcError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, config })
    }

    /// The address with the port that was chosen.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a node until `shutdown` completes; calls then have a moment to end.
    ///
    /// # Errors
    /// [`GrpcError::Reflection`], [`GrpcError::Serve`].
    pub async fn serve(
        self,
        node: Node,
        headers: Arc<dyn HeaderSource>,
        mode: ChainMode,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), GrpcError> {
        let (stop, stopping) = watch::channel(false);
        let (health, router) = self.router(Services::new(node, headers, mode, stopping.clone()))?;
        let GrpcConfig { max_connections, idle_timeout, shutdown_grace, .. } = self.config;
        let incoming = connections::incoming(self.listener, max_connections, idle_timeout);
        let shutdown = async move {
            shutdown.await;
            health.set_service_status("", ServingStatus::NotServing).await;
            stop.send_replace(true);
        };
        let mut stopping = stopping;
        let out_of_patience = async move {
            // An error means that the server is gone.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            sleep(shutdown_grace).await;
        };
        tokio::select! {
            served = router.serve_with_incoming_shutdown(incoming, shutdown) => Ok(served?),
            () = out_of_patience => Ok(()),
        }
    }

    fn router(&self, services: Services) -> Result<(HealthReporter, Router), GrpcError> {
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let (health, health_service) = health_reporter();
        macro_rules! limited {
            ($server:ident, $max_request_bytes:expr) => {
                $server::new(services.clone())
                    .max_decoding_message_size($max_request_bytes)
                    .max_encoding_message_size(MAX_ANSWER_BYTES)
            };
        }
        let router = self
            .transport()
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .add_service(health_service)
            .add_service(limited!(TransactionServiceServer, MAX_TRANSACTIONS_BYTES))
            .add_service(limited!(ChainServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(ProofServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(AccountQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(AssetQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(HoldingQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(MarketQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(PoolQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(RoyaltyQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(DistributionQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(ComplianceQueryServiceServer, MAX_QUERY_BYTES))
            .add_service(limited!(VoteQueryServiceServer, MAX_QUERY_BYTES));
        Ok((health, router))
    }

    fn transport(&self) -> Server {
        Server::builder()
            .timeout(self.config.call_timeout)
            .max_concurrent_streams(self.config.max_calls_per_connection)
            .http2_keepalive_interval(Some(self.config.keepalive_interval))
            .http2_keepalive_timeout(Some(self.config.keepalive_timeout))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
    }
}
