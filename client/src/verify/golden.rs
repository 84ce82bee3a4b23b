//! One file of each kind, as it must always be read and written.
//!
//! `TESSERA_ACCEPT_GOLDEN=1` writes them again: that approves another format.

use std::path::Path;

use tessera_proto::pb::query::v1::Certificate;
use tessera_proto::state_key::StateKey;

use super::fixture::*;
use super::*;

fn text<K: Kind>(certificate: &Certificate, body: K::Body) -> String {
    let trust = TrustRoot::ValidatorsHash(validators_hash());
    let verified = K::verify(certificate, &body, &trust).unwrap();
    ProofFile::<K>::new(certificate, body, &verified).to_text()
}

#[test]
fn golden_files() {
    let (receipt, proof) = receipt_certificate();
    let (state, holders) = register_state(REGISTER_SIZE);
    let register = certificate_of(&state, &register_keys(&ASSET), &[Behaviour::Signs; 4]);
    let holdings = holders.iter().map(|account| state.prove(&StateKey::holding(&ASSET, account)));
    let entries = HistoryEntries::new(&history_entries(3));
    for (name, text) in [
        (Ownership::NAME, text::<Ownership>(&ownership_certificate(&HOLDER), NoBody {})),
        ("absence", text::<Ownership>(&ownership_certificate(&STRANGER), NoBody {})),
        (AssetHistory::NAME, text::<AssetHistory>(&history_certificate(3), entries)),
        (CountedVote::NAME, text::<CountedVote>(&vote_certificate(&HOLDER, "170"), NoBody {})),
        (
            CompleteRegister::NAME,
            text::<CompleteRegister>(&register, RegisterBody::new(holdings).unwrap()),
        ),
        (TransactionReceipt::NAME, text::<TransactionReceipt>(&receipt, ReceiptBody::new(&proof))),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/verify/golden")
            .join(format!("{name}.json"));
        if std::env::var_os("TESSERA_ACCEPT_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert!(golden == text, "{name}: the format has changed");
    }
}
