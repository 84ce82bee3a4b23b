//! The ABCI server, driven with CometBFT's wire format byte by byte (faults 3 and 24).

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use tempfile::TempDir;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestCheckTx, RequestEcho, RequestFinalizeBlock, RequestInfo, ResponseCheckTx,
    ResponseCommit, ResponseFinalizeBlock, ResponseInfo,
};
use tessera_app::node::abci::{
    AbciAddress, AbciApplication, AbciServer, AbciServerConfig, AbciServerError, Request,
    RequestInsertTx, RequestReapTxs, RequestValue, Response, ResponseInsertTx, ResponseReapTxs,
    ResponseValue,
};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Tells what it was asked, and blocks where a test wants it to.
#[derive(Clone, Default)]
struct Probe(Arc<ProbeState>);

#[derive(Default)]
struct ProbeState {
    calls: Mutex<Vec<String>>,
    takeovers: AtomicUsize,
    gate: Gate,
}

/// Holds `finalize_block` of height 7 from its entry until it is opened.
#[derive(Default)]
struct Gate {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn enter(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 = true;
        self.changed.notify_all();
        let (state, wait) =
            self.changed.wait_timeout_while(state, DEADLINE, |(_, open)| !*open).unwrap();
        assert!(!wait.timed_out(), "gate stayed closed");
        drop(state);
    }

    fn wait_until_entered(&self) {
        let state = self.state.lock().unwrap();
        let (_state, wait) =
            self.changed.wait_timeout_while(state, DEADLINE, |(entered, _)| !*entered).unwrap();
        assert!(!wait.timed_out(), "nobody came to the gate");
    }

    fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

impl Probe {
    fn note(&self, call: impl Into<String>) {
        self.0.calls.lock().unwrap().push(call.into());
    }

    fn calls(&self) -> Vec<String> {
        self.0.calls.lock().unwrap().clone()
    }
}

impl Application for Probe {
    fn info(&self, request: RequestInfo) -> ResponseInfo {
        assert_ne!(request.version, "panic", "invariant broken");
        ResponseInfo { data: request.version, last_block_height: 5, ..Default::default() }
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        ResponseCheckTx { data: request.tx, code: 3, ..Default::default() }
    }

    fn commit(&self) -> ResponseCommit {
        self.note("commit");
        ResponseCommit { retain_height: 2 }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.note(format!("finalize {}", request.height));
        if request.height == 7 {
            self.0.gate.enter();
        }
        let result = |tx: Bytes| ExecTxResult { data: tx, ..Default::default() };
        ResponseFinalizeBlock {
            tx_results: request.txs.into_iter().map(result).collect(),
            app_hash: Bytes::from_static(&[0xaa]),
            ..Default::default()
        }
    }
}

impl AbciApplication for Probe {
    fn insert_tx(&self, request: RequestInsertTx) -> ResponseInsertTx {
        ResponseInsertTx { code: u32::try_from(request.tx.len()).unwrap() }
    }

    fn reap_txs(&self, request: RequestReapTxs) -> ResponseReapTxs {
        let tx = format!("{}/{}", request.max_bytes, request.max_gas);
        ResponseReapTxs { txs: vec![Bytes::from(tx), Bytes::from_static(b"b")] }
    }

    fn consensus_connection_opened(&self) {
        self.0.takeovers.fetch_add(1, Ordering::SeqCst);
        self.note("takeover");
    }
}

/// A server with its runtime; stops when dropped.
struct Server {
    runtime: Runtime,
    address: AbciAddress,
    probe: Probe,
    stop: Option<oneshot::Sender<()>>,
    done: Option<JoinHandle<Result<(), AbciServerError>>>,
    _folder: TempDir,
}

impl Server {
    fn unix() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = AbciAddress::Unix(folder.path().join("abci.sock"));
        Self::start(folder, address, AbciServerConfig::default())
    }

    fn tcp() -> Self {
        let address = "tcp://127.0.0.1:0".parse().unwrap();
        Self::start(tempfile::tempdir().unwrap(), address, AbciServerConfig::default())
    }

