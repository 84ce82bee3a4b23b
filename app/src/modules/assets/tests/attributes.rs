//! Attributes against the schema of the class.

use tessera_proto::pb::assets::v1 as pb;
use tessera_proto::pb::assets::v1::{AssetClass, AssetStatus, Attribute, Attributes};
use tessera_proto::state_key::StateKey;

use super::life_cycle::change;
use super::registration;
use crate::modules::testing::{ISSUER, Kind, TestChain, assert_refused, asset};

const HOUSE: [(&str, &str); 4] =
    [("address", "1 Rue du Lac"), ("area_m2", "120.5"), ("country", "FR"), ("use", "residential")];

fn with(class: AssetClass, attributes: &[(&str, &str)]) -> Kind {
    let attribute =
        |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
    Kind::RegisterAsset(pb::RegisterAsset {
        class: class.into(),
        attributes: attributes.iter().map(attribute).collect(),
        ..registration("tower")
    })
}

#[test]
fn attributes_that_do_not_fit_the_class_are_refused_with_their_path() {
    let mut chain = TestChain::new();
    let changed = |at: usize, one: (&'static str, &'static str)| {
        let mut attributes = HOUSE.to_vec();
        attributes[at] = one;
        attributes
    };
    let class = AssetClass::RealEstate;
    for (attributes, code, text) in [
        (vec![("a", "b"); 33], 8, "`attributes` has 33 entries"),
        (changed(1, ("area_m2", "much")), 44, "`attributes.area_m2` is `much`, expected a number"),
        (changed(3, ("use", "casino")), 44, "expected one of residential, commercial"),
        (changed(0, ("adress", "x")), 42, "`attributes.adress` is not in the schema"),
        (changed(1, ("built", "1990-13-01")), 44, "`attributes.built` is `1990-13-01`"),
        (changed(1, ("built", "1990-12-01")), 43, "`attributes.area_m2` is missing"),
        (changed(1, ("address", "twice")), 45, "`attributes.address` is out of place"),
        (changed(0, ("zone", "x")), 42, "`attributes.zone`"),
        (HOUSE[..3].to_vec(), 43, "`attributes.use` is missing, expected one of"),
    ] {
        let error = chain.submit(ISSUER, with(class, &attributes)).unwrap_err();
        assert_eq!((error.codespace, error.code), ("assets", code), "{error}");
        assert!(error.message.contains(text), "{error}");
    }
    assert_refused(chain.submit(ISSUER, with(AssetClass::Good, &HOUSE)), "assets", 42);
}

#[test]
fn attributes_that_fit_are_kept() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, with(AssetClass::RealEstate, &HOUSE)).unwrap();
    let kept: Attributes = chain.get(&StateKey::attributes(&asset("tower"))).unwrap();
    let kept: Vec<_> =
        kept.attributes.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
    assert_eq!(kept, HOUSE);
}

#[test]
fn an_asset_may_be_registered_without_attributes() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, with(AssetClass::RealEstate, &[])).unwrap();
    assert_eq!(chain.get::<Attributes>(&StateKey::attributes(&asset("tower"))), None);
}

#[test]
fn terms_change_only_while_the_asset_is_proposed() {
    let mut chain = TestChain::new();
    chain.submit(ISSUER, with(AssetClass::RealEstate, &HOUSE)).unwrap();
    let terms = |attributes: &[(&str, &str)]| {
        let Kind::RegisterAsset(like) = with(AssetClass::RealEstate, attributes) else { panic!() };
        pb::AmendAsset {
            asset: asset("tower").to_bytes(),
            title: "Tower by the lake".to_owned(),
            decimals: 2,
            max_supply: "500".to_owned(),
            attributes: like.attributes,
        }
    };
    let good = terms(&[]);
    for (message, code) in [
        (pb::AmendAsset::default(), 1),
        (pb::AmendAsset { title: String::new(), decimals: 19, ..good.clone() }, 1),
        (pb::AmendAsset { decimals: 19, max_supply: "0".to_owned(), ..good.clone() }, 7),
        (pb::AmendAsset { max_supply: "0".to_owned(), ..good.clone() }, 4),
        (pb::AmendAsset { asset: asset("nothing").to_bytes(), ..good.clone() }, 11),
        (terms(&HOUSE[..3]), 30),
    ] {
        assert_refused(chain.submit(1, Kind::AmendAsset(message)), "assets", code);
    }
    let incomplete = Kind::AmendAsset(terms(&HOUSE[..3]));
    assert_refused(chain.submit(ISSUER, incomplete.clone()), "assets", 43);
    chain.submit(ISSUER, Kind::AmendAsset(good.clone())).unwrap();
    let facts = chain.facts("tower");
    assert_eq!((facts.title.as_str(), facts.decimals), ("Tower by the lake", 2));
    assert_eq!((facts.max_supply.as_str(), facts.name.as_str()), ("500", "tower"));
    assert_eq!(chain.get::<Attributes>(&StateKey::attributes(&asset("tower"))), None);
    chain.submit(ISSUER, change("tower", AssetStatus::Finalized)).unwrap();
    assert_refused(chain.submit(ISSUER, incomplete), "assets", 50);
}
