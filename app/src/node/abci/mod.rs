//! The ABCI 2.0 socket server: how CometBFT reaches the application.

mod address;
mod application;
mod connection;
mod frame;
mod messages;
mod server;

pub use address::{AbciAddress, AbciAddressError};
pub use application::AbciApplication;
pub(crate) use connection::Socket;
pub(crate) use frame::FrameReader;
pub use messages::{
    CODE_RETRY, Request, RequestInsertTx, RequestReapTxs, RequestValue, Response, ResponseInsertTx,
    ResponseReapTxs, ResponseValue,
};
pub use server::{AbciServer, AbciServerConfig, AbciServerError};