    fn start(folder: TempDir, address: AbciAddress, config: AbciServerConfig) -> Self {
        let runtime = runtime();
        let server = runtime.block_on(AbciServer::bind(address, config)).unwrap();
        let (address, probe) = (server.local_address().clone(), Probe::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let app = probe.clone();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let done = Some(runtime.spawn(server.serve(app, shutdown)));
        Self { runtime, address, probe, stop: Some(stop), done, _folder: folder }
    }

    fn connect(&self) -> Client {
        match &self.address {
            AbciAddress::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                Client(Box::new(stream))
            }
            AbciAddress::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).unwrap();
                stream.set_read_timeout(Some(DEADLINE)).unwrap();
                stream.set_nodelay(true).unwrap();
                Client(Box::new(stream))
            }
        }
    }

    fn begin_stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    fn finish(mut self) {
        self.begin_stop();
        let done = self.done.take().unwrap();
        self.runtime
            .block_on(async { tokio::time::timeout(DEADLINE, done).await })
            .expect("server does not stop")
            .unwrap()
            .unwrap();
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// CometBFT's end of a connection.
struct Client(Box<dyn Stream>);

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Checks the answer to the byte.
    fn expect(&mut self, bytes: &[u8]) {
        let mut answer = vec![0; bytes.len()];
        self.0.read_exact(&mut answer).unwrap();
        assert_eq!(hex::encode(answer), hex::encode(bytes));
    }

    fn receive(&mut self) -> ResponseValue {
        let mut prefix = Vec::new();
        while prefix.last().is_none_or(|byte| byte & 0x80 != 0) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            prefix.extend(byte);
        }
        let bytes = prost::decode_length_delimiter(prefix.as_slice()).unwrap();
        let mut frame = vec![0; bytes];
        self.0.read_exact(&mut frame).unwrap();
        Response::decode(frame.as_slice()).unwrap().value.unwrap()
    }

    fn ask(&mut self, value: RequestValue) -> ResponseValue {
        self.send(&frame(value));
        self.receive()
    }

    fn expect_exception(&mut self, text: &str) {
        match self.receive() {
            ResponseValue::Exception(exception) => assert!(
                exception.error.contains(text),
                "{:?} does not say {text:?}",
                exception.error
            ),
            other => panic!("not an exception: {other:?}"),
        }
    }

    fn expect_close(&mut self) {
        let mut rest = Vec::new();
        // A reset is a close as well: the server may leave bytes of ours unread.
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(hex::encode(rest), "", "answer instead of a close"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

fn frame(value: RequestValue) -> Vec<u8> {
    Request { value: Some(value) }.encode_length_delimited_to_vec()
}

fn echo(message: impl Into<String>) -> RequestValue {
    RequestValue::Echo(RequestEcho { message: message.into() })
}

fn finalize(height: i64) -> RequestValue {
    RequestValue::FinalizeBlock(RequestFinalizeBlock { height, ..Default::default() })
}

fn assert_echo(answer: ResponseValue, message: &str) {
    assert!(matches!(&answer, ResponseValue::Echo(echo) if echo.message == message), "{answer:?}");
}

/// Requests as CometBFT writes them, and the answers that the probe must give.
const GOLDEN: [(&[u8], &[u8]); 8] = [
    // Echo "hi"
    (b"\x06\x0a\x04\x0a\x02hi", b"\x06\x12\x04\x0a\x02hi"),
    // Flush
    (b"\x02\x12\x00", b"\x02\x1a\x00"),
    // Info, version "0.40.0", block 11, p2p 8, ABCI "2.0.0"
    (
        b"\x15\x1a\x13\x0a\x060.40.0\x10\x0b\x18\x08\x22\x052.0.0",
        b"\x0c\x22\x0a\x0a\x060.40.0\x20\x05",
    ),
    // CheckTx "tx", recheck
    (b"\x08\x42\x06\x0a\x02tx\x10\x01", b"\x08\x4a\x06\x08\x03\x12\x02tx"),
    // InsertTx "abc"
    (b"\x08\xaa\x01\x05\x0a\x03abc", b"\x05\xb2\x01\x02\x08\x03"),
    // ReapTxs, 200 bytes, 7 gas
    (b"\x08\xb2\x01\x05\x08\xc8\x01\x10\x07", b"\x0d\xba\x01\x0a\x0a\x05200/7\x0a\x01b"),
    // FinalizeBlock "x", "yz", an empty commit, height 6, one second after the epoch
    (
        b"\x12\xa2\x01\x0f\x0a\x01x\x0a\x02yz\x12\x00\x28\x06\x32\x02\x08\x01",
        b"\x11\xaa\x01\x0e\x12\x03\x12\x01x\x12\x04\x12\x02yz\x2a\x01\xaa",
    ),
    // Commit
    (b"\x02\x5a\x00", b"\x04\x62\x02\x18\x02"),
];

#[test]
fn golden_bytes_over_both_transports() {
    for server in [Server::unix(), Server::tcp()] {
        let mut client = server.connect();
        for (request, answer) in GOLDEN {
            client.send(request);
            client.expect(answer);
        }
        assert_eq!(server.probe.calls(), ["takeover", "finalize 6", "commit"]);
        server.finish();
    }
}

#[test]
fn requests_in_single_bytes_are_put_together() {
    for server in [Server::unix(), Server::tcp()] {
        let mut client = server.connect();
        for (request, answer) in GOLDEN {
            for byte in request {
                client.send(std::slice::from_ref(byte));
            }
            client.expect(answer);
        }
    }
}

#[test]
fn large_blocks_pass_both_ways() {
    let server = Server::unix();
    let mut client = server.connect();
    let txs: Vec<Bytes> = (0..64_u8).map(|fill| Bytes::from(vec![fill; 1 << 20])).collect();
    let block = RequestFinalizeBlock { txs: txs.clone(), height: 1, ..Default::default() };
    match client.ask(RequestValue::FinalizeBlock(block)) {
        ResponseValue::FinalizeBlock(response) => {
            assert!(response.tx_results.into_iter().map(|result| result.data).eq(txs));
        }
        other => panic!("wrong answer {other:?}"),
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 100_000;
    let server = Server::unix();
    let AbciAddress::Unix(path) = &server.address else { unreachable!() };
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut input: Vec<u8> = Vec::new();
    for index in 0..REQUESTS {
        input.extend(frame(echo(index.to_string())));
    }
    // One flush at the very end, as CometBFT's client sends.
    input.extend(GOLDEN[1].0);
    let mut writer = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || writer.write_all(&input).unwrap());
    let mut client = Client(Box::new(stream));
    for index in 0..REQUESTS {
        assert_echo(client.receive(), &index.to_string());
    }
    client.expect(GOLDEN[1].1);
    sending.join().unwrap();
}

#[test]
fn unknown_and_malformed_requests_get_an_exception_and_no_more() {
    let server = Server::unix();
    let mut client = server.connect();
    // Field 23, which no CometBFT has yet.
    client.send(b"\x03\xba\x01\x00");
    client.expect_exception("unknown request");
    // No field at all.
    client.send(b"\x00");
    client.expect_exception("unknown request");
    // An Echo that claims five bytes and has one, and one that is no UTF-8.
    client.send(b"\x03\x0a\x05\x0a");
    client.expect_exception("malformed request");
    client.send(b"\x05\x0a\x03\x0a\x01\xff");
    client.expect_exception("malformed request");
    assert_echo(client.ask(echo("still here")), "still here");
}

#[test]
fn framing_errors_close_the_connection() {
    let cases: [(&[u8], &str); 3] = [
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "exceeds the limit"),
        // 128 MiB and one byte
        (b"\x81\x80\x80\x40", "of 134217729 bytes exceeds the limit of 134217728"),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "no 64-bit varint"),
    ];
    for server in [Server::unix(), Server::tcp()] {
        for (bytes, text) in cases {
            let mut client = server.connect();
            assert_echo(client.ask(echo("before")), "before");
            client.send(bytes);
            client.expect_exception(text);
            client.expect_close();
        }
        assert_echo(server.connect().ask(echo("others")), "others");
    }
}

