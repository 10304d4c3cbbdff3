"""Which names and values look like personal data: a suggestion, which staff may overrule. Pure."""

import re
from ipaddress import ip_address
from typing import Final

_TEXT: Final = """
email mail correo correoelectronico emailaddress phone phonenumber mobile cell cellphone telephone tel telefono movil
celular telefon handy fax whatsapp telegram skype msisdn почта телефон мобильный อีเมล โทรศัพท์ เบอร์โทร
firstname lastname fullname surname givenname familyname middlename forename maidenname username nickname nombre
apellido apellidos vorname nachname prenom nom cognome имя фамилия отчество фио ชื่อ นามสกุล
address street streetaddress address1 address2 addressline1 addressline2 postcode postalcode zip zipcode direccion calle
codigopostal domicilio adresse strasse plz adresse1 indirizzo адрес улица индекс ที่อยู่ รหัสไปรษณีย์
latitude longitude lat lng geolocation gps currentlocation
dob birthday birthdate dateofbirth birth fechanacimiento fechadenacimiento cumpleanos geburtsdatum geburtstag
datenaissance деньрождения датарождения วันเกิด
ssn passport passportnumber nationalid idnumber dni nif nie taxid passnummer паспорт снилс инн iban cardnumber
creditcard accountnumber ip ipaddress clientip remoteip useragent devicetoken advertisingid idfa gaid
"""
_WORDS: Final = frozenset(_TEXT.split())
"""By line: how to reach them, their names, where they live and are, birth, papers and money, their machines."""

_ENDINGS: Final = ("email", "phone", "firstname", "lastname", "fullname", "address", "birthday", "birthdate", "телефон")
_NOT_PERSONAL: Final = frozenset({"productname", "eventname", "filename", "campaignname", "emailcampaign"})
_EMAIL: Final = re.compile(r"[^@\s\"']{1,64}@[^@\s\"']{1,190}\.[^@\s\"'.,;]{2,24}")
_PHONE: Final = re.compile(r"\+\d[\d ().-]{6,20}\d")
_PARTS: Final = re.compile(r"[\s_.:/()-]")


def looks_personal(kind: str, name: str, example: str) -> bool:
    """Whether the field probably tells who somebody is, by its name (in several languages) or by a value of it."""
    if kind == "event":
        return False
    return name_is_telling(kind, name) or value_is_telling(example)


def name_is_telling(kind: str, name: str) -> bool:
    """`E-mail`, `billing_email`, `fechaNacimiento`, `телефон`; `name` only where it is a person's: as an attribute."""
    plain = _PARTS.sub("", name).lower().translate(_ACCENTS)
    if plain in _NOT_PERSONAL:
        return False
    if plain == "name":
        return kind == "attribute"
    return plain in _WORDS or plain.endswith(_ENDINGS)


_ACCENTS: Final = str.maketrans("áéíóúüñçàèùâêîôûö", "aeiouuncaeuaeiouo")


def value_is_telling(text: str) -> bool:
    """An e-mail address, an international phone number or a public-looking IP address stands in the value."""
    if _EMAIL.search(text) or _PHONE.fullmatch(text.strip()):
        return True
    return _is_address(text.strip())


def _is_address(text: str) -> bool:
    if not 7 <= len(text) <= 45 or (text.count(".") != 3 and text.count(":") < 2):
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
