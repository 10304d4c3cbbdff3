"""Which column probably goes where: by its name in English, Spanish and Russian, else by what is in it."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from tessera.events.vocabulary import STANDARD_NAMES
from tessera.imports.plan import Column, ValueType
from tessera.imports.sniffing import Sample
from tessera.profiles.attributes import STANDARD

_SYNONYMS: Final[dict[str, str]] = {
    "email": "email e-mail mail emailaddress correo correoelectronico почта электроннаяпочта емейл имейл мейл",
    "phone": "phone tel telephone mobile mobilephone cell phonenumber telefono movil celular телефон мобильный "
    "номертелефона сотовый",
    "user_id": "userid customerid clientid id uid idusuario idcliente кодклиента идентификатор",
    "profile_id": "profileid tesseraid",
    "attribute:first_name": "firstname givenname fname nombre nombredepila имя",
    "attribute:last_name": "lastname surname familyname lname apellido apellidos фамилия",
    "attribute:name": "name fullname displayname nombrecompleto nombreyapellidos фио полноеимя",
    "attribute:dob": "dob birthday birthdate dateofbirth fechadenacimiento fechanacimiento cumpleanos датарождения "
    "деньрождения",
    "attribute:gender": "gender sex sexo genero пол",
    "attribute:country": "country pais страна",
    "attribute:home_city": "city town homecity ciudad poblacion город",
    "attribute:language": "language lang idioma язык",
    "attribute:time_zone": "timezone tz zonahoraria часовойпояс",
    "attribute:title": "title jobtitle cargo должность",
    "attribute:company": "company organization organisation empresa компания организация",
    "attribute:website": "website url web сайт",
    "attribute:username": "username login usuario логин",
}
_TARGETS: Final = {name: target for target, names in _SYNONYMS.items() for name in names.split()}
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9]\d{0,17})")
_DECIMAL: Final = re.compile(r"[-+]?\d+[.,]\d+")
_PHONE: Final = re.compile(r"\+\d[\d\s().-]{6,18}")
_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
_DAYS: Final = (
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "%d/%m/%Y"),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4}"), "%d-%m-%Y"),
)
_TRUTH: Final = frozenset({"true", "false", "yes", "no", "sí", "si", "да", "нет"})


def plain_name(header: str) -> str:
    """A header as it is compared: no case, accents, blanks or punctuation."""
    text = unicodedata.normalize("NFKD", header.casefold())
    return "".join(char for char in text if char.isalnum())


def suggested_columns(sample: Sample) -> tuple[Column, ...]:
    """A column for each of the file's, in its order; what nobody recognises becomes an attribute of its own name."""
    taken: set[str] = set()
    columns = []
    for index, name in enumerate(sample.columns):
        values = [row[index] for row in sample.rows if index < len(row) and row[index].strip()]
        column = _suggested(name, values, taken, typed=sample.format.name != "csv")
        taken.add(column.target)
        columns.append(column)
    return tuple(columns)


def suggested_match(columns: Sequence[Column]) -> str:
    """The surest key there is: the caller's own id, then e-mail, then phone."""
    held = [column.identifier for column in columns]
    for kind in ("user_id", "email", "phone"):
        if kind in held:
            return kind
    return next((kind for kind in held if kind and kind.startswith("external:")), "email")


def _suggested(name: str, values: Sequence[str], taken: set[str], *, typed: bool) -> Column:
    """`typed`: the file itself says what is a number and what is not (JSON)."""
    target = _TARGETS.get(plain_name(name)) or _by_values(values)
    if target is None or target in taken:
        target = f"attribute:{STANDARD_NAMES.get(name, name)}"
        if target in taken or target.removeprefix("attribute:") in ("email", "phone"):
            return Column(name=name)
    if typed:
        return Column(name=name, target=target)
    kind, date_format, decimal = type_of_values(values)
    attribute = target.removeprefix("attribute:")
    if attribute == "dob":
        return Column(name=name, target=target, type="date", date_format=date_format)
    if attribute in STANDARD or not target.startswith("attribute:"):
        return Column(name=name, target=target)
    return Column(name=name, target=target, type=kind, date_format=date_format, decimal="," if decimal else ".")


def _by_values(values: Sequence[str]) -> str | None:
    if values and all(_EMAIL.fullmatch(value.strip()) for value in values):
        return "email"
    if values and all(_PHONE.fullmatch(value.strip()) for value in values):
        return "phone"
    return None


def type_of_values(values: Sequence[str]) -> tuple[ValueType, str, bool]:
    """(type, date format, whether the decimal mark is a comma) that all these cells fit."""
    cells = [value.strip() for value in values]
    if not cells:
        return "auto", "", False
    if all(_ISO_DAY.fullmatch(cell) for cell in cells):
        return "date", "", False
    for shape, date_format in _DAYS:
        if all(shape.fullmatch(cell) for cell in cells):
            return "date", date_format, False
    if all(cell.casefold() in _TRUTH for cell in cells):
        return "boolean", "", False
    if all(_WHOLE.fullmatch(cell) or _DECIMAL.fullmatch(cell) for cell in cells):
        return "number", "", any("," in cell for cell in cells)
    return "text", "", False