#[test]
fn announced_size_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let address = AbciAddress::Unix(folder.path().join("abci.sock"));
    let config = AbciServerConfig { max_frame_bytes: usize::MAX };
    let server = Server::start(folder, address, config);
    let mut clients: Vec<Client> = (0..12).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_echo(client.ask(echo("up")), "up");
        // 2^62 bytes, of which one arrives: no machine could reserve them.
        client.send(b"\x80\x80\x80\x80\x80\x80\x80\x80\x40\x0a");
    }
    assert_echo(server.connect().ask(echo("more")), "more");
}

#[test]
fn frame_cut_by_a_close_is_not_answered() {
    let server = Server::unix();
    let AbciAddress::Unix(path) = &server.address else { unreachable!() };
    let stream = UnixStream::connect(path).unwrap();
    let mut client = Client(Box::new(stream.try_clone().unwrap()));
    // A whole commit would be executed; this one lacks its last byte.
    client.send(b"\x02\x5a");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    client.expect_exception("closed inside a frame");
    client.expect_close();
    assert!(server.probe.calls().is_empty());
}

#[test]
fn slow_and_busy_connections_delay_no_other() {
    let server = Server::unix();
    let (mut slow, mut busy, mut other) = (server.connect(), server.connect(), server.connect());
    slow.send(&frame(echo("slow"))[..3]);
    busy.send(&frame(finalize(7)));
    server.probe.0.gate.wait_until_entered();
    for index in 0..100 {
        assert_echo(other.ask(echo(index.to_string())), &index.to_string());
    }
    server.probe.0.gate.open();
    assert!(matches!(busy.receive(), ResponseValue::FinalizeBlock(_)));
    slow.send(&frame(echo("slow"))[3..]);
    assert_echo(slow.receive(), "slow");
}

