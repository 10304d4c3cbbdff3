"""Where addresses are, by the bundled database and by one the operator names."""

from pathlib import Path

import pytest

from tessera.profiles import places
from tessera.profiles.places import NOWHERE, Place, place_of


@pytest.mark.parametrize(
    ("ip", "country"),
    [("8.8.8.8", "US"), ("2001:4860:4860::8888", "US"), ("81.45.0.1", "ES")],
)
def test_public_addresses_have_a_country(ip: str, country: str):
    assert place_of(ip) == Place(country=country)


@pytest.mark.parametrize(
    "ip",
    ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fe80::1", "999.1.1.1", "1.2.3", "abc",
     "fe80::1%eth0", "", ":", "8.8.8.8\n", "8" * 400],
)  # fmt: skip
def test_private_unknown_and_malformed_addresses_are_nowhere(ip: str):
    assert place_of(ip) == NOWHERE


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (
            {
                "country": {"iso_code": "ES"},
                "city": {"names": {"en": "Madrid"}},
                "subdivisions": [{"names": {"en": "Madrid Region"}}],
                "postal": {"code": "28001"},
                "location": {"time_zone": "Europe/Madrid"},
            },
            Place("ES", "Madrid", "Madrid Region", "28001", "Europe/Madrid"),
        ),
        (
            {"country_code": "FR", "city": "Lyon", "state1": "Rhône", "postcode": "69001", "timezone": "Europe/Paris"},
            Place("FR", "Lyon", "Rhône", "69001", "Europe/Paris"),
        ),
        ({"country_code": "FR"}, Place("FR")),
        ({}, NOWHERE),
    ],
)
def test_nested_and_flat_city_records_are_read(
    record: dict[str, object], place: Place, monkeypatch: pytest.MonkeyPatch
):
    class Reader:
        def get(self, ip: str) -> dict[str, object]:
            return record

    monkeypatch.setattr(places.maxminddb, "open_database", lambda *_: Reader())
    assert places._mmdb(Path("any.mmdb"))("8.8.8.8") == place