#[test]
fn reconnect_voids_what_the_last_connection_staged() {
    let server = Server::unix();
    let mut first = server.connect();
    let mut query = server.connect();
    first.ask(finalize(3));
    assert_echo(query.ask(echo("no consensus")), "no consensus");
    drop(first);
    let mut second = server.connect();
    second.ask(finalize(3));
    second.ask(RequestValue::Commit(Default::default()));
    let calls = server.probe.calls();
    assert_eq!(calls, ["takeover", "finalize 3", "takeover", "finalize 3", "commit"]);
    assert_echo(query.ask(echo("untouched")), "untouched");
}

#[test]
fn superseded_connection_cannot_commit() {
    let server = Server::unix();
    let (mut old, mut new) = (server.connect(), server.connect());
    old.send(&frame(finalize(7)));
    server.probe.0.gate.wait_until_entered();
    new.send(&frame(finalize(7)));
    server.probe.0.gate.open();
    assert!(matches!(old.receive(), ResponseValue::FinalizeBlock(_)));
    assert!(matches!(new.receive(), ResponseValue::FinalizeBlock(_)));
    old.send(&frame(RequestValue::Commit(Default::default())));
    old.expect_exception("newer connection");
    old.expect_close();
    let calls = server.probe.calls();
    assert_eq!(calls, ["takeover", "finalize 7", "takeover", "finalize 7"]);
}

#[test]
fn shutdown_answers_what_runs_and_closes_the_rest() {
    let mut server = Server::unix();
    let (mut idle, mut busy) = (server.connect(), server.connect());
    assert_echo(idle.ask(echo("idle")), "idle");
    busy.send(&frame(finalize(7)));
    server.probe.0.gate.wait_until_entered();
    server.begin_stop();
    idle.expect_close();
    server.probe.0.gate.open();
    assert!(matches!(busy.receive(), ResponseValue::FinalizeBlock(_)));
    busy.expect_close();
    let AbciAddress::Unix(path) = server.address.clone() else { unreachable!() };
    server.finish();
    assert!(!path.exists(), "socket file stays behind");
}

#[test]
fn socket_file_is_replaced_only_when_stale() {
    let runtime = runtime();
    let bind = |path: PathBuf| {
        runtime.block_on(AbciServer::bind(AbciAddress::Unix(path), AbciServerConfig::default()))
    };
    let folder = tempfile::tempdir().unwrap();
    let stale = folder.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    let server = bind(stale.clone()).unwrap();
    assert!(matches!(bind(stale.clone()), Err(AbciServerError::InUse(_))));
    drop(server);
    assert!(!stale.exists());

    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "keep").unwrap();
    assert!(matches!(bind(file.clone()), Err(AbciServerError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "keep");
    let nowhere = folder.path().join("absent/abci.sock");
    assert!(matches!(bind(nowhere), Err(AbciServerError::Bind { .. })));
}

#[test]
fn too_many_connections_are_refused() {
    let server = Server::unix();
    let mut clients: Vec<Client> = (0..16).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_echo(client.ask(echo("in")), "in");
    }
    server.connect().expect_close();
    assert_echo(clients[0].ask(echo("still in")), "still in");
}

const PANIC_VARIABLE: &str = "TESSERA_TEST_ABCI_PANIC";

/// Serves and panics, in the process that `panic_ends_the_process_unanswered` starts.
#[test]
fn panic_in_a_child_process() {
    if env::var_os(PANIC_VARIABLE).is_none() {
        return;
    }
    let server = Server::unix();
    let mut client = server.connect();
    let info = RequestInfo { version: "panic".to_owned(), ..Default::default() };
    client.send(&frame(RequestValue::Info(info)));
    let mut answer = Vec::new();
    let _ = client.0.read_to_end(&mut answer);
    // Reached only if the panic was answered or swallowed.
    std::process::exit(0);
}

#[test]
fn panic_ends_the_process_unanswered() {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "abci::panic_in_a_child_process", "--nocapture"])
        .env(PANIC_VARIABLE, "1")
        .output()
        .unwrap();
    assert!(!output.status.success(), "process outlived a panic");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("invariant broken"), "{errors}");
}
